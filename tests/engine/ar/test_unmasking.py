"""The schedule of unmasking, and which places it draws."""

import math
from itertools import pairwise

import pytest
import torch

from diptych.engine.ar.sampling import Sampling
from diptych.engine.ar.unmasking import Unmasking, least_likely, unmask
from diptych.engine.stage import RunContext

MASK, COUNT, BOOK = 9, 40, 9


def how(steps: int, **more: float) -> Unmasking:
    return Unmasking(steps=steps, mask_token=MASK, **more)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_the_masked_share_falls_as_the_papers_cosine(steps: int) -> None:
    shares = [how(steps).masked_share(step) for step in range(1, steps + 1)]
    assert shares == pytest.approx(
        [math.cos(math.pi / 2 * step / steps) for step in range(1, steps + 1)], abs=1e-6
    )


def seen_by(steps: int, start: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """What is drawn, and which places were masked each time that the model was asked."""
    masks: list[torch.Tensor] = []

    def predict(tokens: torch.Tensor) -> torch.Tensor:
        masks.append(tokens == MASK)
        return torch.linspace(0, 1, COUNT * BOOK).reshape(1, COUNT, BOOK).sin().repeat(len(tokens), 1, 1)

    draws = torch.rand(len(start), steps, 2, COUNT, generator=torch.Generator().manual_seed(0)).double()
    sampling = [Sampling()] * len(start)
    return (
        unmask(
            predict,
            start,
            how=how(steps),
            sampling=sampling,
            guidance=None,
            uniforms=draws,
            context=RunContext(),
        ),
        masks,
    )


def test_as_many_places_are_masked_again_as_the_schedule_says() -> None:
    steps = 7  # of which none has a share that is even: rounding would have the last word
    drawn, masks = seen_by(steps, torch.full((2, COUNT), MASK))
    expected = [math.floor(COUNT * math.cos(math.pi / 2 * step / steps)) for step in range(steps)]
    assert [mask.sum(1).tolist() for mask in masks] == [[each, each] for each in expected]
    assert int(drawn.max()) < MASK
    for before, after in pairwise(masks):
        assert not (after & ~before).any(), "what stays, stays"


@pytest.mark.parametrize("masked", [0, 1, 2])
def test_few_masked_places_are_drawn_and_no_other_is_touched(masked: int) -> None:
    start = torch.arange(COUNT)[None] % BOOK
    start[0, :masked] = MASK
    drawn, _ = seen_by(5, start)
    assert torch.equal(drawn[0, masked:], start[0, masked:]) and int(drawn.max()) < MASK


def test_a_row_whose_logits_are_no_numbers_fails_alone() -> None:
    def predict(tokens: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(2, COUNT, BOOK)
        logits[1] = torch.nan
        return logits

    drawn = unmask(
        predict,
        torch.full((2, COUNT), MASK),
        how=how(3),
        sampling=[Sampling()] * 2,
        guidance=None,
        uniforms=torch.rand(2, 3, 2, COUNT).double(),
        context=RunContext(),
    )
    assert (drawn[0] >= 0).all() and (drawn[1] == -1).all()


def test_the_least_likely_are_named_among_those_that_may_be() -> None:
    tokens = torch.zeros(1, COUNT, dtype=torch.long)
    logits = torch.zeros(1, COUNT, BOOK)
    logits[0, :, 0] = torch.arange(COUNT).float()
    among = torch.ones(1, COUNT, dtype=torch.bool)
    among[0, 0] = False
    found = least_likely(lambda _: logits, tokens, among, torch.tensor([[0.1]]))
    assert found[0].nonzero()[:, 0].tolist() == [1, 2, 3, 4]
