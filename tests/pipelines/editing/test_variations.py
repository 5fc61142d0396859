"""Variations: from the original's bytes to a fresh draft."""

import pytest
import torch

from diptych import InputError, Outcome, TextToImage
from diptych.engine.randomness import derive_seed
from diptych.engine.values.start import Start, Wording
from diptych.pipelines.editing.variations import Variations


@pytest.fixture(scope="module")
def boat(pocket_pipe: TextToImage) -> Outcome:
    return pocket_pipe("a red boat", seed=3, num_inference_steps=2).outcomes[0]


def test_a_variation_of_nought_is_the_originals_bytes(pocket_pipe: TextToImage, boat: Outcome) -> None:
    made = Variations.from_pipe(pocket_pipe).of(boat, variation=0.0, num_images_per_prompt=2, seed=9)
    for outcome in made.outcomes:
        assert outcome.draft is not None and boat.draft is not None
        assert torch.equal(outcome.draft.tokens, boat.draft.tokens)
        assert torch.equal(outcome.picture.pixels, boat.picture.pixels)


def test_a_variation_of_one_is_a_fresh_draft_of_the_same_plan(pocket_pipe: TextToImage, boat: Outcome) -> None:
    vary = Variations.from_pipe(pocket_pipe)
    (made,) = vary.of(boat, variation=1.0, seed=9, num_inference_steps=2).outcomes
    plan = Start(wording=Wording(prompt=boat.plan.prompt, facts=boat.plan.facts))
    request = pocket_pipe.request("a red boat", seed=derive_seed(9, 1), start=plan, num_inference_steps=2)
    (fresh,) = pocket_pipe.run([request])
    assert isinstance(fresh, Outcome) and fresh.draft is not None and made.draft is not None
    assert torch.equal(made.draft.tokens, fresh.draft.tokens)
    assert torch.equal(made.picture.pixels, fresh.picture.pixels)
    assert "plan" not in made.timings  # the planner was not asked


def test_tokens_and_pixels_change_where_the_lot_fell_alone(pocket_pipe: TextToImage, boat: Outcome) -> None:
    vary = Variations.from_pipe(pocket_pipe)
    made = vary.of(boat, variation=0.3, num_images_per_prompt=2, seed=9, num_inference_steps=2).outcomes
    for outcome in made:
        start = outcome.request.start
        assert start is not None and start.mask is not None and isinstance(start.redraw, torch.Tensor)
        assert outcome.draft is not None and boat.draft is not None
        assert start.redraw.float().mean() == pytest.approx(0.3, abs=0.01)
        kept = outcome.draft.tokens == boat.draft.tokens
        assert kept[~start.redraw].all() and not kept.all()
        same = (outcome.picture.pixels == boat.picture.pixels).all(-1)
        assert same[~start.mask].all() and not same[start.mask].all()
    assert not torch.equal(made[0].picture.pixels, made[1].picture.pixels)


def test_a_share_above_one_is_refused(pocket_pipe: TextToImage, boat: Outcome) -> None:
    with pytest.raises(InputError, match="variation = 40: must lie between 0 and 1"):
        Variations.from_pipe(pocket_pipe).of(boat, variation=40)


def test_another_prompt_is_planned_and_the_same_is_not(pocket_pipe: TextToImage) -> None:
    vary = Variations.from_pipe(pocket_pipe)
    hat = pocket_pipe("a red boat with a hat", seed=3, num_inference_steps=1).outcomes[0]
    assert [str(span) for span in hat.left_out] == ["hat"] and not hat.accepted
    (same,) = vary.of(hat, seed=9, num_inference_steps=1).outcomes
    assert same.plan.facts == hat.plan.facts and same.left_out == hat.left_out and not same.accepted
    start = vary.request("a blue boat", image=hat).start
    assert start is not None and start.wording is None
