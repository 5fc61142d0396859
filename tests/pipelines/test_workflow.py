"""Outcomes that pipelines make apart from the loop: accepted by its rule, and told in its words."""

import pytest
import torch

from diptych import Fact, FactAnswer, Picture, Plan, Request, Settings, TextToImage, Verdict
from diptych.engine.values import Span
from diptych.pipelines.workflow import Workflow

HAT = Span(start=10, end=13, text="hat")
BOAT = Fact(kind="thing", text="a boat")
HARBOUR = Fact(kind="setting", text="in a harbour", asked=False)


@pytest.mark.parametrize(
    ("score", "left_out", "settings", "accepted", "reason"),
    [
        (0.7, (), {}, True, "the only one: score 0.70"),
        (0.4, (), {}, False, "the only one: score 0.40, below the 0.50 asked for"),
        (0.7, (), {"accept": 0.8}, False, "the only one: score 0.70, below the 0.80 asked for"),
        (0.7, (HAT,), {}, False, "the only one: score 0.70 of the rest, but not drawn: hat"),
        (0.7, (HAT,), {"ignore_left_out": True}, True, "the only one: score 0.70"),
    ],
)
def test_a_picture_made_apart_from_the_loop_is_held_to_its_rule(
    pipe: TextToImage,
    score: float,
    left_out: tuple[Span, ...],
    settings: dict[str, float | bool],
    accepted: bool,
    reason: str,
) -> None:
    request = Request(prompt="boat with hat", settings=Settings(**settings))  # type: ignore[arg-type]
    plan = Plan(request=request, prompt="a boat", facts=(BOAT, HARBOUR), left_out=left_out)
    answers = (FactAnswer(fact=BOAT, probability=0.9), FactAnswer(fact=HARBOUR, probability=0.0))
    verdict = Verdict(caption="", score=score, answers=answers)
    picture = Picture(pixels=torch.zeros(8, 8, 3, dtype=torch.uint8), plan=plan)
    outcome = Workflow(pipe).outcome(plan, picture, verdict, judge=0.1)
    assert (outcome.accepted, outcome.best.reason) == (accepted, reason)
    assert outcome.trail == (outcome.best,) and outcome.left_out == left_out
