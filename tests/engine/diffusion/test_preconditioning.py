"""The factors around the raw net: right at both ends of the noise, and of unit variance between."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diptych.engine.diffusion.preconditioning import flow_preconditioning
from diptych.engine.randomness import RowKey, normals

SIGMAS = st.floats(0, 1, width=32)


def noisy(count: int, sigma: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Clean latents of unit variance, and the same with noise: each (count, 1, 1, 1)."""
    clean, noise = (normals([RowKey(seed)], "refine", (count, 1, 1, 1))[0] for seed in (1, 2))
    return clean, (1 - sigma) * clean + sigma * noise


def test_without_noise_the_latents_are_taken_as_they_are() -> None:
    scale = flow_preconditioning(torch.zeros(1))
    assert (float(scale.skip), float(scale.out), float(scale.into)) == (1, 0, 1)


def test_of_pure_noise_nothing_is_taken() -> None:
    scale = flow_preconditioning(torch.ones(1))
    assert (float(scale.skip), float(scale.out), float(scale.into)) == (0, 1, 1)


@pytest.mark.parametrize("sigma", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_what_enters_and_what_is_to_be_learnt_have_unit_variance(sigma: float) -> None:
    clean, x = noisy(40_000, sigma)
    scale = flow_preconditioning(torch.tensor([sigma]))
    assert float((scale.into * x).std()) == pytest.approx(1, abs=0.03)
    if sigma > 0:
        assert float(((clean - scale.skip * x) / scale.out).std()) == pytest.approx(1, abs=0.03)


@given(sigma=SIGMAS)
def test_the_skip_is_the_best_linear_estimate(sigma: float) -> None:
    """cov(x, noisy) / var(noisy), for x and noise of unit variance; what is left is not correlated with it."""
    scale = flow_preconditioning(torch.tensor([sigma]))
    variance = (1 - sigma) ** 2 + sigma**2
    assert float(scale.skip) == pytest.approx((1 - sigma) / variance, abs=1e-5)
    assert float(scale.out) ** 2 == pytest.approx(1 - (1 - sigma) ** 2 / variance, abs=1e-5)


def test_each_row_has_its_own_level() -> None:
    levels = torch.tensor([0.1, 0.7])
    both = flow_preconditioning(levels)
    assert both.skip.shape == (2, 1, 1, 1)
    for i in range(2):
        alone = flow_preconditioning(levels[i : i + 1])
        for together, single in zip(both, alone, strict=True):
            assert torch.equal(together[i : i + 1], single)
