"""LoRA weights (Hu et al. 2021, "LoRA: low-rank adaptation of large language models") merged into a pipeline.

Merged weights cost nothing while a pipeline runs; the price is that they are no longer those of a file, so that
the host keeps a copy of what was changed.
"""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import CheckpointError, InputError
from ..checkpoint.folder import folder_of, read_header

USUAL_NAME = "pytorch_lora_weights.safetensors"

Loras = tuple[tuple[str, float], ...]
"""A checkpoint and a weight each: a `.safetensors` file, a folder or an id of the Hub with one in it."""


def merge_loras(pipeline: Any, modules: Mapping[str, Any], loras: Loras) -> None:
    """Add LoRA weights to those of `modules`, which are components of the pipeline; all others are on the meta
    device.

    Raises:
        CheckpointError: a file is missing or damaged, or is not for this kind of pipeline.
        InputError: peft is not installed.
    """
    kind = type(pipeline).__name__
    if not hasattr(pipeline, "load_lora_weights"):
        raise CheckpointError(f"{loras[0][0]}: {kind} takes no LoRA weights: leave them out")
    if importlib.util.find_spec("peft") is None:
        raise InputError(f"{loras[0][0]}: LoRA weights need peft: pip install 'diptych[lora]'")
    names = [f"lora_{i}" for i in range(len(loras))]
    for name, (checkpoint, _) in zip(names, loras, strict=True):
        file = _file_of(checkpoint)
        read_header(file)
        try:
            pipeline.load_lora_weights(
                str(file.parent),
                weight_name=file.name,
                adapter_name=name,
                local_files_only=True,
                use_safetensors=True,
            )
        except (ValueError, KeyError, RuntimeError) as error:
            line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise CheckpointError(f"{file}: is not LoRA weights of a {kind} ({line})") from error
        if not any(name in getattr(part, "peft_config", {}) for part in pipeline.components.values()):
            raise CheckpointError(f"{file}: has no LoRA weights for a {kind}: it belongs to another model")
        _refuse_odd_layers(pipeline, name, file)
    if any(each.device.type == "meta" for module in modules.values() for each in module.parameters()):
        return  # an outline: there is nothing to merge them into
    changed = [name for name, module in modules.items() if getattr(module, "peft_config", None)]
    if changed:
        pipeline.set_adapters(names, [weight for _, weight in loras])
        pipeline.fuse_lora(components=changed)
    pipeline.unload_lora_weights()


def _refuse_odd_layers(pipeline: Any, adapter: str, file: Path) -> None:
    """Raises `CheckpointError` where some layers of LoRA weights have no place in the pipeline: the library
    leaves them out, and what is left is not what its maker meant. A layer of the file may be several of the
    pipeline's."""
    said = {_DOWN.sub("", name) for name in read_header(file) if _DOWN.search(name)}
    placed = sum(
        adapter in getattr(module, "lora_A", ())
        for part in pipeline.components.values()
        if hasattr(part, "named_modules")
        for _, module in part.named_modules()
    )
    if placed < len(said):
        kind = type(pipeline).__name__
        found = f"{placed} of its {len(said)} layers have a place in this {kind}"
        raise CheckpointError(f"{file}: {found}: it belongs to another model")


_DOWN = re.compile(r"[._](lora_A|lora_down|lora\.down|down)(\.default)?\.weight$")
"""What the names of one of the two matrices of a layer end with, in the ways of several tools."""


def _file_of(checkpoint: str) -> Path:
    path = Path(checkpoint).expanduser()
    if path.suffix == ".safetensors":
        if not path.is_file():
            raise CheckpointError(f"{checkpoint}: no such file: give LoRA weights in a .safetensors file")
        return path
    if path.is_file():
        raise CheckpointError(f"{checkpoint}: is no .safetensors file, and others can run any code when opened")
    folder = folder_of(checkpoint)
    found = sorted(folder.glob("*.safetensors"))
    usual = [file for file in found if file.name == USUAL_NAME]
    if len(usual or found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise CheckpointError(f"{folder}: one .safetensors file of LoRA weights is needed, there are {names}")
    return (usual or found)[0]
