"""A pipeline of fakes that draws what it is asked for, and an inspector that reads minds."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch

from diptych.engine.values import Candidate, Codebook, Draft, Failure, Outcome, Picture, Plan, Request, Verdict
from diptych.pipelines.evaluation.inspector import Sighting, pairs_of
from diptych.pipelines.pocket.world import Scene, prompt_of, sample_scene


def sighting_of(scene: Scene) -> Sighting:
    """What somebody who errs in nothing sees."""
    return Sighting(
        pairs=pairs_of(scene),
        kinds=frozenset(thing.kind for thing in scene.things),
        colours=frozenset(thing.colour for thing in scene.things),
        setting=scene.setting,
    )


def outcome_of(request: Request, grey: int) -> Outcome:
    plan = Plan(request=request, prompt=request.prompt, facts=())
    draft = Draft(
        plan=plan,
        tokens=torch.zeros(2, 2, dtype=torch.int64),
        codebook=Codebook(name="fake", size=4),
        preview=torch.full((4, 4, 3), 255 - grey, dtype=torch.uint8),
    )
    picture = Picture(pixels=torch.full((8, 8, 3), grey, dtype=torch.uint8), plan=plan, draft=draft)
    best = Candidate(plan=plan, draft=draft, picture=picture, verdict=Verdict(caption="grey", score=0.5))
    return Outcome(request=request, best=best, accepted=True, trail=(best,), timings={})


class FakePipe:
    """Renders prompt i as grey i, and fails at those in `failing`."""

    def __init__(self, failing: Sequence[int] = ()) -> None:
        self.failing = failing
        self.wishes: dict[str, Any] = {}

    def stream(
        self, prompts: Sequence[str], *, seed: int = 0, watch: Any = None, **wishes: Any
    ) -> Iterator[Outcome | Failure]:
        self.wishes = wishes
        for row, prompt in enumerate(prompts, start=1):
            request = Request(prompt=prompt, seed=seed, row=row)
            if row in self.failing:
                yield Failure(request=request, stage="draft", reason="no ink")
            else:
                yield outcome_of(request, row)


@pytest.fixture
def make_pipe_of_greys() -> type[FakePipe]:
    return FakePipe


@pytest.fixture
def perfect() -> Callable[[Scene], Sighting]:
    return sighting_of


@pytest.fixture
def scenes() -> list[Scene]:
    """Two of one thing, two of two."""
    return [sample_scene(random.Random(i), float(i >= 2), held_out=True) for i in range(4)]


@pytest.fixture
def prompts(scenes: list[Scene]) -> list[str]:
    return [prompt_of(scene) for scene in scenes]
