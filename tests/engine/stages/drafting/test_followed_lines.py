"""Drafts that follow the lines of a control picture."""

import dataclasses
from collections.abc import Callable

import pytest
import torch

from diptych.engine.errors import InputError, RowError
from diptych.engine.models.vision.edges import agreement, edges_of
from diptych.engine.models.vision.readers.edge_reader import EdgeReader
from diptych.engine.stage import ModelKey, Models, RunContext
from diptych.engine.stages.drafting.draft import DraftStage
from diptych.engine.values import Control, Plan

EDGES: ModelKey[EdgeReader] = ModelKey("edge-reader", "pocket/edge_reader")


def with_lines(plan: Plan, left: int = 20, **said: object) -> Plan:
    """With the outline of a house's front."""
    pixels = torch.zeros(256, 256, 3, dtype=torch.uint8)
    pixels[120:220, left : left + 90] = 255
    pixels[123:217, left + 3 : left + 87] = 0
    control = dataclasses.replace(Control(kind="edges", picture=pixels), **said)
    return dataclasses.replace(plan, request=dataclasses.replace(plan.request, controls=(control,)))


@pytest.fixture(scope="module")
def models(load: Callable[..., Models], drafter: ModelKey, codebook: ModelKey) -> Models:
    return load(drafter, codebook, EDGES)


@pytest.fixture(scope="module")
def stage(drafter: ModelKey, codebook: ModelKey) -> DraftStage:
    return DraftStage(model=drafter, codebook=codebook, edges=EDGES)


@pytest.fixture(scope="module")
def plan(make_plan: Callable[..., Plan]) -> Plan:
    return make_plan(seed=3, temperature=0.7, top_k=64, top_p=0.95)


def drawn(stage: DraftStage, models: Models, *plans: Plan) -> list[torch.Tensor]:
    return [each.tokens for each in stage.run(list(plans), models, RunContext())]


def test_without_lines_and_with_lines_of_no_weight_a_draft_is_as_it_was(
    stage: DraftStage, models: Models, plan: Plan, drafter: ModelKey, codebook: ModelKey
) -> None:
    (before,) = drawn(DraftStage(model=drafter, codebook=codebook), models, plan)
    assert all(torch.equal(before, each) for each in drawn(stage, models, plan, with_lines(plan, weight=0.0)))


def test_a_row_with_lines_is_the_same_alone_and_beside_others(
    stage: DraftStage, models: Models, plan: Plan
) -> None:
    rows = [with_lines(plan), plan, with_lines(plan, left=130)]
    together = drawn(stage, models, *rows)
    assert all(torch.equal(one, drawn(stage, models, row)[0]) for one, row in zip(together, rows, strict=True))
    assert not torch.equal(together[0], together[2])


def test_lines_count_between_start_and_stop_alone(stage: DraftStage, models: Models, plan: Plan) -> None:
    plain, late = drawn(stage, models, plan, with_lines(plan, start=0.5, weight=2.0))
    assert torch.equal(plain.flatten()[:128], late.flatten()[:128])
    assert not torch.equal(plain, late)


def test_what_is_drafted_comes_nearer_to_the_lines(stage: DraftStage, models: Models, plan: Plan) -> None:
    row = with_lines(plan, weight=2.0)
    wanted = row.request.controls[0].picture[..., 0] > 0
    drafts = stage.run([plan, row], models, RunContext())
    plain, follows = (
        agreement(edges_of(each.preview.repeat_interleave(4, 0).repeat_interleave(4, 1)[None])[0], wanted)
        for each in drafts
    )
    assert follows > plain + 0.1


def test_what_a_drafter_cannot_follow_is_said(
    stage: DraftStage,
    models: Models,
    plan: Plan,
    drafter: ModelKey,
    codebook: ModelKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(RowError, match="control 'depth': this recipe's drafter follows edges: leave it out"):
        drawn(stage, models, with_lines(plan, kind="depth"))
    with pytest.raises(RowError, match=r"has no models\.edges to follow any"):
        drawn(DraftStage(model=drafter, codebook=codebook), models, with_lines(plan))
    monkeypatch.setattr(models[EDGES], "codebook", "another")
    with pytest.raises(InputError, match="name a matching pair"):
        drawn(stage, models, with_lines(plan))
