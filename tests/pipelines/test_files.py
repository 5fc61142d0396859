"""File names, and writing that leaves nothing by half."""

import io
import os
import tempfile
from pathlib import Path

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych import InputError, PromptFileError
from diptych.pipelines import files as output
from diptych.pipelines.rendering.choose import choose
from diptych.prompts.reader import read_prompts


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A red boat, at sunset!", "0007-a-red-boat-at-sunset.png"),
        ("../../etc/passwd", "0007-etc-passwd.png"),
        ("grüner Fuß", "0007-gruner-fu.png"),
        ("船", "0007-picture.png"),
        ("word " * 100, "0007-word-word-word-word-word-word-word-word-word.png"),
        ("x" * 1000, f"0007-{'x' * 48}.png"),
    ],
)
def test_a_picture_is_named_after_its_row_and_prompt(prompt: str, name: str) -> None:
    assert output.picture_name(7, prompt) == name


@given(st.text(max_size=300))
def test_a_slug_is_always_a_short_plain_name(prompt: str) -> None:
    slug = output.slug(prompt)
    assert 0 < len(slug) <= 48 and all(c.isascii() and (c.isalnum() or c == "-") for c in slug)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "file"
    output.write_atomically(path, b"one")
    output.write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["file"]


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    output.write_atomically(path, b"one")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left"):
        output.write_atomically(path, b"two")
    assert path.read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    output.prepare_folder(tmp_path / "a" / "b")
    assert os.listdir(tmp_path / "a" / "b") == []


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("mine")
    for place in (path, path / "sub"):
        with pytest.raises(InputError, match=r"is a file, not a folder"):
            output.prepare_folder(place)
    assert path.read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**options: object) -> None:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(InputError, match=r"cannot be written .Permission denied.: name another folder"):
        output.prepare_folder(tmp_path)


def test_a_preview_is_enlarged_pixel_by_pixel() -> None:
    data = output.preview_bytes(PIL.Image.new("RGB", (48, 24), "red"))
    with PIL.Image.open(io.BytesIO(data)) as image:
        assert image.size == (256, 128)


def test_names_fit_and_long_ones_stay_apart(tmp_path: Path) -> None:
    assert output.fitting_name("boat", "-x2.png") == "boat-x2.png"
    long = [output.fitting_name("\u00fc" * 300 + end, "-x2.png") for end in "ab"]
    assert len(set(long)) == 2
    for name in long:
        assert len(name.encode()) <= 255 and name.endswith("-x2.png")
        output.write_atomically(tmp_path / name, b"x")
        assert (tmp_path / name).read_bytes() == b"x"
    assert len(list(tmp_path.iterdir())) == 2


def test_what_lies_there_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "none.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    said = {path.name: output.why_no_file(path) for path in sorted(tmp_path.iterdir())}
    assert said == {
        "device.png": "is a device, not a file",
        "gone.png": "is a link to a file that is not there",
        "loop.png": "cannot be read (Too many levels of symbolic links)",
        "pipe.png": "is a pipe, not a file",
    }
    assert output.why_no_file(tmp_path) == "is a folder, not a file"
    for name in ("none.png", "a\0b", "x" * 5000):
        assert output.why_no_file(tmp_path / name) == "no such file"


def test_a_long_text_where_a_file_is_named_is_one_short_line() -> None:
    with pytest.raises(PromptFileError, match="no such file: check the path, or give text with -p") as told:
        list(read_prompts("a red boat, " * 40))
    assert len(str(told.value)) < 200
    with pytest.raises(InputError, match=r"no results\.jsonl lies there") as said:
        choose(Path("a red boat, " * 40), picks={}, ratings={1: 3})
    assert len(str(said.value)) < 400
