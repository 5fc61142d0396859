"""Pictures to start from: what may change is painted, at the strength asked for; the rest stays."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from diptych.engine.models.vision.patch_codebook import PatchCodebook
from diptych.engine.stage import ModelKey, Models, NoProgress, RunContext
from diptych.engine.stages.drafting.initial_tokens import shrunk
from diptych.engine.stages.painting.refine import RefineStage
from diptych.engine.values import Draft, Picture, Plan
from diptych.engine.values.start import Start
from diptych.pipelines.training.data.source import WorldData

STEPS = 3
Paint = Callable[..., Picture]


class Counting(NoProgress):
    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []

    def step(self, i: int, n: int, /) -> None:
        self.steps.append((i, n))


@pytest.fixture(scope="module")
def models(load: Callable[..., Models], refiner: ModelKey) -> Models:
    return load(refiner)


@pytest.fixture(scope="module")
def stage(refiner: ModelKey) -> RefineStage:
    return RefineStage(model=refiner)


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    return WorldData("held-out").take([3], 256).pixels[0]


@pytest.fixture(scope="module")
def make_draft(
    load: Callable[..., Models], codebook: ModelKey, make_plan: Callable[..., Plan], picture: torch.Tensor
) -> Callable[..., Draft]:
    """Makes the draft of the picture's own tokens, for a request with a start of these parts."""
    book: PatchCodebook = load(codebook)[codebook]
    begun = book.encode(shrunk(picture, book.side)[None])[0]

    def make(*, seed: int = 0, changed: torch.Tensor | None = None, **parts: Any) -> Draft:
        plan = make_plan(seed=seed, num_inference_steps=STEPS)
        start = Start(**parts) if parts else None
        plan = dataclasses.replace(plan, request=dataclasses.replace(plan.request, start=start))
        tokens = begun if changed is None else torch.where(changed, (begun + 1) % book.codebook.size, begun)
        return Draft(
            plan=plan,
            tokens=tokens,
            codebook=book.codebook,
            preview=book.decode(tokens[None])[0],
            initial_tokens=begun if parts else None,
        )

    return make


@pytest.fixture(scope="module")
def paint(stage: RefineStage, models: Models, make_draft: Callable[..., Draft]) -> Paint:
    return lambda **parts: stage.run([make_draft(**parts)], models, RunContext())[0]


def far(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.float() - other.float()).abs().mean())


def test_strength_nought_is_the_picture_itself(paint: Paint, picture: torch.Tensor) -> None:
    assert torch.equal(paint(picture=picture, strength=0.0).pixels, picture)


def test_full_strength_is_painted_as_if_from_nothing(paint: Paint, picture: torch.Tensor) -> None:
    assert torch.equal(paint(picture=picture).pixels, paint().pixels)


def test_the_more_strength_the_less_is_left(paint: Paint, picture: torch.Tensor) -> None:
    apart = [far(paint(picture=picture, strength=strength).pixels, picture) for strength in (0.1, 0.4, 0.7)]
    assert 0 < apart[0] < apart[1] < apart[2]


def test_fewer_steps_are_taken_from_less_noise(
    stage: RefineStage, models: Models, make_draft: Callable[..., Draft], picture: torch.Tensor
) -> None:
    counting = Counting()
    stage.run([make_draft(picture=picture, strength=0.5)], models, RunContext(counting))
    assert counting.steps == [(1, 2), (2, 2)]


def test_nothing_outside_of_the_mask_changes(paint: Paint, picture: torch.Tensor) -> None:
    mask = torch.zeros(256, 256, dtype=torch.bool)
    mask[91:150, 40:133] = True
    changed = torch.zeros(16, 16, dtype=torch.bool)
    changed[5:10, 2:9] = True
    painted = paint(picture=picture, mask=mask, changed=changed).pixels
    assert torch.equal(painted[~mask], picture[~mask])
    assert far(painted[mask], picture[mask]) > 1
    nothing = torch.zeros(256, 256, dtype=torch.bool)
    assert torch.equal(paint(picture=picture, mask=nothing).pixels, picture)


def test_where_tokens_are_drawn_anew_painting_begins_with_noise(paint: Paint, picture: torch.Tensor) -> None:
    """And where they are kept, the picture is hardly changed at a low strength."""
    changed = torch.zeros(16, 16, dtype=torch.bool)
    changed[3:8, 3:8] = True
    painted = paint(picture=picture, strength=0.1, changed=changed).pixels
    inside = (slice(52, 124), slice(52, 124))
    assert far(painted[inside], picture[inside]) > 3 * far(painted[180:], picture[180:])


def test_a_row_is_the_same_alone_and_in_a_batch(
    stage: RefineStage, models: Models, make_draft: Callable[..., Draft], picture: torch.Tensor
) -> None:
    mask = torch.zeros(256, 256, dtype=torch.bool)
    mask[:, 100:] = True
    drafts: Sequence[Draft] = [
        make_draft(seed=1, picture=picture, mask=mask, strength=0.5),
        make_draft(seed=2, picture=picture.flip(1), mask=~mask, strength=0.5),
    ]
    together = stage.run(drafts, models, RunContext())
    for draft, each in zip(drafts, together, strict=True):
        (alone,) = stage.run([draft], models, RunContext())
        assert int((alone.pixels.int() - each.pixels.int()).abs().max()) <= 1
