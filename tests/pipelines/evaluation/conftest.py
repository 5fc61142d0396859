"""A pipeline of fakes that draws what it is asked for, and inspectors that read minds."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch

from diptych.engine.values import Candidate, Codebook, Draft, Failure, Outcome, Picture, Plan, Request, Verdict
from diptych.pipelines.evaluation.alignment import held_out_scenes
from diptych.pipelines.evaluation.inspector import Seen, Sighting
from diptych.pipelines.pocket.world import COLOURS, KINDS, SETTINGS, STYLES, Scene, prompt_of, render
from diptych.pipelines.recipes.reader import read_recipe
from diptych.pipelines.training.tasks.detector import CELLS, SIDE, Maps

SIZE = 96  # pixels of the renders that tell where things are
SURELY = 9.0  # a logit


def sighting_of(scene: Scene) -> Sighting:
    """What somebody who errs in nothing sees."""
    boxes = render(scene, SIZE).boxes
    things = tuple(
        Seen(kind=thing.kind, colour=thing.colour, x=(left + right) / 2 / SIZE, y=(top + bottom) / 2 / SIZE)
        for thing, (left, top, right, bottom) in zip(scene.things, boxes, strict=True)
    )
    return Sighting(things=things, setting=scene.setting, style=scene.style)


def maps_of(sightings: Sequence[Sighting]) -> Maps:
    """What a detector says that sees this."""
    b = len(sightings)
    centre, offset = torch.full((b, CELLS, CELLS), -SURELY), torch.zeros(b, CELLS, CELLS, 2)
    kind, colour = torch.zeros(b, CELLS, CELLS, len(KINDS)), torch.zeros(b, CELLS, CELLS, len(COLOURS))
    for i, sighting in enumerate(sightings):
        for thing in sighting.things:
            y, x = int(thing.y * CELLS), int(thing.x * CELLS)
            centre[i, y, x] = SURELY
            offset[i, y, x] = torch.tensor([thing.y * CELLS - y, thing.x * CELLS - x])
            kind[i, y, x, KINDS.index(thing.kind)] = SURELY
            colour[i, y, x, list(COLOURS).index(thing.colour)] = SURELY
    return Maps(
        centre=centre,
        offset=offset,
        kind=kind,
        colour=colour,
        setting=torch.eye(len(SETTINGS))[[SETTINGS.index(s.setting) for s in sightings]],
        style=torch.eye(len(STYLES))[[STYLES.index(s.style) for s in sightings]],
        features=torch.arange(4.0 * b).reshape(b, 4),
    )


def blind(pixel_values: torch.Tensor) -> Maps:
    """Sees no thing, and the first setting and style everywhere; its features are those of the picture."""
    assert pixel_values.shape[1:] == (3, SIDE, SIDE)
    nothing = Sighting(things=(), setting=SETTINGS[0], style=STYLES[0])
    maps = maps_of([nothing] * len(pixel_values))
    features = pixel_values.mean((2, 3)).float()
    return Maps(**{**vars(maps), "features": features})


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
    timings = {"draft": 0.25, "refine": 0.5}
    return Outcome(request=request, best=best, accepted=True, trail=(best,), timings=timings)


class FakePipe:
    """Renders prompt i as grey i, and fails at those in `failing`."""

    def __init__(self, failing: Sequence[int] = ()) -> None:
        self.failing = failing
        self.recipe = read_recipe("pocket")
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
def detector_of() -> Callable[[Sequence[Sighting]], Callable[[torch.Tensor], Maps]]:
    """Makes a network that sees these sightings, one after the other."""

    def make(sightings: Sequence[Sighting]) -> Callable[[torch.Tensor], Maps]:
        rest = list(sightings)
        return lambda pixel_values: maps_of([rest.pop(0) for _ in pixel_values])

    return make


@pytest.fixture
def blind_detector() -> Callable[[torch.Tensor], Maps]:
    return blind


@pytest.fixture
def scenes() -> list[Scene]:
    """Alone, group, side by side, stacked, alone, group, side by side, in a row."""
    return held_out_scenes(8)


@pytest.fixture
def prompts(scenes: list[Scene]) -> list[str]:
    return [prompt_of(scene) for scene in scenes]
