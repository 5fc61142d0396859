"""`diptych score` and `diptych caption`: of one picture, of many, and of those that cannot be looked at."""

import json
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
    )


def test_a_table_asks_each_picture_its_own(run: Run, folder: Path, reads: list[str]) -> None:
    rows = ["dark.png,boat", "light.jpg,cat", "dark.png,boat", "gone.png,boat", "dark.png,gibberish"]
    (folder / "pairs.csv").write_text("\n".join(["picture,prompt", *rows]))
    result = run("score", folder / "pairs.csv")
    assert result.status == 1
    assert [line["prompt"] for line in lines(result.out)] == ["boat", "cat", "boat"]
    gone, unread = result.err.splitlines()
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
    assert result.err.endswith("dark.png: does not say what it should show: give a prompt with -p\n")


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
    assert result.err.count("\n") == 1 and "none.png: is no picture" in result.err


def test_captions_are_objects_where_that_is_asked_for(run: Run, folder: Path) -> None:
    (line,) = lines(run("caption", folder / "dark.png", "--json").out)
    assert line == {"picture": str(folder / "dark.png"), "caption": "a picture of grey 51"}
