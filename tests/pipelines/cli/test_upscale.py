"""`diptych upscale` row by row: files, folders and patterns; one that cannot be enlarged stops no other."""

import json
from pathlib import Path

import PIL.Image
import pytest

from diptych import Upscale

from .conftest import Run


@pytest.fixture(scope="module")
def pipe() -> Upscale:
    return Upscale.from_recipe("pocket", device="cpu")


@pytest.fixture
def folder(tmp_path: Path, pipe: Upscale, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two small pictures, one of a very long name, one that is too large, and one that is none."""
    monkeypatch.setattr(Upscale, "from_recipe", lambda recipe, **options: pipe)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a.png", f"{'b' * 248}.png"):
        PIL.Image.new("RGB", (24, 16), "red").save(folder / name)
    PIL.Image.new("L", (4000, 8)).save(folder / "large.png")
    (folder / "none.png").write_text("no picture")
    return folder


def test_one_that_cannot_be_enlarged_stops_no_other(run: Run, folder: Path, tmp_path: Path) -> None:
    sources = [folder / "[ab]*.png", folder, tmp_path / "gone.png"]
    result = run("upscale", *sources[1:], "-o", tmp_path / "out", "--json", "-p", "a red boat", "--strength", 0)
    assert result.status == 1
    told = [json.loads(line) for line in result.out.splitlines()]
    assert [Path(line["picture"]).name[0] for line in told] == ["a", "b"]
    assert all(PIL.Image.open(line["enlarged"]).size == (48, 32) for line in told)
    for said in ("large.png: 4000x8 pixels, 2 times", "none.png: is no picture", "gone.png: no such file"):
        assert said in result.err
    assert "3 of 5 pictures failed" in result.err
    result = run("upscale", sources[0], "-o", tmp_path / "out", "-p", "a red boat", "--strength", 0)
    assert result.status == 0 and len(result.out.splitlines()) == 2


def test_one_picture_can_be_given_a_name(run: Run, folder: Path, tmp_path: Path) -> None:
    ask = ["-p", "a red boat", "--strength", 0, "-o"]
    result = run("upscale", folder / "a.png", *ask, tmp_path / "new" / "large.png")
    assert result.status == 0, result.err
    assert PIL.Image.open(tmp_path / "new" / "large.png").size == (48, 32)
    for pictures, out, words in (
        ([folder / "a.png", folder / "large.png"], tmp_path / "b.png", "is one file for 2 pictures"),
        ([folder / "a.png"], folder / "a.png", "is the picture itself"),
        ([folder / "a.png"], tmp_path / "b.jpg", "leave out .jpg"),
    ):
        result = run("upscale", *pictures, *ask, out)
        assert (result.status, result.out, result.err.count("\n")) == (2, "", 1) and words in result.err


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("none.png", [], "is no picture"),
        ("gone.png", [], "no such file"),
        ("large.png", [], "4000x8 pixels, 2 times as large: at most 4096 a side can be made"),
        ("a.png", ["--scale", 3], "scale = 3"),
        ("a.png", ["--strength", 2], "strength = 2.0"),
        ("a.png", ["-p", " "], "prompt is empty"),
    ],
)
def test_what_is_wrong_for_all_is_one_line(
    run: Run, folder: Path, tmp_path: Path, name: str, options: list[str], words: str
) -> None:
    result = run("upscale", folder / name, *options, "-o", tmp_path / "out")
    assert (result.status, result.out) == (2, "")
    assert result.err.count("\n") == 1 and words in result.err, result.err
    assert not (tmp_path / "out").exists()
