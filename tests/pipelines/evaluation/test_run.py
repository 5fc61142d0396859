"""`diptych evaluate`, from the command line to standard output, with a pipeline of fakes."""

import json
import sys
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from diptych.pipelines.cli import evaluate as evaluate_command
from diptych.pipelines.cli import main as cli
from diptych.pipelines.evaluation.card import BEGIN, END
from diptych.pipelines.evaluation.evaluation import Extent
from diptych.pipelines.evaluation.inspector import Inspector
from diptych.pipelines.evaluation.report import SECTIONS
from diptych.pipelines.text_to_image import TextToImage


@pytest.fixture
def evaluate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pipe: TextToImage, blind_detector: Any
):
    """Runs the command with these arguments; returns exit status, standard output and standard error."""
    monkeypatch.setattr(evaluate_command, "make_pipe", lambda recipe, **_: pipe)
    monkeypatch.setattr(Inspector, "from_checkpoint", lambda _: Inspector(blind_detector))
    monkeypatch.setattr(Extent, "__init__", _few)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["diptych", "evaluate", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err

    return run


def _few(self: Extent, **given: Any) -> None:
    for name, value in {**given, "prompts": 4, "renders": 3, "seeds": 2}.items():
        object.__setattr__(self, name, value)


def test_json_goes_to_standard_output_and_pictures_to_their_files(evaluate: Any, tmp_path: Path) -> None:
    sheets = {name: tmp_path / f"{name}.png" for name in ("sheet", "failures", "check-sheet")}
    status, out, err = evaluate("--json", *(str(x) for k, v in sheets.items() for x in (f"--{k}", v)))
    said = json.loads(out)
    assert status == 0 and "prompts: 4 are rendered" in err and "4 failures" in err
    assert list(said) == ["recipe", "panel", *SECTIONS, "prompts"]
    assert said["alignment"]["one_thing"] == {"value": 0.0, "count": 0, "of": 1, "interval": [0.0, 0.7935]}
    assert said["drafts"]["one_thing"]["of"] == 1 and said["inspector"]["style"]["of"] == 3
    assert said["captioner"]["all facts"]["of"] == 3 and said["captioner_on_pictures"] == {}
    assert said["tokenizer"] == {} == said["drafter"]
    assert said["frechet"]["pictures"]["of"] == 4 and said["diversity"]["pictures"]["of"] == 1
    assert list(said["seconds"]) == ["plan", "draft", "refine", "judge", "all"]
    assert all(PIL.Image.open(path).width > 300 for path in sheets.values())
    assert len((tmp_path / "check-sheet.csv").read_text().splitlines()) == 5


def test_a_table_is_what_people_get(evaluate: Any) -> None:
    status, out, _ = evaluate()
    assert status == 0 and "colour binding" in out and "0.000 to 0.793" in out


def test_one_panel_alone_is_measured_in_what_it_makes(evaluate: Any) -> None:
    status, out, _ = evaluate("--only", "tokens", "--json")
    said = json.loads(out)
    assert status == 0 and said["panel"] == "tokens" and "enlarge" in said["seconds"]
    assert said["captioner"] == {} and said["alignment"]["setting"]["of"] == 4
    status, _, err = evaluate("--only", "token")
    assert status == 2 and "choose one of hybrid, tokens, diffusion" in err


def test_figures_are_shown_again_and_written_into_a_card(evaluate: Any, tmp_path: Path) -> None:
    figures, card, checked = tmp_path / "figures.json", tmp_path / "CARD.md", tmp_path / "checked.csv"
    figures.write_text(evaluate("--json")[1])
    card.write_text(f"Mine.\n{BEGIN}\n{END}\n")
    checked.write_text("number,prompt,reading,agrees\n1,a boat,nothing,yes\n2,a cat,nothing,no\n")
    status, out, _ = evaluate("--figures", str(figures), "--card", str(card), "--checked", str(checked))
    assert status == 0 and "colour binding" in out
    written = card.read_text()
    assert written.startswith("Mine.\n") and "| hand-checked pictures | 0.500 | 0.095 to 0.905 | 2 |" in written
    status, _, err = evaluate("--figures", str(figures), "--sheet", str(tmp_path / "s.png"))
    assert status == 2 and "no pictures for a sheet" in err
    figures.write_text("{}")
    status, _, err = evaluate("--figures", str(figures))
    assert status == 2 and "is no evaluation" in err


def test_what_cannot_be_written_is_refused_before_anything_is_done(evaluate: Any, tmp_path: Path) -> None:
    for option in ("--sheet", "--failures", "--check-sheet"):
        status, out, err = evaluate(option, str(tmp_path / "none" / "sheet.png"))
        assert status == 2 and out == "" and err.count("\n") == 1 and "cannot be written there" in err
        assert evaluate(option, str(tmp_path))[0] == 2
    (tmp_path / "CARD.md").write_text("no place")
    status, _, err = evaluate("--card", str(tmp_path / "CARD.md"))
    assert status == 2 and "has no place for figures" in err and err.count("\n") == 1
