"""What tests of prompt files share: reading bytes, and a folder of wildcards."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from diptych import Row, read_prompts

Read = Callable[..., list[Row]]


@pytest.fixture
def read() -> Read:
    """Reads text or bytes as if they came by standard input; faulty rows are given, too."""

    def call(data: str | bytes, *, format: str | None = None) -> list[Row]:
        stream = io.BytesIO(data.encode() if isinstance(data, str) else data)
        return list(read_prompts(stream, format=format))

    return call


@pytest.fixture(scope="session")
def wildcards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wildcards: colour, boat, sky, birds/sea, birds/land, and loop, which names itself."""
    folder = tmp_path_factory.mktemp("wildcards")
    (folder / "birds").mkdir()
    (folder / "colour.txt").write_text("# two of them\nred\n\nblue\n")
    (folder / "boat.txt").write_text("a ${colour:grey} boat\n")
    (folder / "sky.txt").write_text("__colour__ sky\n{dim|bright} sun\n")
    (folder / "birds" / "sea.txt").write_text("gull\n")
    (folder / "birds" / "land.txt").write_text("robin\n")
    (folder / "loop.txt").write_text("__loop__ and __loop__\n")
    return folder
