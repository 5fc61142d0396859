"""Predictions and paths: whatever is predicted, a perfect model walks to the clean latents."""

from typing import Any

import pytest
import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

from diptych import InputError
from diptych.engine.diffusion.denoising import denoise, even_sigmas
from diptych.engine.diffusion.objective import DDPM_END, PREDICTIONS, Objective

KINDS = [(path, prediction) for path, predictions in PREDICTIONS.items() for prediction in predictions]


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("path", "prediction"), KINDS)
def test_a_perfect_prediction_gives_the_clean_latents(path: Any, prediction: Any) -> None:
    objective = Objective(path=path, prediction=prediction)
    clean, noise = normal(1, 4, 3, 2, 2), normal(2, 4, 3, 2, 2)
    sigma = torch.tensor([0.05, 0.4, 0.7, 0.93])
    noisy = objective.noisy(clean, noise, sigma)
    estimate = objective.clean(objective.target(clean, noise, sigma), noisy, sigma)
    torch.testing.assert_close(estimate, clean, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("path", "prediction"), KINDS)
def test_what_the_sampler_shows_is_what_training_showed(path: Any, prediction: Any) -> None:
    objective = Objective(path=path, prediction=prediction)
    clean, noise = normal(3, 3, 3, 2, 2), normal(4, 3, 3, 2, 2)
    sigma = objective.sigma(torch.tensor([0.1, 0.5, 0.9]))
    level = sigma[:, None, None, None]
    flow = (1 - level) * clean + level * noise
    torch.testing.assert_close(objective.shown(flow, sigma), objective.noisy(clean, noise, sigma))


@pytest.mark.parametrize(("path", "prediction"), KINDS)
def test_the_one_loop_walks_to_the_clean_latents_for_every_kind(path: Any, prediction: Any) -> None:
    objective = Objective(path=path, prediction=prediction)
    clean, noise = normal(5, 2, 3, 4, 4), normal(6, 2, 3, 4, 4)

    def predict(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        shown = objective.shown(noisy, sigma)
        return objective.clean(objective.target(clean, noise, sigma), shown, sigma)

    last_trained = float(objective.sigma(torch.ones(1)))  # beyond it, noise says nothing of what is clean
    sigmas = [sigma for sigma in even_sigmas(20) if sigma <= last_trained]
    begin = (1 - sigmas[0]) * clean + sigmas[0] * noise
    *_, last = denoise(predict, begin, scheduler=FlowMatchEulerDiscreteScheduler(), sigmas=sigmas)
    torch.testing.assert_close(last, clean, rtol=0, atol=1e-3)


def test_the_ddpm_path_keeps_its_variance_and_tells_its_time() -> None:
    objective = Objective(path="ddpm", prediction="epsilon")
    time = torch.tensor([0.0, 0.2, 0.6, 0.9])
    sigma = objective.sigma(time)
    torch.testing.assert_close(objective.timestep(sigma), time * 1000, rtol=0, atol=1e-2)
    ones = torch.ones(4, 1, 1, 1)
    alpha, s = objective.noisy(ones, 0 * ones, sigma), objective.noisy(0 * ones, ones, sigma)
    torch.testing.assert_close(alpha**2 + s**2, ones)
    late = objective.timestep(torch.ones(1))
    assert float(late) == pytest.approx(1000 * DDPM_END)  # pure noise is taken for the last that was trained


def test_the_flow_tells_sigma_itself() -> None:
    sigma = torch.tensor([0.25, 1.0])
    assert Objective().timestep(sigma).tolist() == [250.0, 1000.0]
    assert torch.equal(Objective().sigma(sigma), sigma)


@pytest.mark.parametrize(
    ("path", "prediction", "message"),
    [("flow", "epsilon", "take sample, velocity"), ("vp", "sample", "known are flow, ddpm")],
)
def test_what_does_not_go_together_is_refused(path: Any, prediction: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Objective(path=path, prediction=prediction)
