"""A runner on stages that paint one pixel each, for tests of the runner and of the loop it carries out."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import torch

from diptych.engine.chain import Chain
from diptych.engine.errors import DiptychError
from diptych.engine.memory import DeviceMemory
from diptych.engine.runner import Runner
from diptych.engine.values import (
    Codebook,
    Draft,
    Fact,
    FactAnswer,
    Failure,
    Outcome,
    Picture,
    Plan,
    Request,
    Settings,
    Verdict,
)

from ..fakes import FakeStage, NameLoader

BOOK = Codebook(name="fake", size=256)
BOAT = Fact(kind="thing", text="a boat")


def pixel(value: int) -> torch.Tensor:
    return torch.full((1, 1, 3), value, dtype=torch.uint8)


def make_plan(request: Request) -> Plan:
    if "unplannable" in request.prompt:
        raise DiptychError("no words that I know")
    stressed = "".join(f", with {fact.text}" for fact in request.missed)
    return Plan(request=request, prompt=request.prompt + stressed, facts=(BOAT,))


def make_draft(plan: Plan) -> Draft:
    value = plan.request.seed + plan.request.candidate
    return Draft(plan=plan, tokens=torch.tensor([[value]]), codebook=BOOK, preview=pixel(value))


def make_picture(draft: Draft) -> Picture:
    if "unpaintable" in draft.plan.prompt:
        raise ValueError("the paint is dry")
    return Picture(
        pixels=torch.full((2, 2, 3), int(draft.tokens[0, 0]), dtype=torch.uint8), plan=draft.plan, draft=draft
    )


def by_brightness(picture: Picture) -> Verdict:
    """The brighter, the better; a bright picture shows the boat."""
    score = int(picture.pixels[0, 0, 0]) / 10
    return Verdict(caption="", score=score, answers=(FactAnswer(fact=BOAT, probability=score),))


@dataclasses.dataclass
class World:
    """A runner with all that it stands on."""

    plan: FakeStage
    draft: FakeStage
    refine: FakeStage
    judge: FakeStage
    loader: NameLoader
    memory: DeviceMemory
    runner: Runner

    def run(self, *requests: Request) -> list[Outcome | Failure]:
        return list(self.runner.run(requests))

    def outcome(self, request: Request) -> Outcome:
        (result,) = self.run(request)
        assert isinstance(result, Outcome), result
        return result


def world(
    *,
    budget: int | None = None,
    judge: Callable[[Picture], Verdict] = by_brightness,
    paint: Callable[[Draft], Picture] = make_picture,
    clock: Callable[[], float] = lambda: 0.0,
    memory_clock: Callable[[], float] = time.perf_counter,
    **how: Any,
) -> World:
    stages = [
        FakeStage("plan", Request, Plan, make_plan),
        FakeStage("draft", Plan, Draft, make_draft),
        FakeStage("refine", Draft, Picture, paint),
        FakeStage("judge", Picture, Verdict, judge),
    ]
    loader = NameLoader(10)
    memory = DeviceMemory(loader, budget_bytes=budget, clock=memory_clock)
    plan, draft, refine, judging = stages
    runner = Runner(Chain(stages), memory, clock=clock, **how)
    return World(plan, draft, refine, judging, loader, memory, runner)


def wish(prompt: str = "a boat", *, seed: int = 0, height: int = 8, **settings: Any) -> Request:
    return Request(prompt=prompt, seed=seed, height=height, width=8, settings=Settings(**settings))
