"""The denoising loop against flows whose answer is known, and guidance against arithmetic."""

import itertools
import math
from typing import Any

import pytest
import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.diffusion.denoising import (
    Predict,
    denoise,
    even_sigmas,
    guidance_interval,
    guided,
    known_outside,
    noised,
)
from diptych.engine.randomness import RowKey, normals

SHAPE = (3, 4, 4)


def scheduler(**settings: Any) -> Any:
    return FlowMatchEulerDiscreteScheduler(**settings)


def noise_of(*seeds: int) -> torch.Tensor:
    return normals([RowKey(seed) for seed in seeds], "refine", SHAPE)


def result(predict: Predict, noise: torch.Tensor, steps: int, **settings: Any) -> torch.Tensor:
    *_, last = denoise(predict, noise, scheduler=scheduler(**settings), sigmas=even_sigmas(steps))
    return last


@given(steps=st.integers(1, 1000))
def test_sigmas_fall_evenly_from_one_and_end_above_zero(steps: int) -> None:
    sigmas = even_sigmas(steps)
    assert len(sigmas) == steps and sigmas[0] == 1
    assert sigmas[-1] == pytest.approx(1 / steps)
    falls = [high - low for high, low in itertools.pairwise(sigmas)]
    assert falls == pytest.approx([1 / steps] * (steps - 1))


@settings(max_examples=25, deadline=None)
@given(steps=st.integers(1, 40), shift=st.sampled_from([1.0, 3.0]))
def test_a_perfect_predictor_walks_straight_to_the_clean_latents(steps: int, shift: float) -> None:
    clean, noise = 2 * noise_of(3, 4) + 1, noise_of(1, 2)
    seen: list[float] = []

    def perfect(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        level = sigma[:, None, None, None]
        torch.testing.assert_close(noisy, (1 - level) * clean + level * noise, rtol=0, atol=1e-4)
        seen.append(float(sigma[0]))
        return clean

    run = scheduler(shift=shift)
    estimates = list(denoise(perfect, noise, scheduler=run, sigmas=even_sigmas(steps)))
    assert len(estimates) == steps
    assert seen == pytest.approx(run.sigmas[:-1].tolist()) and seen[0] == 1
    torch.testing.assert_close(estimates[-1], clean)


def gaussian(mean: float, deviation: float) -> Predict:
    """The best estimate of x ~ N(mean, deviation²) given (1 - sigma) x + sigma noise."""

    def predict(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        s = sigma[:, None, None, None]
        variance = ((1 - s) * deviation) ** 2 + s**2
        return mean + (1 - s) * deviation**2 / variance * (noisy - (1 - s) * mean)

    return predict


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (2.0, 0.3), (-1.0, 2.0)])
def test_a_gaussian_is_drawn_with_its_mean_and_variance(mean: float, deviation: float) -> None:
    """The flow's exact solution turns noise n into mean + deviation · n; Euler's method comes near."""
    noise = noise_of(*range(60))
    drawn = result(gaussian(mean, deviation), noise, 200)
    assert float(drawn.mean()) == pytest.approx(mean + deviation * float(noise.mean()), abs=0.02)
    assert float(drawn.std()) == pytest.approx(deviation, rel=0.03)
    torch.testing.assert_close(drawn, mean + deviation * noise, rtol=0, atol=0.03 * deviation * 4)


def test_more_steps_come_nearer_in_proportion() -> None:
    noise = noise_of(0)
    errors = [(result(gaussian(1, 0.5), noise, steps) - (1 + 0.5 * noise)).abs().max() for steps in (40, 80)]
    assert float(errors[0] / errors[1]) == pytest.approx(2, rel=0.1)


def test_a_single_step_is_the_first_estimate() -> None:
    assert torch.equal(result(gaussian(2, 0.3), noise_of(0), 1), torch.full((1, *SHAPE), 2.0))


def test_runs_side_by_side_do_not_mix() -> None:
    noises = [noise_of(1), noise_of(2)]
    runs = [
        denoise(gaussian(1, 0.5), noise, scheduler=scheduler(), sigmas=even_sigmas(steps))
        for noise, steps in zip(noises, (4, 4), strict=True)
    ]
    *_, (first, second) = zip(*runs, strict=True)
    assert torch.equal(first, result(gaussian(1, 0.5), noises[0], 4))
    assert torch.equal(second, result(gaussian(1, 0.5), noises[1], 4))


