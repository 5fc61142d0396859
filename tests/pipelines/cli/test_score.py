"""`diptych score` and `diptych caption`: of one picture, of many, and of those that cannot be looked at."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import PIL.Image
import pytest
from rich.console import Console

from diptych import PictureJudge, TextToImage
from diptych.engine.loop import Policy
from diptych.pipelines import terminal
from diptych.pipelines.cli import main as cli
from diptych.pipelines.cli import score as score_command
from diptych.pipelines.cli.tables import scores as score_table
from diptych.pipelines.pictures.pixels import rgb_of
from diptych.pipelines.rendering.provenance.provenance import picture_bytes
from diptych.pipelines.rendering.rows.picture_files import PictureFile

Run = Callable[..., SimpleNamespace]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], reader: PictureJudge) -> Run:
    """Runs `diptych` with a judge of fakes, whose score of a picture is how light it is."""
    monkeypatch.setattr(PictureJudge, "from_recipe", lambda recipe, **options: reader)

    def call(*arguments: Any) -> SimpleNamespace:
        monkeypatch.setattr(sys, "argv", ["diptych", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return SimpleNamespace(status=ended.value.code or 0, out=out, err=err)

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures: dark, light, and one that is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    PIL.Image.new("L", (8, 8), 51).save(folder / "dark.png")
    PIL.Image.new("L", (9, 8), 204).save(folder / "light.jpg", quality=100)
    (folder / "none.png").write_text("no picture")
    return folder


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_one_picture_is_one_object_with_what_was_asked(run: Run, folder: Path) -> None:
    result = run("score", folder / "dark.png", "-p", "boat")
    assert (result.status, result.err) == (0, "")
    (line,) = lines(result.out)
    assert line == {
        **{"picture": str(folder / "dark.png"), "prompt": "boat", "score": 0.2, "accepted": False},
        "caption": "a picture of grey 51",
        "facts": [
            {
                **{"kind": "thing", "text": "boat", "probability": 0.2, "shown": False},
                **{"asked": True, "span": [0, 4]},
            }
        ],
        "left_out": [],
        "likelihood": None,
    }


def test_what_is_accepted_follows_the_score_and_what_was_left_out(run: Run, folder: Path) -> None:
    def accepted(*options: Any) -> bool:
        (line,) = lines(run("score", folder / "light.jpg", *options).out)
        return line["accepted"]

    assert accepted("-p", "boat")
    assert not accepted("-p", "boat", "--accept", 0.9)
    assert not accepted("-p", "boat flying")
    assert accepted("-p", "boat flying", "--ignore-left-out")
    (line,) = lines(run("score", folder / "light.jpg", "-p", "boat flying").out)
    assert line["left_out"] == ["flying"]


def test_a_folder_gives_a_line_each_and_what_is_no_picture_stops_no_other(run: Run, folder: Path) -> None:
    result = run("score", folder, "-p", "boat")
    assert result.status == 1
    assert [Path(line["picture"]).name for line in lines(result.out)] == ["dark.png", "light.jpg"]
    assert result.err == (
        f"diptych: {folder / 'none.png'}: is no picture of a kind that is read: use PNG, JPEG or WebP\n"
        "diptych: 1 of 3 pictures failed\n"
    )


def test_a_table_asks_each_picture_its_own(run: Run, folder: Path, reads: list[str]) -> None:
    rows = ["dark.png,boat", "light.jpg,cat", "dark.png,boat", "gone.png,boat", "dark.png,gibberish"]
    (folder / "pairs.csv").write_text("\n".join(["picture,prompt", *rows]))
    result = run("score", folder / "pairs.csv")
    assert result.status == 1
    assert [line["prompt"] for line in lines(result.out)] == ["boat", "cat", "boat"]
    gone, unread, _ = result.err.splitlines()
    assert gone.startswith(f"diptych: {folder / 'pairs.csv'}:5: ") and "no such file" in gone
    assert unread == f"diptych: {folder / 'dark.png'}: plan: knows no word of it"
    assert set(reads) == {"boat", "cat", "gibberish"}


def test_a_picture_of_ours_says_itself_what_it_should_show(run: Run, pipe: TextToImage, folder: Path) -> None:
    (outcome,) = pipe("boat", seed=3).outcomes
    (folder / "ours.png").write_bytes(picture_bytes(outcome, pipe.environment()))
    (line,) = lines(run("score", folder / "ours.png").out)
    assert line["prompt"] == "boat"
    result = run("score", folder / "ours.png", folder / "dark.png")
    assert result.status == 1 and len(lines(result.out)) == 1
    assert "dark.png: does not say what it should show: give a prompt with -p\n" in result.err


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (["dark.png"], ["-p", "gibberish"], "knows no word of it"),
        (["dark.png", "light.jpg"], ["-p", "gibberish"], "knows no word of it"),
        (["dark.png"], ["-p", " "], "prompt is empty"),
        (["dark.png"], [], "give a prompt with -p"),
        (["gone.png"], ["-p", "boat"], "no such file"),
        (["none.png"], ["-p", "boat"], "is no picture"),
        (["gone.csv"], [], "no such file"),
        (["dark.png"], ["-p", "boat", "--accept", "2"], "accept = 2.0: must lie between 0.0 and 1.0"),
        (["dark.png"], ["-p", "boat", "--accept", "nan"], "accept = nan"),
    ],
)
def test_what_is_wrong_for_all_is_one_line(
    run: Run, folder: Path, names: list[str], options: list[str], words: str
) -> None:
    result = run("score", *(folder / name for name in names), *options)
    assert (result.status, result.out) == (2, "")
    assert result.err.count("\n") == 1 and words in result.err, result.err


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def console() -> Console:
        return Console(force_terminal=True, width=100, no_color=True, highlight=False, markup=False)

    monkeypatch.setattr(terminal, "out_console", console)
    monkeypatch.setattr(score_table, "out_console", console)
    yield


@pytest.mark.usefixtures("on_a_terminal")
def test_a_terminal_is_shown_a_table_unless_json_is_asked_for(run: Run, folder: Path) -> None:
    one = run("score", folder / "light.jpg", "-p", "boat flying").out
    for text in ("0.80", "boat flying", "seen: a picture of grey 204", "not judged: flying"):
        assert text in one
    several = run("score", folder / "light.jpg", folder / "dark.png", "-p", "boat flying").out
    for text in ("light.jpg", "dark.png", "0.80", "0.20", "not shown: boat", "not judged: flying"):
        assert text in several
    assert lines(run("score", folder / "light.jpg", "-p", "boat", "--json").out)


@pytest.mark.usefixtures("on_a_terminal")
def test_a_long_table_is_cut(
    folder: Path, reader: PictureJudge, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(score_table, "MAX_TABLE_ROWS", 2)
    files = [PictureFile(path=folder / "dark.png", prompt=name) for name in ("boat", "cat", "dog", "bird")]
    with score_table.ScoreTable(rows=4) as table:
        assert score_command.run_score(reader, files, policy=Policy(), show=table.add) == 0
    out = capsys.readouterr().out
    assert "cat" in out and "dog" not in out and "and 2 more: --json prints all" in out


def test_captions_of_several_pictures_stand_behind_their_names(run: Run, folder: Path) -> None:
    assert run("caption", folder / "dark.png").out == "a picture of grey 51\n"
    result = run("caption", folder / "light.jpg", folder)
    assert result.status == 1
    assert result.out.splitlines() == [
        f"{folder / 'light.jpg'}: a picture of grey 204",
        f"{folder / 'dark.png'}: a picture of grey 51",
        f"{folder / 'light.jpg'}: a picture of grey 204",
    ]
    assert result.err.count("\n") == 2 and "none.png: is no picture" in result.err
    assert "1 of 4 pictures failed" in result.err


def test_captions_are_objects_where_that_is_asked_for(run: Run, folder: Path) -> None:
    (line,) = lines(run("caption", folder / "dark.png", "--json").out)
    assert line == {"picture": str(folder / "dark.png"), "caption": "a picture of grey 51"}


def test_patterns_bad_folders_and_bad_tables_stop_no_other(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "no.csv").write_bytes(b"\xff\xfe")
    sources = [folder / "*.png", tmp_path / "empty", folder / "light.jpg", tmp_path / "gone.png"]
    result = run("caption", *sources, "--json")
    assert result.status == 1
    assert [Path(line["picture"]).name for line in lines(result.out)] == ["dark.png", "light.jpg"]
    for said in ("none.png: is no picture", "empty: ", "gone.png: no such file", "3 of 5 pictures failed"):
        assert said in result.err
    result = run("score", tmp_path / "no.csv", tmp_path / "gone.csv", folder / "dark.png", "-p", "boat")
    assert result.status == 1 and len(lines(result.out)) == 1 and result.err.count("\n") == 3
    wrong = run("caption", tmp_path / "empty")
    assert wrong.status == 2 and "is a folder without pictures" in wrong.err


def test_a_large_picture_is_judged_by_a_smaller_copy_upright_and_on_white(tmp_path: Path) -> None:
    image = PIL.Image.new("RGBA", (300, 200), (200, 0, 0, 0))
    image.paste((0, 0, 250, 255), (0, 0, 150, 200))
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # turned to the right
    image.save(tmp_path / "a.png", exif=exif)
    whole, small = rgb_of(tmp_path / "a.png"), rgb_of(tmp_path / "a.png", most=100)
    assert (whole.size, small.size) == ((200, 300), (67, 100))
    for place in ((10, 10), (60, 10), (10, 90), (60, 90)):
        assert small.getpixel(place) == whole.getpixel((3 * place[0], 3 * place[1]))
    PIL.Image.new("L", (64, 48), 77).save(tmp_path / "b.jpg")
    assert rgb_of(tmp_path / "b.jpg", most=16).size == (16, 12)
    PIL.Image.new("I;16", (40, 20), 257 * 40).save(tmp_path / "c.png")
    assert rgb_of(tmp_path / "c.png", most=10).getpixel((0, 0)) == (40, 40, 40)


@pytest.mark.skipif(sys.platform != "linux", reason="kilobytes are those of Linux")
def test_a_picture_of_8192_pixels_a_side_takes_little_memory(tmp_path: Path) -> None:
    PIL.Image.new("RGBA", (8192, 8192), (200, 30, 30, 128)).save(tmp_path / "big.png", compress_level=1)
    code = f"""
import resource
from pathlib import Path
from diptych.pipelines.picture_judge import JUDGED_SIDE
from diptych.pipelines.pictures.pixels import rgb_of
import torch
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rgb_of(Path({str(tmp_path / "big.png")!r}), most=JUDGED_SIDE)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 350, "MiB: the decoded picture takes 256"
