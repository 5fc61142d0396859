"""Counting what pictures show, and the sheet of what was counted."""

import dataclasses
import io
import json
from collections.abc import Callable
from typing import Any

import PIL.Image
import pytest
import torch

from diptych.pipelines.evaluation.alignment import Judged, alignment_of, held_out_scenes, render_scenes
from diptych.pipelines.evaluation.evaluation import Evaluation
from diptych.pipelines.evaluation.figures import Mean, Share
from diptych.pipelines.evaluation.inspector import Sighting
from diptych.pipelines.evaluation.report import to_json, to_table
from diptych.pipelines.evaluation.sheet import SIDE, judged_sheet
from diptych.pipelines.pocket.world import Scene, is_held_out

Perfect = Callable[[Scene], Sighting]
PAIR = "right thing in right colour"


def judged_of(scenes: list[Scene], seen: list[Sighting | None]) -> list[Judged]:
    return [Judged(scene=scene, seen=sight) for scene, sight in zip(scenes, seen, strict=True)]


def test_prompts_are_held_out_always_the_same_and_of_one_or_two_things() -> None:
    for things in (1, 2):
        scenes = held_out_scenes(30, things=things)
        assert {len(scene.things) for scene in scenes} == {things}
        assert all(is_held_out(t.kind, t.colour, s.setting) for s in scenes for t in s.things)
        assert scenes == held_out_scenes(30, things=things) != held_out_scenes(30, things=things, seed=1)
        assert scenes[:5] == held_out_scenes(5, things=things)


def test_every_picture_is_looked_at_beside_its_own_prompt(
    make_pipe_of_greys: Any, scenes: list[Scene], perfect: Perfect
) -> None:
    pipe, looked = make_pipe_of_greys(failing=(2,)), list[int]()

    def look(pixels: torch.Tensor) -> list[Sighting]:
        looked.append(int(pixels[0, 0, 0, 0]))
        grey = looked[-1]
        return [perfect(scenes[(grey if grey < 128 else 255 - grey) - 1])]

    judged = render_scenes(pipe, look, scenes)
    assert looked == [1, 254, 3, 252, 4, 251]  # the picture, then the draft's preview
    assert [row.right for row in judged] == [True, False, True, True]
    assert [row.error for row in judged] == ["", "draft: no ink", "", ""]
    assert pipe.wishes == {"candidates": 1, "rounds": 1}
    figures = alignment_of(judged)
    assert list(figures) == ["one thing", "one thing, draft alone", "two things", "two things, draft alone"]
    assert figures["one thing"][PAIR] == Share(1, 2) and figures["two things"][PAIR] == Share(2, 2)


def test_each_question_is_counted_by_itself(scenes: list[Scene], perfect: Perfect) -> None:
    two = scenes[2:]
    first, second = two[0].things
    right = perfect(two[0])
    swapped = frozenset({(first.kind, second.colour), (second.kind, first.colour)})
    cases = {
        "all right": (right, [1, 1, 1, 1, 1]),
        "colours swapped": (dataclasses.replace(right, pairs=swapped), [1, 1, 0, 1, 0]),
        "a thing more": (dataclasses.replace(right, pairs=right.pairs | swapped), [1, 1, 1, 1, 0]),
        "elsewhere": (dataclasses.replace(right, setting="nowhere"), [1, 1, 1, 0, 0]),
        "one missing": (
            dataclasses.replace(right, kinds=frozenset({first.kind}), pairs=frozenset()),
            [0, 1, 0, 1, 0],
        ),
        "failed": (None, [0, 0, 0, 0, 0]),
    }
    for name, (seen, expected) in cases.items():
        figures = alignment_of(judged_of([two[0]], [seen]))["two things"]
        counts = [figure.count for figure in figures.values() if isinstance(figure, Share)]
        assert counts == expected, name


def test_categories_without_prompts_are_left_out(scenes: list[Scene], perfect: Perfect) -> None:
    assert list(alignment_of(judged_of(scenes[:1], [perfect(scenes[0])]))) == ["one thing"]


def test_the_sheet_holds_every_judged_picture(scenes: list[Scene], perfect: Perfect) -> None:
    rows = [
        Judged(scene=scenes[0], pixels=torch.full((8, 8, 3), 9, dtype=torch.uint8), seen=perfect(scenes[0])),
        Judged(scene=scenes[1], error="draft: no ink"),
        Judged(scene=scenes[2], pixels=torch.full((8, 8, 3), 9, dtype=torch.uint8), seen=perfect(scenes[3])),
    ]
    sheet = PIL.Image.open(io.BytesIO(judged_sheet(rows, columns=2))).convert("RGB")
    dark = sum(n for n, colour in sheet.getcolors(sheet.width * sheet.height) or [] if colour == (9, 9, 9))
    assert 1.9 * SIDE**2 < dark < 2 * SIDE**2


@pytest.fixture
def evaluation(scenes: list[Scene], perfect: Perfect) -> Evaluation:
    judged = judged_of(scenes, [perfect(scenes[0]), None, None, perfect(scenes[3])])
    return Evaluation(
        recipe="fake",
        alignment=alignment_of(judged),
        inspector={"one thing": Share(9, 10)},
        captioner={"facts, colour": Share(0, 0)},
        tokenizer={"reconstruction": Mean.of_values([20.0, 30.0], "dB")},
        drafter={},
        judged=judged,
    )


def test_the_report_says_it_in_json(evaluation: Evaluation, prompts: list[str]) -> None:
    said = json.loads(to_json(evaluation))
    assert list(said) == ["recipe", "alignment", "inspector", "captioner", "tokenizer", "drafter", "prompts"]
    assert said["alignment"]["one thing"][PAIR]["count"] == 1
    assert len(said["alignment"]["two things"][PAIR]["interval"]) == 2
    assert said["tokenizer"]["reconstruction"]["unit"] == "dB"
    assert [row["prompt"] for row in said["prompts"]] == prompts
    assert [row["right"] for row in said["prompts"]] == [True, False, False, True]


def test_the_report_says_it_in_a_table(evaluation: Evaluation) -> None:
    table = to_table(evaluation)
    figures = list(table.columns[1].cells)
    assert figures.count(PAIR) == 2 and "reconstruction" in figures
    assert table.row_count == 2 * 5 + 3
