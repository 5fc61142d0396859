"""Drafts of plans that come while others are drafted: the same bits, and what is seen on the way."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
import torch

from diptych.engine.kernels.library import library
from diptych.engine.models.language.decoding import native
from diptych.engine.stage import ModelKey, Models, NoProgress, RunContext
from diptych.engine.stages.drafting.draft import DraftStage
from diptych.engine.values import Control, Draft, Plan, Start

from .test_sketched import READER, with_sketch

SAMPLING = {"temperature": 0.7, "top_k": 64, "top_p": 0.95}


class Onlooker(NoProgress):
    """Keeps what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.views: dict[tuple[str, int], list[Any]] = {}
        self.faults: list[str] = []

    def view(self, what: str, i: int, make: Callable[[], Iterable[object]], /) -> None:
        self.views[what, i] = list(make())

    def fail(self, row: int, reason: str, /) -> None:
        assert row == 0
        self.faults.append(reason)


@pytest.fixture(scope="module")
def models(load: Callable[..., Models], drafter: ModelKey, codebook: ModelKey) -> Models:
    return load(drafter, codebook, READER)


@pytest.fixture(scope="module")
def stage(drafter: ModelKey, codebook: ModelKey) -> DraftStage:
    return DraftStage(model=drafter, codebook=codebook, reader=READER)


@pytest.fixture(scope="module")
def plans(make_plan: Callable[..., Plan]) -> list[Plan]:
    """One without a sketch, one with, one that is guided, one that is both."""
    alone, _, guided, _ = (make_plan(seed=seed, **SAMPLING) for seed in range(4))
    guided = make_plan("a blue cat", seed=7, draft_guidance_scale=2.0, **SAMPLING)
    return [alone, with_sketch(make_plan(seed=1, **SAMPLING)), guided, with_sketch(guided)]


def carried_out(
    stage: DraftStage, models: Models, plans: Sequence[Plan], apart: int, watch: RunContext
) -> list[Draft]:
    """The drafts of plans of which one comes each `apart` steps."""
    batch, found, step = stage.continuous(models), dict[int, Draft](), 0
    assert batch is not None
    while len(found) < len(plans):
        if step % apart == 0 and step // apart < len(plans):
            batch.join([plans[step // apart]], [watch], models)
        found |= {id(plan): draft for plan, draft in batch.step(models)}
        step += 1
    return [found[id(plan)] for plan in plans]


@pytest.mark.skipif(library() is None, reason="no compiler was there")
def test_a_draft_that_others_join_has_the_bits_of_one_that_is_drawn_alone(
    stage: DraftStage, models: Models, plans: list[Plan]
) -> None:
    together = carried_out(stage, models, plans, 90, RunContext())
    for plan, draft in zip(plans, together, strict=True):
        (alone,) = stage.run([plan], models, RunContext())
        assert draft == alone and torch.equal(draft.tokens, alone.tokens)


@pytest.mark.skipif(library() is None, reason="no compiler was there")
def test_whoever_looks_on_sees_the_draft_grow_as_in_a_batch(
    stage: DraftStage, models: Models, plans: list[Plan]
) -> None:
    alone, joined = Onlooker(), Onlooker()
    stage.run(plans[:1], models, RunContext(alone))
    carried_out(stage, models, plans[:1], 1, RunContext(joined))
    assert alone.views.keys() == joined.views.keys()
    for key, (seen,) in alone.views.items():
        (also,) = joined.views[key]
        assert also == pytest.approx(seen, abs=1e-6) if key[0] == "confidence" else torch.equal(also, seen)


@pytest.mark.skipif(library() is None, reason="no compiler was there")
def test_a_row_whose_logits_are_no_numbers_fails_by_name_and_the_next_is_well(
    stage: DraftStage, models: Models, plans: list[Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    upset, well = Onlooker(), Onlooker()
    batch = stage.continuous(models)
    assert batch is not None
    batch.join([plans[0]], [RunContext(upset)], models)
    monkeypatch.setattr(batch._grids, "tokens", lambda place: [-1] * 256)
    batch.step(models)
    monkeypatch.undo()
    assert upset.faults and "no numbers" in upset.faults[0] and "drafter" in upset.faults[0]
    batch.join([plans[0]], [RunContext(well)], models)
    while not (done := batch.step(models)):
        pass
    assert done[0][1] == stage.run(plans[:1], models, RunContext())[0] and not well.faults


def test_what_begins_with_something_or_follows_lines_or_is_of_another_shape_is_drawn_by_itself(
    stage: DraftStage, plans: list[Plan], make_plan: Callable[..., Plan]
) -> None:
    request = plans[0].request
    start = dataclasses.replace(request, start=Start(tokens=torch.zeros(16, 16, dtype=torch.long)))
    lines = Control(kind="edges", picture=torch.zeros(256, 256, 3, dtype=torch.uint8))
    controlled = dataclasses.replace(request, controls=(lines,))
    assert stage.may_join(plans[0]) and stage.may_join(plans[1])
    assert not stage.may_join(dataclasses.replace(plans[0], request=start))
    assert not stage.may_join(dataclasses.replace(plans[0], request=controlled))
    assert not stage.may_join(make_plan(width=512))


def test_models_whose_rows_depend_on_each_other_are_not_joined(
    stage: DraftStage, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "library", lambda: None)
    assert stage.continuous(models) is None
