"""What a model's weights are: which files and modules have them, and to what they are quantised."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CheckpointError
from ..stage import ModelKey
from .checkpoint.bounded import Unfit
from .checkpoint.folder import read_header, read_json
from .checkpoint.vetting import refuse_absent_layers
from .diffusion.pipeline_parts import VAE
from .quantised.gguf_header import ENDING
from .quantised.methods import refuse_unread

if TYPE_CHECKING:
    import torch


def quantised_to(key: ModelKey[object]) -> str:
    """To what the model's weights are quantised when it is loaded; empty, where they are not. Autoencoders are
    nearly all convolutions: nothing would be saved."""
    return "" if key.part == VAE else str(dict(key.tuning).get("quantize", ""))


def to_quantise(handle: object) -> "dict[str, torch.nn.Module]":
    return {name: module for name, module in modules_of(handle).items() if name not in (VAE, "latents")}


def modules_of(handle: object) -> "dict[str, torch.nn.Module]":
    """Of a handle: itself, or those among its fields, by name."""
    import torch

    fields = dataclasses.fields(handle) if dataclasses.is_dataclass(handle) else ()
    held = {"model": handle, **{field.name: getattr(handle, field.name) for field in fields}}
    return {name: each for name, each in held.items() if isinstance(each, torch.nn.Module)}


def look_at_weights(files: Iterable[Path]) -> None:
    """Raises `CheckpointError` where a config says layers that its weights do not have, or they are quantised
    in a way that is not read."""
    headers: dict[Path, dict[str, Any]] = {}
    for path in files:
        headers.setdefault(path.with_name("config.json"), {}).update(read_header(path))
    for path, header in headers.items():
        if path.is_file():
            config = read_json(path)
            refuse_unread(path, config, header)
            try:
                refuse_absent_layers(config, header)
            except Unfit as error:
                raise CheckpointError(f"{path}: {error}: copy both files again") from None


def safetensors_of(files: list[Path]) -> list[Path]:
    return [path for path in files if path.suffix != ENDING]
