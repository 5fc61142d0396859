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
        asked, free = predict(noisy.repeat(2, 1, 1, 1), sigma.repeat(2)).chunk(2)
        return free + scale[:, None, None, None] * (asked - free)

    return both


def even_sigmas(steps: int) -> list[float]:
    """Noise levels of a run, from 1 (pure noise) downwards, evenly spaced; the end, 0, is left out."""
    return [1 - i / steps for i in range(steps)]


def denoise(
    predict: Predict, noise: torch.Tensor, *, scheduler: Any, sigmas: Sequence[float]
) -> Iterator[torch.Tensor]:
    """Denoise along a flow (Lipman et al. 2023; x_sigma = (1 - sigma) x + sigma noise), step by step.

    Args:
        noise: float32 (b, c, h, w).
        scheduler: a diffusers flow-matching scheduler of this call's own; it keeps count of the steps.
        sigmas: descending, from at most 1 to above 0.

    Yields:
        after each step, its estimate of the clean latents; the last one is the result.
    """
    scheduler.set_timesteps(sigmas=list(sigmas), device=noise.device)
    x = noise
    for i, timestep in enumerate(scheduler.timesteps):
        sigma = float(scheduler.sigmas[i])
        clean = predict(x, torch.full((len(x),), sigma, device=x.device))
        velocity = (x - clean) / sigma
        x = scheduler.step(velocity, timestep, x, return_dict=False)[0]
        yield clean
