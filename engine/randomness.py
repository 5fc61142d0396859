"""Random draws that depend on (seed, candidate, stage, step) and on nothing else.

Every draw comes from Philox-4x64-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011; as
in numpy), keyed by a hash of those four. There is no global generator, no state between calls, no dependence on
the batch: a row draws the same numbers alone, beside any neighbours, after a crash and on another machine.
Draws are made on the CPU; the caller moves them.
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import torch


PATCH = 5  # cells across which `random_patches` smooths


class RowKey(NamedTuple):
    """What a row's draws depend on, beside stage and step."""

    seed: int
    candidate: int = 0


def _generator(key: RowKey, stage: str, step: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{key.seed}/{key.candidate}/{stage}/{step}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def uniforms(keys: Sequence[RowKey], stage: str, steps: int) -> "torch.Tensor":
    """One uniform number for every row and step.

    Returns:
        float64 (b, steps) in [0, 1); column i is what step i draws, however many steps are asked for.
    """
    import torch

    rows = [_generator(key, stage, 0).random(steps) for key in keys]
    return torch.from_numpy(np.stack(rows))


def normals(keys: Sequence[RowKey], stage: str, shape: tuple[int, ...], *, step: int = 0) -> "torch.Tensor":
    """Standard normal noise.

    Returns:
        float32 (b, *shape).
    """
    import torch

    rows = [_generator(key, stage, step).standard_normal(shape, dtype=np.float32) for key in keys]
    return torch.from_numpy(np.stack(rows))


def generators(keys: Sequence[RowKey], stage: str) -> "list[torch.Generator]":
    """A generator for each row, on the CPU, for libraries that draw for themselves: seeded by what a row's
    draws depend on, and torch's own (a Mersenne Twister) from there on."""
    import torch

    return [torch.Generator().manual_seed(_seed_of(key, stage)) for key in keys]


def _seed_of(key: RowKey, stage: str) -> int:
    digest = hashlib.sha256(f"{key.seed}/{key.candidate}/{stage}/generator".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def whole_seed(key: RowKey, stage: str) -> int:
    """A seed for a program that draws for itself, a server say: in [0, 2**31), as all of them take it."""
    return _seed_of(key, stage) >> 32


def random_patches(key: RowKey, stage: str, grid: tuple[int, int], *, share: float) -> "torch.Tensor":
    """A random share of the cells of a grid, in patches some cells across. A larger share contains all the
    cells of a smaller one.

    Returns:
        bool (h, w).
    """
    import torch
    from torch.nn.functional import avg_pool2d

    field = normals([key], stage, grid)  # (1, h, w), smoothed twice
    for _ in range(2):
        field = avg_pool2d(field, PATCH, 1, PATCH // 2, count_include_pad=False) * PATCH
    chosen = torch.zeros(field.numel(), dtype=torch.bool)
    chosen[field.flatten().argsort(descending=True, stable=True)[: round(share * field.numel())]] = True
    return chosen.reshape(grid)


def derive_seed(seed: int, index: int) -> int:
    """The seed of row `index` of a file whose rows have no seeds of their own; in [0, 2**63)."""
    digest = hashlib.sha256(f"{seed}/row/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
