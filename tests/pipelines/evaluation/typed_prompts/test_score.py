"""The score on texts as people type them: which texts are tried, and what is no fair try."""

import dataclasses
from collections.abc import Sequence

import torch

from diptych.engine.values import Fact, Picture, Span, Verdict
from diptych.pipelines.evaluation.inspector import Seen, Sighting
from diptych.pipelines.evaluation.typed_prompts.prompts import TypedPrompt
from diptych.pipelines.evaluation.typed_prompts.renders import WordsRow
from diptych.pipelines.evaluation.typed_prompts.score import FIRST, scored_pictures, scored_renders
from diptych.pipelines.evaluation.typed_prompts.scored import AS_PAINTED, MATCHED
from diptych.pipelines.text_to_image import TextToImage
from diptych.pipelines.training.tasks import calibration

PIXELS = torch.zeros(8, 8, 3, dtype=torch.uint8)
SEEN = Sighting(things=(Seen(kind="cat", colour="red", x=0.5, y=0.5),), setting="night", style="flat")
TYPED = TypedPrompt(prompt="a red cat at night", facts=(("thing", "a cat"), ("colour", "a red cat")))
FACTS = (Fact(kind="thing", text="a cat"), Fact(kind="colour", text="a red cat"))
ROW = WordsRow(typed=TYPED, accepted=True, score=0.75, asked=FACTS, pixels=PIXELS, seen=SEEN)


class Judge:
    """Says what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Fact, ...]] = []

    def __call__(self, pictures: Sequence[Picture]) -> list[Verdict]:
        self.asked += [picture.plan.facts for picture in pictures if picture.plan]
        return [Verdict(caption="", score=0.25) for _ in pictures]


def test_right_pictures_are_tried_with_facts_made_wrong() -> None:
    judge = Judge()
    (found,) = scored_pictures(judge, [ROW])
    assert (found[0].mismatch, found[0].weight, found[0].score) == (MATCHED, 1.0, 0.75)
    assert {each.mismatch for each in found[1:]} == {"thing", "colour"}
    assert sum(each.weight for each in found[1:]) == 1.0 and len(judge.asked) == 2
    assert all(asked != FACTS and len(asked) == 2 for asked in judge.asked)


def test_wrong_pictures_count_as_they_were_painted_and_rows_with_something_left_out_do_not() -> None:
    judge = Judge()
    poor = dataclasses.replace(ROW, seen=dataclasses.replace(SEEN, things=()))
    partial = dataclasses.replace(ROW, left_out=(Span.of(TYPED.prompt, 9, 18),))
    refused = WordsRow(typed=TYPED, error="plan: no")
    found = scored_pictures(judge, [poor, partial, refused])
    assert [[each.mismatch for each in picture] for picture in found] == [[AS_PAINTED]] and not judge.asked


def test_a_wrong_text_that_the_planner_reads_as_true_is_none(pipe: TextToImage) -> None:
    judge = Judge()
    found = scored_renders(pipe, judge, count=3)  # whatever is asked, the plan is a red boat
    assert [picture[0].mismatch for picture in found] == [MATCHED] * 3
    assert len(judge.asked) == sum(map(len, found)) > 3
    assert calibration.FIRST + 100_000 < FIRST
