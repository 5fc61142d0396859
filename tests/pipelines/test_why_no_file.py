"""Messages about files that are none say what lies there."""

import os
from pathlib import Path

import pytest

from diptych import InputError, PromptFileError
from diptych.pipelines.files import why_no_file
from diptych.pipelines.rendering.choose import choose
from diptych.prompts.reader import read_prompts


def test_what_lies_there_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "none.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    said = {path.name: why_no_file(path) for path in sorted(tmp_path.iterdir())}
    assert said == {
        "device.png": "is a device, not a file",
        "gone.png": "is a link to a file that is not there",
        "loop.png": "cannot be read (Too many levels of symbolic links)",
        "pipe.png": "is a pipe, not a file",
    }
    assert why_no_file(tmp_path) == "is a folder, not a file"
    for name in ("none.png", "a\0b", "x" * 5000):
        assert why_no_file(tmp_path / name) == "no such file"


def test_a_long_text_where_a_file_is_named_is_one_short_line() -> None:
    with pytest.raises(PromptFileError, match="no such file: check the path, or give text with -p") as told:
        list(read_prompts("a red boat, " * 40))
    assert len(str(told.value)) < 200
    with pytest.raises(InputError, match=r"no results\.jsonl lies there") as said:
        choose(Path("a red boat, " * 40), picks={}, ratings={1: 3})
    assert len(str(said.value)) < 400
