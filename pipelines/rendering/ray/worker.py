"""What runs in a Ray actor: one pipeline, which takes requests and gives outcomes."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....engine.memory import EventLog
from ....engine.values import Failure, Outcome, Request
from ...recipes.environment import Environment
from ...recipes.reader import parse_recipe
from ...text_to_image import TextToImage

if TYPE_CHECKING:
    import numpy as np
    import torch


def pipeline_of(table: Mapping[str, Any], name: str, options: Mapping[str, Any]) -> TextToImage:
    """A worker's pipeline, of a recipe as `recipe_table` has it: the package's own weights are looked for where
    the package lies on the worker's machine."""
    return TextToImage.from_recipe(parse_recipe(table, Path(f"{name}.toml")), **options)


class Worker:
    """One pipeline in a process of its own.

    Args:
        make: makes it, when it is first needed: what is wrong with it is then an answer, not a lost actor.
    """

    def __init__(self, make: Callable[[], TextToImage]) -> None:
        self._make = make
        _send_tensors_as_arrays()

    @functools.cached_property
    def pipe(self) -> TextToImage:
        return self._make()

    def open(self) -> Environment:
        """What this worker makes pictures with. Raises what making the pipeline raises."""
        return self.pipe.environment()

    def render(self, requests: Sequence[Request]) -> tuple[list[Outcome | Failure], EventLog]:
        """The results of the requests, and what memory did meanwhile."""
        with self.pipe.runner.memory.log.part() as log:
            results = list(self.pipe.run(requests))
        return results, log


def _send_tensors_as_arrays() -> None:
    """Let tensors leave this process as numpy arrays, which Ray's object store carries without copies."""
    import torch
    from ray.util import register_serializer

    register_serializer(torch.Tensor, serializer=_array, deserializer=_tensor)


def _array(tensor: "torch.Tensor") -> "np.ndarray[Any, Any]":
    return tensor.detach().cpu().numpy()


def _tensor(array: "np.ndarray[Any, Any]") -> "torch.Tensor":
    import torch

    return torch.from_numpy(array.copy())  # the store's memory may only be read, and is wanted back
