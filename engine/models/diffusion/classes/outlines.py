"""What stands for a component of a pipeline whose weights are not here, or which others share; and what ends a
call half-way."""

import functools
from pathlib import Path
from typing import Any

import torch

from ...checkpoint.folder import read_json


class Left(Exception):
    """A library's call was left half-way, on purpose."""


class Outline:
    """Stands for a component whose weights are not here, for all that a pipeline asks of it; to be called means
    that the phase before it is over.

    Args:
        component: on the meta device; hidden from the pipeline, which looks to its modules for the device.
    """

    def __init__(self, component: Any, dtype: torch.dtype) -> None:
        self._component = component
        self.dtype = dtype
        if statistics := getattr(component, "bn", None):  # FLUX.2's calls undo a norm on their way to decoding
            self.bn = torch.nn.BatchNorm2d(statistics.num_features, affine=False, eps=0.0).eval()

    def __call__(self, *_: object, **__: object) -> Any:
        raise Left

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._component, name)


class TextOutline:
    """Stands for a text encoder once its text is encoded: some calls ask it for its number format."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        self._folder = folder
        self.dtype = dtype

    @functools.cached_property
    def config(self) -> Any:
        from transformers import PretrainedConfig

        return PretrainedConfig(**read_json(self._folder / "config.json"))


class Reader:
    """An autoencoder as pipelines call it that begin with a picture: whatever their dtype is, it works in its
    own, and is not cast to another for a while, as some would, for others share it."""

    def __init__(self, vae: Any) -> None:
        self._vae = vae

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vae, name)

    def to(self, *_: object, **__: object) -> "Reader":
        return self

    def encode(self, pixels: torch.Tensor) -> object:
        found = self._vae.encode(pixels.to(self._vae.dtype))
        spread = found.latent_dist
        found.latent_dist = type(spread)(spread.parameters.to(pixels.dtype))
        return found


class Finished:
    """A scheduler whose run is over: no step is left."""

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self.timesteps = torch.empty(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scheduler, name)

    def set_timesteps(
        self,
        num_inference_steps: int = 0,
        device: object = None,
        timesteps: object = None,
        sigmas: object = None,
        **_: object,
    ) -> None:
        return None

    def set_begin_index(self, begin_index: int = 0) -> None:
        return None

    def add_noise(self, original: torch.Tensor, *_: object) -> torch.Tensor:
        return original

    scale_noise = add_noise
