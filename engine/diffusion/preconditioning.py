"""Preconditioning: how a raw net becomes an estimate of the clean latents, right at both ends of the noise.

Karras et al. 2022 ("Elucidating the Design Space"), eq. 7, for the straight path of flow matching,
x_sigma = (1 - sigma) x + sigma noise, with data of unit variance: the skip is the best linear estimate, and the
net is left with a target of unit variance at every noise level.
"""

from typing import NamedTuple

import torch


class Preconditioning(NamedTuple):
    """clean = skip · noisy + out · net(into · noisy); each (b, 1, 1, 1)."""

    skip: torch.Tensor
    out: torch.Tensor
    into: torch.Tensor


def flow_preconditioning(sigma: torch.Tensor) -> Preconditioning:
    """The factors at sigma (b,) in [0, 1]."""
    s = sigma[:, None, None, None]
    variance = (1 - s).square() + s.square()
    return Preconditioning(skip=(1 - s) / variance, out=s / variance.sqrt(), into=variance.rsqrt())
