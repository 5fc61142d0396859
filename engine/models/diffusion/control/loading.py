"""Loads a ControlNet or T2I-Adapter from its folder."""

import dataclasses
from pathlib import Path
from typing import Any

import torch

from ....errors import CheckpointError, DiptychError
from ....messages import first_line
from ...checkpoint.folder import outlined, weight_files, whole
from .fitting import control_class


@dataclasses.dataclass(frozen=True, kw_only=True)
class ControlModel:
    """What steers a pipeline, in its form for a device."""

    control: Any


def load_control(folder: Path, dtype: torch.dtype, device: torch.device) -> ControlModel:
    """A ControlNet or T2I-Adapter.

    Raises:
        CheckpointError: the folder holds something else, or a file is missing or damaged.
    """
    import diffusers

    name = control_class(folder)
    kind = getattr(diffusers, name, None)
    if kind is None:
        raise CheckpointError(f"{folder}: diffusers {diffusers.__version__} has no {name}: update it")
    weight_files(folder)
    options = {"local_files_only": True, "use_safetensors": True, "torch_dtype": dtype}
    try:
        loaded = kind.from_pretrained(folder, output_loading_info=True, **outlined(device), **options)
        model = whole(loaded, folder).eval().requires_grad_(False)
    except (DiptychError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # whatever a library makes of a config that is not that of the weights
        raise CheckpointError(
            f"{folder}: cannot be loaded as {name} ({first_line(error)}): config.json and the weights do"
            " not fit each other: copy both again"
        ) from error
    return ControlModel(control=model.to(device))
