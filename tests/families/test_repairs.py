"""A recipe whose tokens cannot be kept mends by painting over: the rest of the picture stays byte for byte."""

import torch

from diptych.engine.chain import Chain
from diptych.engine.memory import DeviceMemory
from diptych.engine.models.registry import Registry
from diptych.engine.runner import Runner
from diptych.engine.stages.drafting.aim import STRENGTH, AimStage
from diptych.engine.stages.painting.paint import repaint_stages
from diptych.engine.values import (
    Draft,
    Fact,
    FactAnswer,
    Outcome,
    Picture,
    Plan,
    Request,
    Settings,
    Verdict,
)

from ..fakes import FakeStage
from .painting import SIDE, STEPS, Twin, draft, key
from .pipeline_twins import stable_diffusion

CAT = Fact(kind="thing", text="a cat")


def make_plan(request: Request) -> Plan:
    return Plan(request=request, prompt="a cat on the left and a boat on the right", facts=(CAT,))


def never(picture: Picture) -> Verdict:
    return Verdict(caption="", score=0.1, answers=(FactAnswer(fact=CAT, probability=0.1),))


def test_what_is_missing_is_painted_over_where_the_words_want_it(twin: Twin) -> None:
    chain = Chain(
        [
            FakeStage("plan", Request, Plan, make_plan, uses=()),
            FakeStage("draft", Plan, Draft, draft, uses=()),
            *repaint_stages(model=key(twin(stable_diffusion))),
            FakeStage("judge", Picture, Verdict, never, uses=()),
        ]
    )
    runner = Runner(chain, DeviceMemory(Registry()), aim=AimStage())
    settings = Settings(num_inference_steps=STEPS, repairs=1)
    (outcome,) = runner.run([Request(prompt="a cat", height=SIDE, width=SIDE, settings=settings)])
    assert isinstance(outcome, Outcome), outcome
    first, mended = outcome.trail
    start = mended.plan.request.start
    assert start is not None and start.mask is not None
    assert (start.tokens, start.strength) == (None, STRENGTH)
    assert first.picture is not None and mended.picture is not None
    same = (first.picture.pixels == mended.picture.pixels).all(-1)
    assert same[~start.mask].all() and not same[start.mask].all()
    assert (~start.mask).any() and torch.equal(start.mask.all(0), start.mask.any(0))
