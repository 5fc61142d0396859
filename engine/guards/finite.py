"""Whether what a model gave holds numbers: NaN and infinity spread through all that is made of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CheckpointError

if TYPE_CHECKING:
    import torch


def finite_rows(x: "torch.Tensor") -> "torch.Tensor":
    """Which rows of a tensor (b, …) hold nothing but finite numbers: bool (b,), on its device.

    One pass, and nothing is waited for: a sum with a NaN or an infinity among its terms is one of them.
    """
    import torch

    return x.reshape(len(x), -1).sum(1, dtype=torch.float32).isfinite()


def check_numbers(tensors: "Mapping[str, torch.Tensor]", path: Path | str) -> None:
    """Raise CheckpointError where one of these tensors of a file holds something that is no number."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise CheckpointError(f"{path}: {name} holds NaN or infinity: it is damaged: get the file again")
