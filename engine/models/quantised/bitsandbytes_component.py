"""A component of a diffusers pipeline whose folder was quantised by bitsandbytes, to four or eight bits.

diffusers reads such folders straight onto a GPU of its own choice, and on a CPU not at all. bitsandbytes
computes on both. So its layers are put in place by diffusers and filled here, on the host; from there they go
where any weights go.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ...errors import CheckpointError
from ..checkpoint.folder import read_json, weight_files
from ..checkpoint.kept_dtypes import is_kept, kept_in_float32


def is_bitsandbytes(folder: Path) -> bool:
    """Whether a model's folder says that its weights are quantised by bitsandbytes."""
    said = read_json(folder / "config.json").get("quantization_config")
    return isinstance(said, dict) and bool(
        said.get("load_in_4bit")
        or said.get("load_in_8bit")
        or str(said.get("quant_method")).startswith("bitsandbytes")
    )


def load_bitsandbytes(folder: Path, kind: Any, dtype: torch.dtype, *, outline: bool = False) -> Any:
    """The component of a folder.

    Args:
        kind: its class in diffusers.
        dtype: of all that is not quantised.
        outline: on the meta device, with plain layers and without weights.

    Raises:
        CheckpointError: weights or parts of them are missing.
    """
    from accelerate import init_empty_weights

    config = read_json(folder / "config.json")
    said = config.pop("quantization_config")
    with init_empty_weights(include_buffers=outline):
        model: Any = kind.from_config(config)
    if outline:
        return model.to(dtype).eval().requires_grad_(False)
    kept = kept_in_float32("diffusers", kind.__name__, str(dtype).removeprefix("torch."))
    _put_layers(model, said, kept)
    tensors = _tensors(folder)
    for name, parameter in list(model.named_parameters()):
        if name not in tensors:
            raise CheckpointError(f"{folder}: lacks the weights {name}: copy the checkpoint again")
        module, _, last = name.rpartition(".")
        owner = model.get_submodule(module)
        made = _filled(name, parameter, tensors, torch.float32 if is_kept(name, kept) else dtype, owner, folder)
        owner.register_parameter(last, made)
    buffers: dict[str, torch.Tensor] = dict(model.named_buffers())
    for name, found in {**buffers, **{each: tensors[each] for each in buffers if each in tensors}}.items():
        module, _, last = name.rpartition(".")
        model.get_submodule(module)._buffers[last] = found.to(dtype) if found.is_floating_point() else found
    return model.eval().requires_grad_(False)


def _put_layers(model: Any, said: Mapping[str, Any], kept: frozenset[str]) -> None:
    """Layers of bitsandbytes in the place of linear ones, as diffusers chooses them."""
    from diffusers.quantizers.bitsandbytes.utils import replace_with_bnb_linear
    from diffusers.quantizers.quantization_config import BitsAndBytesConfig

    how: Any = BitsAndBytesConfig.from_dict(dict(said))
    spared = [*(how.llm_int8_skip_modules or ()), *kept]
    replace_with_bnb_linear(model, modules_to_not_convert=spared, quantization_config=how)


def _tensors(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return {name: each for path in weight_files(folder) for name, each in load_file(path).items()}


def _filled(
    name: str,
    parameter: Any,
    tensors: Mapping[str, torch.Tensor],
    dtype: torch.dtype,
    module: Any,
    folder: Path,
) -> torch.nn.Parameter:
    """A parameter with the numbers of a file."""
    bitsandbytes: Any = importlib.import_module("bitsandbytes")
    data = tensors[name]
    if isinstance(parameter, bitsandbytes.nn.Params4bit):
        state = {each: tensor for each, tensor in tensors.items() if each.startswith(f"{name}.")}
        if f"{name}.absmax" not in state or not any(".quant_state." in each for each in state):
            raise CheckpointError(f"{folder}: lacks {name}.absmax, or its state: copy the checkpoint again")
        return bitsandbytes.nn.Params4bit.from_prequantized(
            data=data, quantized_stats=state, requires_grad=False, device="cpu", module=module
        )
    if isinstance(parameter, bitsandbytes.nn.Int8Params):
        scales = tensors.get(f"{name.removesuffix('weight')}SCB")
        if scales is None or data.dtype != torch.int8:
            raise CheckpointError(f"{folder}: {name} lacks its scales (SCB): copy the checkpoint again")
        return bitsandbytes.nn.Int8Params(
            data, requires_grad=False, has_fp16_weights=False, CB=data, SCB=scales
        )
    if data.shape != parameter.shape:
        shapes = f"{tuple(data.shape)}, and config.json says {tuple(parameter.shape)}"
        raise CheckpointError(f"{folder}: {name} has the shape {shapes}: copy both files again")
    return torch.nn.Parameter(data.to(dtype), requires_grad=False)
