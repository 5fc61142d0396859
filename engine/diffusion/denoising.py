"""The denoising loop, as a plain function of (predict, noise, sigmas), and guidance over named branches.

Every model is wrapped so that it returns its estimate of the clean latents, whatever it was trained to predict;
so the loop never branches. Knows no texts, tokens or pictures.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Clean latents from (noisy latents (b, c, h, w), sigma (b,))."""


def guided(predict: Predict, scale: torch.Tensor) -> Predict:
    """Classifier-free guidance (Ho & Salimans 2021) over a model that runs both branches in one batch.

    Args:
        predict: takes 2b rows, those with the prompt first, and returns as many.
        scale: (b,); 1 is none.
    """

    def both(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        cond, uncond = predict(noisy.repeat(2, 1, 1, 1), sigma.repeat(2)).chunk(2)
        return uncond + scale[:, None, None, None] * (cond - uncond)

    return both


def guidance_interval(
    inside: Predict, outside: Predict, steps: int, *, start: float = 0.0, stop: float = 1.0
) -> list[Predict]:
    """One for each of `steps`: `inside` from the share `start` of them to the share `stop`, `outside`
    elsewhere.

    Guidance costs a second branch and matters for some noise levels only (Kynkäänniemi et al. 2024, "Applying
    guidance in a limited interval"); shares of steps are how diffusers' guiders count.
    """
    return [inside if start - 1e-6 <= i / steps < stop - 1e-6 else outside for i in range(steps)]


def known_outside(predict: Predict, clean: torch.Tensor, mask: torch.Tensor) -> Predict:
    """`predict` where the mask is true; elsewhere the estimate is what is known already.

    So these parts are on the flow from the noise to what they are in the end, at every step, and what is
    painted beside them fits them (as in Lugmayr et al. 2022, "RePaint", where they are noised anew each step).

    Args:
        clean: (b, c, h, w).
        mask: bool (b, 1, h, w).
    """
    return lambda noisy, sigma: torch.where(mask, predict(noisy, sigma), clean)


def even_sigmas(steps: int, *, first: float = 1.0) -> list[float]:
    """Noise levels of a run, evenly spaced from `first` (1 is pure noise) down; the end, 0, is left out."""
    return [first * (1 - i / steps) for i in range(steps)]


def noised(clean: torch.Tensor, noise: torch.Tensor, sigma: float) -> torch.Tensor:
    """The point of the flow from `noise` to `clean`, both (b, c, h, w), at this noise level."""
    return (1 - sigma) * clean + sigma * noise if sigma < 1 else noise


def denoise(
    predict: Predict | Sequence[Predict], noise: torch.Tensor, *, scheduler: Any, sigmas: Sequence[float]
) -> Iterator[torch.Tensor]:
    """Denoise along a flow (Lipman et al. 2023; x_sigma = (1 - sigma) x + sigma noise), step by step.

    The noise levels stay on the host, so that on a GPU no step waits for the device.

    Args:
        predict: one for each step, or one for all.
        noise: float32 (b, c, h, w).
        scheduler: a diffusers flow-matching scheduler of this call's own; it keeps count of the steps.
        sigmas: descending, from at most 1 to above 0.

    Yields:
        after each step, its estimate of the clean latents; the last one is the result.
    """
    scheduler.set_timesteps(sigmas=list(sigmas), device="cpu")
    predicts = list(predict) if isinstance(predict, Sequence) else [predict] * len(sigmas)
    x = noise
    for i, (each, timestep) in enumerate(zip(predicts, scheduler.timesteps, strict=True)):
        sigma = float(scheduler.sigmas[i])
        clean = each(x, torch.full((len(x),), sigma, device=x.device))
        velocity = (x - clean) / sigma
        x = scheduler.step(velocity, timestep, x, return_dict=False)[0]
        yield clean