def test_a_row_is_the_same_alone_and_in_a_batch() -> None:
    together = result(gaussian(1, 0.5), noise_of(5, 6, 7), 6)
    torch.testing.assert_close(result(gaussian(1, 0.5), noise_of(6), 6)[0], together[1])


def two_branches(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """A model whose rows with the prompt say 3 x + sigma, and those without it x."""
    asked, free = noisy.chunk(2)
    assert torch.equal(asked, free)
    return torch.cat([3 * asked + sigma.chunk(2)[0][:, None, None, None], free])


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.5])
def test_guidance_goes_from_the_free_branch_past_the_asked_one(scale: float) -> None:
    x, sigma = noise_of(1, 2), torch.tensor([0.25, 0.75])
    got = guided(two_branches, torch.full((2,), scale))(x, sigma)
    torch.testing.assert_close(got, x + scale * (2 * x + sigma[:, None, None, None]))


def test_each_row_has_its_own_guidance_scale() -> None:
    x, sigma = noise_of(1, 2), torch.tensor([0.5, 0.5])
    both = guided(two_branches, torch.tensor([1.0, 7.0]))(x, sigma)
    torch.testing.assert_close(both[:1], guided(two_branches, torch.tensor([1.0]))(x[:1], sigma[:1]))
    torch.testing.assert_close(both[1:], guided(two_branches, torch.tensor([7.0]))(x[1:], sigma[1:]))


def test_a_guidance_scale_of_one_is_the_asked_branch_alone() -> None:
    asked, free = gaussian(1, 0.5), gaussian(-1, 2)

    def both(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        (above, below), levels = noisy.chunk(2), sigma.chunk(2)
        return torch.cat([asked(above, levels[0]), free(below, levels[1])])

    noise = noise_of(1, 2)
    alone = result(asked, noise, 8)
    torch.testing.assert_close(result(guided(both, torch.ones(2)), noise, 8), alone)
    assert not math.isclose(
        float(result(guided(both, torch.full((2,), 3.0)), noise, 8).mean()), float(alone.mean())
    )


def test_what_is_known_is_on_the_flow_to_itself_at_every_noise_level() -> None:
    known, noise = normals([RowKey(1)], "known", (2, 4, 4)), normals([RowKey(1)], "noise", (2, 4, 4))
    mask = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    mask[..., 2:] = True
    seen: list[tuple[torch.Tensor, float]] = []

    def predict(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        seen.append((noisy, float(sigma)))
        return torch.full_like(noisy, 9.0)

    each = known_outside(predict, known, mask)
    *_, last = denoise(each, noise, scheduler=FlowMatchEulerDiscreteScheduler(), sigmas=even_sigmas(4))
    assert torch.equal(last, torch.where(mask, torch.full_like(known, 9.0), known))
    for noisy, sigma in seen:
        torch.testing.assert_close(noisy[..., :2], noised(known, noise, sigma)[..., :2])


def test_painting_may_begin_below_pure_noise() -> None:
    assert even_sigmas(4, first=0.5) == [0.5, 0.375, 0.25, 0.125]
    clean, noise = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    assert noised(clean, noise, 1.0) is noise
    torch.testing.assert_close(noised(clean, noise, 0.25), 0.25 * noise)


@pytest.mark.parametrize(
    ("steps", "share", "expected"),
    [
        (4, {}, "iiii"),
        (4, {"stop": 0.5}, "iioo"),
        (4, {"start": 0.5}, "ooii"),
        (4, {"start": 0.25, "stop": 0.75}, "oiio"),
        (10, {"start": 0.3, "stop": 0.7}, "oooiiiiooo"),
        (3, {"start": 0.5, "stop": 0.5}, "ooo"),
        (3, {"stop": 0.0}, "ooo"),
        (1, {"stop": 0.5}, "i"),
        (1, {"start": 0.5}, "o"),
    ],
)
def test_guidance_is_applied_from_one_share_of_the_steps_to_another(
    steps: int, share: dict[str, float], expected: str
) -> None:
    inside: Predict = lambda noisy, sigma: noisy  # noqa: E731
    outside: Predict = lambda noisy, sigma: -noisy  # noqa: E731
    chosen = guidance_interval(inside, outside, steps, **share)
    assert "".join("i" if each is inside else "o" for each in chosen) == expected
