"""What is lost where a picture becomes tokens, and how much of the codebook is used."""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ..training.data.source import PICTURE_SIDE, WorldData
from .figures import Figure, Measure, Share

WINDOW, SPREAD = 11, 1.5  # of SSIM, in pixels
C1, C2 = 0.01**2, 0.03**2


def evaluate_tokenizer(codebook: Any, *, count: int, batch_size: int = 64) -> dict[str, Figure]:
    """Reconstruction of `count` held-out renders, at the size that tokens show, and the use of the codebook.

    Args:
        codebook: an `image-tokenizer` handle: `encode`, `decode`, `side`, `codebook`.
    """
    height, width = codebook.side
    assert height == width <= PICTURE_SIDE, f"tokens that show {height} x {width} pixels"
    data = WorldData("held-out")
    decibels: list[float] = []
    similarities: list[float] = []
    counts: list[np.ndarray] = []
    for start in range(0, count, batch_size):
        pixels = data.take(range(start, min(count, start + batch_size)), height).pixels
        tokens = codebook.encode(pixels)
        decoded = codebook.decode(tokens)
        error = (decoded.double() - pixels.double()) / 255
        decibels += [psnr(float(row.square().mean())) for row in error]
        similarities += ssim(decoded, pixels).tolist()
        rows = tokens.flatten(1).cpu().numpy()
        counts += [np.bincount(row, minlength=codebook.codebook.size) for row in rows]
    uses = np.stack(counts)  # (pictures, v)
    return {
        "psnr": Measure.mean_of(decibels, "dB"),
        "ssim": Measure.mean_of(similarities, ""),
        "codebook_used": Share(int((uses.sum(0) > 0).sum()), uses.shape[1]),
        "codebook_entropy": Measure.resampled(lambda i: entropy_bits(uses[i].sum(0)), count, "bits"),
    }


def psnr(mean_squared_error: float) -> float:
    """Peak signal to noise ratio in dB of values in [0, 1]; 100 for no error at all."""
    return min(100.0, -10 * math.log10(max(mean_squared_error, 1e-10)))


def ssim(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Structural similarity of luminance (Wang et al. 2004, eq. 13), in Gaussian windows of 11 pixels.

    Args:
        one, other: uint8 (b, h, w, 3), 11 pixels high and wide at least.

    Returns:
        float64 (b,), 1 for equal pictures.
    """
    steps = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    bell = torch.exp(-steps.square() / (2 * SPREAD**2))
    window = (bell[:, None] * bell / bell.sum() ** 2)[None, None]

    def mean(values: torch.Tensor) -> torch.Tensor:
        return F.conv2d(values, window)

    weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    x, y = ((each.cpu().double() / 255 @ weights)[:, None] for each in (one, other))  # (b, 1, h, w)
    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    map_ = (2 * mx * my + C1) * (2 * cov + C2) / ((mx * mx + my * my + C1) * (vx + vy + C2))
    return map_.mean((1, 2, 3))


def entropy_bits(counts: np.ndarray) -> float:
    """Of the distribution that `counts` (v,) were drawn from."""
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log2(p)).sum())
