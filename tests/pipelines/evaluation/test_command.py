"""`diptych evaluate`, from the command line to standard output, with a pipeline of fakes."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import PIL.Image
import pytest
import torch

from diptych.pipelines import cli
from diptych.pipelines.evaluation.inspector import Inspector
from diptych.pipelines.text_to_image import TextToImage
from diptych.pipelines.training.inspector import GROUPS


def blind(*, pixel_values: torch.Tensor) -> Any:
    """Sees no thing, and the first setting everywhere."""
    return SimpleNamespace(logits=torch.full((len(pixel_values), sum(GROUPS)), -1.0))


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pipe: TextToImage):
    """Runs the command with these arguments; returns exit status, standard output and standard error."""
    monkeypatch.setattr(cli, "_text_to_image", lambda recipe, **_: pipe)
    monkeypatch.setattr(Inspector, "from_checkpoint", lambda _: Inspector(blind))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(
            sys, "argv", ["diptych", "evaluate", "--prompts", "2", "--renders", "3", *arguments]
        )
        with pytest.raises(SystemExit) as caught:
            cli.main()
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err

    return run


def test_json_goes_to_standard_output_and_the_sheet_to_its_file(evaluate: Any, tmp_path: Path) -> None:
    status, out, err = evaluate("--json", "--sheet", str(tmp_path / "sheet.png"))
    said = json.loads(out)
    assert status == 0 and "prompts: 4 are rendered" in err
    assert list(said["alignment"]) == [
        "one thing",
        "one thing, draft alone",
        "two things",
        "two things, draft alone",
    ]
    assert said["alignment"]["one thing"]["right thing"] == {
        "value": 0.0,
        "count": 0,
        "of": 2,
        "interval": [0.0, 0.6576],
    }
    assert said["captioner"]["all facts"]["of"] == 3 and said["tokenizer"] == {} == said["drafter"]
    assert PIL.Image.open(tmp_path / "sheet.png").width > 300


def test_a_table_is_what_people_get(evaluate: Any) -> None:
    status, out, _ = evaluate()
    assert status == 0 and "right thing in right colour" in out and "0.000 to 0.658" in out


def test_a_sheet_that_cannot_be_written_is_refused_before_anything_is_done(
    evaluate: Any, tmp_path: Path
) -> None:
    status, out, err = evaluate("--sheet", str(tmp_path / "none" / "sheet.png"))
    assert status == 2 and out == "" and err.count("\n") == 1 and "cannot be written there" in err
    assert evaluate("--sheet", str(tmp_path))[0] == 2
