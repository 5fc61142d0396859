"""The examples make pipelines of their own; here these read each model from disk but once."""

from collections.abc import Iterator

import pytest

from diptych.engine.models.registry import Registry
from diptych.pipelines import build


@pytest.fixture(autouse=True, scope="session")
def one_registry() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        shared = Registry()
        patch.setattr(build, "registry", lambda: shared)
        yield
