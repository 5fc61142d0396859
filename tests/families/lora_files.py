"""Files of LoRA weights for twins, in the layouts that people have."""

import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from .painting import library_pipeline

diffusers: Any = importlib.import_module("diffusers")

Pairs = Mapping[str, tuple[torch.Tensor, torch.Tensor]]
"""Down and up of each layer, by its path in the denoiser."""

RANK, ALPHA = 2, 4.0


def lora_of(folder: Path, file: Path) -> Path:
    """Random weights of rank 2 for the queries and values of a Stable Diffusion's attention, as diffusers names
    them."""
    unet = library_pipeline(folder).unet
    torch.manual_seed(0)
    tensors: dict[str, torch.Tensor] = {}
    for name, module in unet.named_modules():
        if name.endswith(("to_q", "to_v")):
            tensors[f"unet.{name}.lora_A.weight"] = 0.1 * torch.randn(2, module.in_features)
            tensors[f"unet.{name}.lora_B.weight"] = 0.1 * torch.randn(module.out_features, 2)
    save_file(tensors, file)
    return file


def pairs_of(denoiser: Any, ends: tuple[str, ...], *, seed: int = 0, scale: float = 0.15) -> dict[str, Any]:
    """Random pairs of rank 2 for the layers whose paths end so, convolutions among them."""
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for path, module in denoiser.named_modules():
        if path.endswith(ends) and hasattr(module, "weight"):
            out, into, *kernel = module.weight.shape
            ones = [1] * len(kernel)
            down = scale * torch.randn(RANK, into, *kernel, generator=generator)
            found[path] = (down, scale * torch.randn(out, RANK, *ones, generator=generator))
    assert found, f"no layers end with {ends}"
    return found


def saved(file: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in tensors.items()}, file, dict(metadata or {}) or None)
    return file


def as_diffusers(pairs: Pairs, file: Path, *, component: str) -> Path:
    """Scaled, for this layout has no alpha."""
    tensors: dict[str, torch.Tensor] = {}
    for path, (down, up) in pairs.items():
        tensors[f"{component}.{path}.lora_A.weight"] = down
        tensors[f"{component}.{path}.lora_B.weight"] = up * (ALPHA / RANK)
    return saved(file, tensors)


def as_peft(pairs: Pairs, file: Path) -> Path:
    """A folder of peft's, with the config that says alpha."""
    tensors: dict[str, torch.Tensor] = {}
    for path, (down, up) in pairs.items():
        tensors[f"base_model.model.{path}.lora_A.weight"] = down
        tensors[f"base_model.model.{path}.lora_B.weight"] = up
    folder = saved(file / "adapter_model.safetensors", tensors).parent
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "target_modules": ["to_q"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def as_kohya(pairs: Pairs, file: Path, *, named: Callable[[str], str], prefix: str = "lora_unet_") -> Path:
    """As kohya's scripts write it: names with underscores, alpha beside."""
    tensors: dict[str, torch.Tensor] = {}
    for path, (down, up) in pairs.items():
        name = prefix + named(path).replace(".", "_")
        tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
        tensors[f"{name}.alpha"] = torch.tensor(ALPHA)
    return saved(file, tensors)


def as_comfyui(pairs: Pairs, file: Path, *, named: Callable[[str], str]) -> Path:
    """The names of the model's original code behind `diffusion_model.`."""
    tensors: dict[str, torch.Tensor] = {}
    for path, (down, up) in pairs.items():
        name = f"diffusion_model.{named(path)}"
        tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
        tensors[f"{name}.alpha"] = torch.tensor(ALPHA)
    return saved(file, tensors)


def in_ldm(path: str, *, each: int = 1) -> str:
    """The name of a U-Net's layer in the original code of Stable Diffusion.

    Args:
        each: layers of a block.
    """
    inner = {"attentions": "1", "resnets": "0"}
    for ours, theirs in (
        ("conv1", "in_layers.2"),
        ("conv2", "out_layers.3"),
        ("time_emb_proj", "emb_layers.1"),
    ):
        path = path.replace(ours, theirs)
    side, *parts = path.split(".", 4)
    if side == "mid_block":
        kind, place, rest = path.split(".", 3)[1:]
        return f"middle_block.{1 if kind == 'attentions' else 2 * int(place)}.{rest}"
    block, kind, layer, rest = parts
    first = 1 if side == "down_blocks" else 0
    whole = "input_blocks" if side == "down_blocks" else "output_blocks"
    rows = each + 1
    return f"{whole}.{first + int(block) * rows + int(layer)}.{inner[kind]}.{rest}"
