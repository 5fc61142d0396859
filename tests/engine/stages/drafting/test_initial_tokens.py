"""What a draft begins with: whose tokens, and which of them are drawn anew."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from diptych.engine.errors import RowError
from diptych.engine.models.vision.patch_codebook import PatchCodebook
from diptych.engine.stage import ModelKey, Models, RunContext
from diptych.engine.stages.drafting.draft import DraftStage
from diptych.engine.stages.drafting.initial_tokens import shrunk
from diptych.engine.values import Draft, Plan
from diptych.engine.values.start import Start

Run = Callable[[Sequence[Plan]], list[Draft]]
MakePlan = Callable[..., Plan]


@pytest.fixture(scope="module")
def models(load: Callable[..., Models], drafter: ModelKey, codebook: ModelKey) -> Models:
    return load(drafter, codebook)


@pytest.fixture(scope="module")
def run(models: Models, drafter: ModelKey, codebook: ModelKey) -> Run:
    stage = DraftStage(model=drafter, codebook=codebook)
    return lambda plans: stage.run(plans, models, RunContext())


@pytest.fixture(scope="module")
def plan(make_plan: MakePlan) -> Plan:
    return make_plan(seed=5, top_k=50)


@pytest.fixture(scope="module")
def first(run: Run, plan: Plan) -> Draft:
    return run([plan])[0]


def begin(plan: Plan, *, seed: int = 9, **parts: Any) -> Plan:
    return dataclasses.replace(plan, request=dataclasses.replace(plan.request, seed=seed, start=Start(**parts)))


def cells(*places: tuple[int, int]) -> torch.Tensor:
    chosen = torch.zeros(16, 16, dtype=torch.bool)
    for row, column in places:
        chosen[row, column] = True
    return chosen


def test_redrawing_nothing_returns_the_tokens_as_they_are(run: Run, plan: Plan, first: Draft) -> None:
    for redraw in (0.0, cells()):
        (draft,) = run([begin(plan, tokens=first.tokens, redraw=redraw)])
        assert torch.equal(draft.tokens, first.tokens) and torch.equal(draft.preview, first.preview)
        assert draft.initial_tokens is not None and torch.equal(draft.initial_tokens, first.tokens)


def test_redrawing_everything_is_a_fresh_draft(run: Run, plan: Plan, first: Draft) -> None:
    (fresh,) = run([dataclasses.replace(plan, request=dataclasses.replace(plan.request, seed=9))])
    assert fresh.initial_tokens is None
    assert not torch.equal(fresh.tokens, first.tokens)
    for redraw in (1.0, ~cells()):
        (draft,) = run([begin(plan, tokens=first.tokens, redraw=redraw)])
        assert torch.equal(draft.tokens, fresh.tokens)


def test_only_listed_tokens_are_drawn_anew(run: Run, plan: Plan, first: Draft) -> None:
    redraw = cells(*((row, column) for row in range(4, 10) for column in range(3, 9)))
    (draft,) = run([begin(plan, tokens=first.tokens, redraw=redraw)])
    changed = draft.tokens != first.tokens
    assert changed.any() and not changed[~redraw].any()


def test_rows_with_and_without_a_start_go_together(run: Run, plan: Plan, first: Draft) -> None:
    half = begin(plan, tokens=first.tokens, redraw=0.5)
    together = run([half, plan, begin(plan, tokens=first.tokens, redraw=0.0)])
    assert torch.equal(together[0].tokens, run([half])[0].tokens)
    assert torch.equal(together[1].tokens, first.tokens) and torch.equal(together[2].tokens, first.tokens)


def test_a_share_is_drawn_anew_where_the_plan_fits_least(run: Run, make_plan: MakePlan) -> None:
    """Asked for another colour, the tokens of the thing are drawn anew before those of the sky."""
    wording, settings = "a big {} boat in the middle, at sunset", {"top_k": 50, "draft_guidance_scale": 2.0}
    reds = run([make_plan(wording.format("red"), seed=seed, **settings) for seed in range(4)])
    blues = [make_plan(wording.format("blue"), seed=seed, **settings) for seed in range(4)]
    drafts = run([begin(blue, tokens=red.tokens, redraw=0.3) for blue, red in zip(blues, reds, strict=True)])
    changes = [(draft.tokens != red.tokens).float() for draft, red in zip(drafts, reds, strict=True)]
    for changed in changes:
        assert 0 < changed.mean() <= 0.3
        assert changed[4:15, 4:12].mean() > 2 * changed[:4].mean()


def test_a_picture_begins_a_draft_with_its_own_tokens(
    run: Run, plan: Plan, first: Draft, models: Models, codebook: ModelKey
) -> None:
    book: PatchCodebook = models[codebook]
    picture = first.preview.repeat_interleave(4, 0).repeat_interleave(4, 1)  # 256 x 256
    (draft,) = run([begin(plan, picture=picture, redraw=0.0)])
    assert torch.equal(draft.tokens, book.encode(shrunk(picture, book.side)[None])[0])
    assert (draft.tokens == first.tokens).float().mean() > 0.9


def test_a_mask_keeps_every_token_outside_of_it(run: Run, plan: Plan, first: Draft) -> None:
    picture = torch.full((256, 256, 3), 128, dtype=torch.uint8)
    mask = torch.zeros(256, 256, dtype=torch.bool)
    mask[100:180, 90:170] = True  # around the boat
    (draft,) = run([begin(plan, picture=picture, tokens=first.tokens, mask=mask)])
    touched = cells(*((row, column) for row in range(6, 12) for column in range(5, 11)))
    assert torch.equal(draft.tokens[~touched], first.tokens[~touched])
    assert not torch.equal(draft.tokens, first.tokens)


def test_pictures_are_shrunk_as_in_training() -> None:
    from diptych.pipelines.training.data.source import smaller

    pixels = torch.from_numpy(np.random.default_rng(1).integers(0, 255, (256, 256, 3), dtype=np.uint8))
    assert torch.equal(shrunk(pixels, (48, 48)), torch.tensor(smaller(pixels.numpy(), 48)))


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.zeros(3, 4, dtype=torch.long), "starts from 4x3 tokens"),
        (torch.full((16, 16), 5000), "codebook has"),
    ],
)
def test_tokens_of_another_kind_are_refused(run: Run, plan: Plan, tokens: torch.Tensor, message: str) -> None:
    with pytest.raises(RowError, match=message) as caught:
        run([plan, begin(plan, tokens=tokens)])
    assert caught.value.index == 1


def test_after_a_former_wording_what_is_as_likely_stays(run: Run, make_plan: MakePlan) -> None:
    """A sky of another setting does not; the same wording keeps nearly all of a draft of its own."""
    prompt = "a big red boat in the middle, at sunset"
    first = run([make_plan(prompt, seed=5, draft_guidance_scale=2.0)])[0]
    same, night = run(
        [
            begin(make_plan(prompt), tokens=first.tokens, former=prompt),
            begin(make_plan(prompt.replace("at sunset", "at night")), tokens=first.tokens, former=prompt),
        ]
    )
    assert torch.equal(same.tokens, first.tokens)
    assert not (night.tokens == first.tokens)[:2].any()
    assert (night.tokens == first.tokens).any()
