"""What is lost where a picture becomes tokens, and how much of the codebook is used."""

import math
from typing import Any

import torch

from ..training.data import PICTURE_SIDE, WorldData
from .figures import Figure, Mean


def evaluate_tokenizer(codebook: Any, *, count: int, batch_size: int = 64) -> dict[str, Figure]:
    """Reconstruction of `count` held-out renders, at the size that tokens show, and the use of the codebook.

    Args:
        codebook: an `image-tokenizer` handle: `encode`, `decode`, `side`, `codebook`.
    """
    height, width = codebook.side
    assert height == width <= PICTURE_SIDE, f"tokens that show {height} x {width} pixels"
    data, decibels = WorldData("held-out"), []
    counts = torch.zeros(codebook.codebook.size, dtype=torch.int64)
    for start in range(0, count, batch_size):
        pixels = data.take(range(start, min(count, start + batch_size)), height).pixels
        tokens = codebook.encode(pixels)
        error = (codebook.decode(tokens).double() - pixels.double()) / 255
        decibels += [psnr(float(row.square().mean())) for row in error]
        counts += torch.bincount(tokens.flatten().cpu(), minlength=len(counts))
    used = int((counts > 0).sum())
    return {
        "reconstruction": Mean.of_values(decibels, "dB"),
        "codebook entries used": Mean.of_values([used], f"of {len(counts)}"),
        "codebook entropy": Mean.of_values([entropy_bits(counts)], "bits"),
    }


def psnr(mean_squared_error: float) -> float:
    """Peak signal to noise ratio in dB of values in [0, 1]; 100 for no error at all."""
    return min(100.0, -10 * math.log10(max(mean_squared_error, 1e-10)))


def entropy_bits(counts: torch.Tensor) -> float:
    """Of the distribution that `counts` (v,) were drawn from."""
    p = counts[counts > 0].double() / counts.sum()
    return float(-(p * p.log2()).sum())
