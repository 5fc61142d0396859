"""The denoiser of a diffusers pipeline from a GGUF file, by diffusers' reader.

The weights of linear layers stay in their blocks, and are made whole while a layer works; all others are cast
to the dtype that the model is asked for. What its layers are, the config of the pipeline's own denoiser says.
"""

import importlib.util
from pathlib import Path
from typing import Any

import torch

from ...errors import CheckpointError, DiptychError, InputError
from ...messages import first_line
from .gguf_header import GgufHeader, read_gguf_header


def load_gguf(path: Path, kind: Any, config: Path, dtype: torch.dtype, *, outline: bool = False) -> Any:
    """The component whose weights a file has.

    Args:
        kind: its class in diffusers.
        config: the folder of the same component with plain weights, of which `config.json` is read.
        dtype: that it computes in.
        outline: on the meta device, without weights; the file is looked at nevertheless.

    Raises:
        CheckpointError: the file is damaged, or is another model's.
        InputError: gguf is not installed.
    """
    header = read_gguf_header(path)
    if importlib.util.find_spec("gguf") is None:
        raise InputError(f"{path}: GGUF files need the package gguf: pip install 'diptych[gguf]'")
    _refuse_others(path, header, kind)
    if outline:
        from accelerate import init_empty_weights

        with init_empty_weights():
            return kind.from_config(kind.load_config(config)).to(dtype).eval().requires_grad_(False)
    from diffusers.quantizers.quantization_config import GGUFQuantizationConfig

    try:
        made = kind.from_single_file(
            str(path),
            config=str(config),
            torch_dtype=dtype,
            quantization_config=GGUFQuantizationConfig(compute_dtype=dtype),
            local_files_only=True,
        )
    except (DiptychError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # whatever the library makes of a file of another model
        raise CheckpointError(
            f"{path}: cannot be loaded as {kind.__name__} ({first_line(error)}): it does not fit"
            f" {config / 'config.json'}: name the pipeline that it was made of"
        ) from error
    _refuse_odd_weights(path, made)
    return made.eval().requires_grad_(False)


def _refuse_odd_weights(path: Path, model: torch.nn.Module) -> None:
    """Raise `CheckpointError` where a file lacks weights, or has blocks of numbers where plain ones belong."""
    lacking = sorted(name for name, each in model.named_parameters() if each.device.type == "meta")
    if lacking:
        others = f" and {len(lacking) - 1} others" if len(lacking) > 1 else ""
        raise CheckpointError(
            f"{path}: lacks the weights {lacking[0]}{others} of a {type(model).__name__}: name the pipeline"
            " that it was made of"
        )
    for where, module in model.named_modules():
        for name, weight in module.named_parameters(recurse=False):
            if type(weight).__name__ == "GGUFParameter" and type(module).__name__ != "GGUFLinear":
                raise CheckpointError(
                    f"{path}: {where}.{name} is quantised, and only weights of linear layers can be: get"
                    " another file of the model"
                )


def _refuse_others(path: Path, header: GgufHeader, kind: Any) -> None:
    """Raise `CheckpointError` where the file says that it is no denoiser, or diffusers reads none for this."""
    family = header.facts.get("general.architecture")
    if any(name.startswith(("blk.", "token_embd")) for name in header.tensors):
        raise CheckpointError(
            f"{path}: is a language model ({family}), and a {kind.__name__} is wanted here: it is a planner's"
            " checkpoint"
        )
    if not hasattr(kind, "from_single_file"):
        raise CheckpointError(f"{path}: diffusers reads no single files for {kind.__name__}: name a folder")
