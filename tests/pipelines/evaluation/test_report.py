"""An evaluation as JSON, table, sheets, table to check by hand, and model card."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest
import torch

from diptych import InputError
from diptych.pipelines.evaluation.alignment import Judged, alignment_of_pictures
from diptych.pipelines.evaluation.card import BEGIN, END, figures_of, write_card
from diptych.pipelines.evaluation.checked_by_a_person import read_check, write_check
from diptych.pipelines.evaluation.evaluation import Evaluation
from diptych.pipelines.evaluation.figures import Measure, Share
from diptych.pipelines.evaluation.inspector import Sighting
from diptych.pipelines.evaluation.report import SECTIONS, to_json, to_table, to_text
from diptych.pipelines.evaluation.sheet import SIDE, judged_sheet
from diptych.pipelines.pocket.world import Scene

Perfect = Callable[[Scene], Sighting]
GREY = torch.full((8, 8, 3), 9, dtype=torch.uint8)


@pytest.fixture
def judged(scenes: list[Scene], perfect: Perfect) -> list[Judged]:
    """Right, failed, wrong, right."""
    return [
        Judged(scene=scenes[0], pixels=GREY, seen=perfect(scenes[0])),
        Judged(scene=scenes[1], error="draft: no ink"),
        Judged(scene=scenes[2], pixels=GREY, seen=perfect(scenes[3])),
        Judged(scene=scenes[4], pixels=GREY, seen=perfect(scenes[4])),
    ]


@pytest.fixture
def evaluation(judged: list[Judged]) -> Evaluation:
    return Evaluation(
        recipe="fake",
        alignment=alignment_of_pictures(judged),
        drafts={},
        inspector={"one_thing": Share(9, 10)},
        captioner={"colour": Share(0, 0)},
        captioner_on_pictures={},
        tokenizer={"psnr": Measure.mean_of([20.0, 30.0], "dB")},
        drafter={},
        frechet={"pictures": Measure(value=1.5, half_width=0.5, of=3, unit="")},
        diversity={"pictures": Measure.mean_of([2.0], "")},
        seconds={},
        judged=judged,
    )


def test_json_has_every_section_and_every_prompt(evaluation: Evaluation) -> None:
    said = json.loads(to_text(to_json(evaluation)))
    assert list(said) == ["recipe", "panel", *SECTIONS, "prompts"]
    assert said["alignment"]["one_thing"] == {"value": 1.0, "count": 2, "of": 2, "interval": [0.3424, 1.0]}
    assert said["frechet"]["pictures"] == {"value": 1.5, "unit": "", "of": 3, "interval": [1.0, 2.0]}
    assert said["captioner"]["colour"]["value"] is None and said["drafter"] == {}
    assert [row["right"] for row in said["prompts"]] == [True, False, False, True]
    assert said["prompts"][1]["error"] == "draft: no ink" and "two_things" in said["prompts"][2]["wrong"]


def test_the_table_has_a_row_a_figure(evaluation: Evaluation) -> None:
    body = to_json(evaluation)
    table = to_table(body)
    figures = list(table.columns[1].cells)
    assert table.row_count == sum(len(body[name]) for name in SECTIONS)
    assert "colour binding" in figures and "psnr" in figures
    values = dict(zip(figures, table.columns[2].cells, strict=True))
    assert values["psnr"] == "25.000 dB" and values["colour"] == "-"


def test_the_sheet_holds_every_judged_picture(judged: list[Judged]) -> None:
    sheet = PIL.Image.open(io.BytesIO(judged_sheet(judged, columns=2))).convert("RGB")
    dark = sum(n for n, colour in sheet.getcolors(sheet.width * sheet.height) or [] if colour == (9, 9, 9))
    assert 2.9 * SIDE**2 < dark < 3 * SIDE**2
    assert PIL.Image.open(io.BytesIO(judged_sheet([]))).width > 0


def test_what_a_person_checks_is_counted(judged: list[Judged], tmp_path: Path) -> None:
    table = write_check(tmp_path / "check.png", judged)
    assert PIL.Image.open(tmp_path / "check.png").width > SIDE
    rows = list(csv.DictReader(table.open(newline="", encoding="utf-8")))
    assert [row["number"] for row in rows] == ["1", "2", "3"]  # the one that failed has nothing to be checked
    assert rows[0]["reading"] == str(judged[0].seen) and rows[0]["prompt"] == judged[0].prompt
    with pytest.raises(InputError, match="nothing is checked"):
        read_check(table)
    text = table.read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join([text[0], text[1] + "yes", text[2] + "No", text[3]]), encoding="utf-8")
    assert read_check(table) == Share(1, 2)
    table.write_text("\n".join([text[0], text[1] + "perhaps"]), encoding="utf-8")
    with pytest.raises(InputError, match=r"check.csv:2: 'perhaps': write yes or no"):
        read_check(table)
    with pytest.raises(InputError, match="cannot be read"):
        read_check(tmp_path / "none.csv")


def test_the_card_keeps_its_own_words_and_gets_new_figures(evaluation: Evaluation, tmp_path: Path) -> None:
    card, body = tmp_path / "CARD.md", to_json(evaluation)
    card.write_text(f"# Models\n\nBefore.\n\n{BEGIN}\nold figures\n{END}\n\nAfter.\n", encoding="utf-8")
    write_card(card, body)
    once = card.read_text(encoding="utf-8")
    assert once.startswith("# Models\n\nBefore.\n") and once.endswith(f"{END}\n\nAfter.\n")
    assert "old figures" not in once and figures_of(body) in once
    assert "| one thing | 1.000 | 0.342 to 1.000 | 2 |" in once and "4 held-out prompts" in once
    write_card(card, body)
    assert card.read_text(encoding="utf-8") == once


def test_a_card_without_a_place_for_figures_is_refused(evaluation: Evaluation, tmp_path: Path) -> None:
    card = tmp_path / "CARD.md"
    card.write_text(f"# Models\n{END}\n{BEGIN}\n", encoding="utf-8")
    for path, reason in ((card, "has no place for figures"), (tmp_path / "none.md", "cannot be read")):
        with pytest.raises(InputError, match=reason):
            write_card(path, to_json(evaluation))
