"""The values between the phases of painting with a diffusers pipeline: encoded text, denoised latents."""

import dataclasses
from collections.abc import Hashable

import torch

from ...values import Draft, Picture, Plan


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conditioned:
    """A plan whose text is encoded.

    Args:
        encoded: see `pipeline.Encoded`.
        seen: what its references are for an adapter, likewise.
        draft: whose tokens or preview are painted from; `None` where the text is all.
        picture: that is painted over; `None` where there is none yet.
        maps: the control picture of each of the request's controls, uint8 (h, w, 3).
    """

    plan: Plan
    encoded: tuple[object, ...]
    seen: tuple[object, ...] = ()
    draft: Draft | None = None
    picture: Picture | None = None
    maps: tuple[torch.Tensor, ...] = ()

    @property
    def alike(self) -> Hashable:
        """What rows must have in common to be denoised together: the shapes of their conditions."""
        return _shapes(self.encoded), _shapes(self.seen)

    @property
    def is_ragged(self) -> bool:
        """Whether rows of other lengths may be denoised beside this one."""
        return any(isinstance(each, list) for call in self.encoded if isinstance(call, tuple) for each in call)

    @property
    def is_sound(self) -> bool:
        """Whether there is no NaN among its tensors; masks may well be infinite."""
        return not _has_nan(self.encoded) and not _has_nan(self.seen)

    @classmethod
    def sample(cls, plan: Plan, draft: Draft) -> "Conditioned":
        """One that says nothing, for asking a stage what it needs."""
        return cls(plan=plan, encoded=(), draft=draft)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Latents:
    """What an autoencoder makes a picture of.

    Args:
        latents: on the CPU, (1, …), of whatever layout the pipeline has.
    """

    conditioned: Conditioned
    latents: torch.Tensor

    @property
    def plan(self) -> Plan:
        return self.conditioned.plan

    @classmethod
    def sample(cls, plan: Plan, draft: Draft) -> "Latents":
        """One that says nothing, for asking a stage what it needs."""
        return cls(conditioned=Conditioned.sample(plan, draft), latents=torch.zeros(1))


def _has_nan(value: object) -> bool:
    if isinstance(value, torch.Tensor):
        return value.is_floating_point() and bool(value.isnan().any())
    return isinstance(value, tuple | list) and any(_has_nan(each) for each in value)


def _shapes(value: object) -> Hashable:
    """Of the tensors; those in lists may differ from row to row."""
    if isinstance(value, torch.Tensor):
        return tuple(value.shape)
    if isinstance(value, tuple):
        return tuple(_shapes(each) for each in value)
    return type(value).__name__
