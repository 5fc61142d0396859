"""Families of models: which adapter loads a checkpoint of which family. Adapters are imported when needed."""

import difflib
import importlib
from typing import Any

from ..errors import CheckpointError, DiptychError, InputError
from ..stage import ModelKey
from .checkpoint import folder_of, parameter_count

FAMILIES: dict[str, tuple[str, str]] = {
    "causal-lm": ("from_transformers", "load_language_model"),
    "image-token-lm": ("from_transformers", "load_image_token_model"),
    "image-text-to-text": ("from_transformers_vision", "load_captioner"),
    "diffusers": ("from_diffusers", "load_refiner"),
    "image-tokenizer": ("patch_codebook", "load_codebook"),
}
"""Family: (module of this folder, function of (folder, dtype, device) that loads one)."""

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


class Registry:
    """Loads models of every known family; the `Loader` of `DeviceMemory`."""

    def weight_bytes(self, key: ModelKey) -> int:
        """Bytes of the weights on the device, from the files' headers.

        Raises:
            CheckpointError: the checkpoint is missing or damaged.
            InputError: the family or the dtype is not known.
        """
        _known("family", key.family, FAMILIES)
        _known("dtype", key.dtype, BYTES)
        return parameter_count(folder_of(key.checkpoint)) * BYTES[key.dtype]

    def load(self, key: ModelKey, device: str) -> Any:
        """A handle, its weights on `device`.

        Raises:
            CheckpointError: the checkpoint is missing, damaged or not of its family.
        """
        import torch

        module, function = FAMILIES[_known("family", key.family, FAMILIES)]
        folder = folder_of(key.checkpoint)
        loader = getattr(importlib.import_module(f".{module}", __package__), function)
        try:
            return loader(folder, getattr(torch, _known("dtype", key.dtype, BYTES)), torch.device(device))
        except (DiptychError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # whatever a library makes of files that are not as they should be
            if isinstance(error, RuntimeError) and "memory" in str(error):
                raise
            raise CheckpointError(f"{folder}: cannot be loaded as {key.family}: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    if isinstance(error, KeyError):
        return f"{text} is missing"
    return text or type(error).__name__


def _known(what: str, name: str, table: dict[str, Any]) -> str:
    if name not in table:
        near = difflib.get_close_matches(name, table, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise InputError(f"{what} {name!r} is not known{hint}; known are {', '.join(table)}")
    return name
