"""`diptych evaluate words`, from the command line to standard output, with a pipeline of fakes."""

import json
import sys
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from diptych.pipelines.cli import evaluate as evaluate_command
from diptych.pipelines.cli import main as cli
from diptych.pipelines.evaluation.inspector import Inspector
from diptych.pipelines.evaluation.typed_prompts import run as words_command
from diptych.pipelines.evaluation.typed_prompts.prompts import TypedPrompt
from diptych.pipelines.text_to_image import TextToImage

BOAT = (("thing", "a boat"), ("colour", "a red boat"))
PROMPTS = (
    TypedPrompt(prompt="a red boat", facts=BOAT, tags=("colour",)),
    TypedPrompt(prompt="a boat, hat", facts=BOAT[:1], left_out=("hat",), tags=("unknown",)),
    TypedPrompt(prompt="poison", facts=BOAT, tags=("short",)),
    TypedPrompt(prompt="a red boat, sword", facts=BOAT, left_out=("sword",), split="held-out"),
)


@pytest.fixture
def words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pipe: TextToImage, blind_detector: Any
):
    """Runs the command with these arguments; returns exit status, standard output and standard error."""
    monkeypatch.setattr(evaluate_command, "make_pipe", lambda recipe, **_: pipe)
    monkeypatch.setattr(Inspector, "from_checkpoint", lambda _: Inspector(blind_detector))
    monkeypatch.setattr(words_command, "typed_prompts", lambda split, first: PROMPTS)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["diptych", "evaluate", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err

    return run


def test_json_has_the_figures_and_every_prompt(words: Any, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    status, out, _ = words("words", "--renders", "4", "--accept", "0", "--json", "--sheet", str(sheet))
    said = json.loads(out)
    assert status == 0 and {"acceptance", "words", "facts", "score", "by_tag", "by_language"} <= set(said)
    assert said["acceptance"]["false_accepts"] == {
        "value": 1.0,
        "count": 2,
        "of": 2,
        "interval": [0.3424, 1.0],
    }
    assert said["acceptance"]["refused"]["count"] == 1 and said["words"]["recall"]["of"] == 2
    assert said["by_split"]["held-out"]["words"]["recall"]["count"] == 0
    assert said["by_tag"]["unknown"]["words"]["recall"]["value"] == 1.0
    assert [row["error"] for row in said["prompts"]] == [None, None, "refine: the prompt is poison", None]
    assert said["prompts"][3]["wrong"][1] == "cannot be shown: sword"
    assert said["score"]["renders, AUC, overall"]["of"] == 4
    assert "pictures, calibration error" in said["score"]
    assert PIL.Image.open(sheet).width > 300


def test_people_get_a_table_and_are_told_nothing_of_held_out_prompts(words: Any) -> None:
    status, out, err = words("words", "--renders", "2", "--accept", "0")
    assert status == 0 and "false accepts of wanting" in out and "words left out" in out and "the score" in out
    assert "'a red boat': accepted; not shown: a boat" in err and "poison" in err
    assert "sword" not in out + err and "and 1 more of which something is wrong" in err


def test_plans_alone_are_measured_in_what_they_leave_out(words: Any, tmp_path: Path) -> None:
    status, out, _ = words("words", "--only", "plan", "--json")
    said = json.loads(out)
    assert status == 0 and said["acceptance"] == {} == said["score"] and said["words"]["recall"]["of"] == 2
    status, _, err = words("words", "--only", "plan", "--sheet", str(tmp_path / "s.png"))
    assert status == 2 and "no pictures are made for a sheet" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("word",), "evaluate 'word': not known: choose one of pictures, words"),
        (("words", "--steps", "3"), "--steps is for evaluate pictures"),
        (("words", "--card", "CARD.md"), "--card is for evaluate pictures"),
        (("--split", "all"), "--split is for evaluate words"),
        (("pictures", "--accept", "0.5"), "--accept is for evaluate words"),
        (("words", "--only", "tokens"), "evaluate words knows plan"),
        (("words", "--sheet", "/none/sheet.png"), "cannot be written there"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(words: Any, arguments: tuple[str, ...], message: str) -> None:
    status, out, err = words(*arguments)
    assert status == 2 and out == "" and err.count("\n") == 1 and message in err


def test_a_split_that_is_not_known_is_refused(words: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(SystemExit):
        monkeypatch.setattr(sys, "argv", ["diptych", "evaluate", "words", "--split", "dev"])
        cli.main()
