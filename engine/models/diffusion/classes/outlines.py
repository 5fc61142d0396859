"""What stands for a component of a pipeline whose weights are not here, and what ends a call half-way."""

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
