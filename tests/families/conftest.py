"""Small checkpoints of every family, made once a session: random weights, real formats."""

from collections.abc import Callable
from pathlib import Path

import pytest

Make = Callable[[Path], None]


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Make], Path]:
    """The folder that a builder of twins writes; each builder is asked once."""
    made: dict[Make, Path] = {}

    def folder_of(make: Make) -> Path:
        if make not in made:
            made[make] = tmp_path_factory.mktemp(make.__name__)
            make(made[make])
        return made[make]

    return folder_of
