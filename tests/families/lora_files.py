"""Files of LoRA weights for twins."""

import importlib
from pathlib import Path
from typing import Any

import torch

from .painting import library_pipeline

diffusers: Any = importlib.import_module("diffusers")


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
    from safetensors.torch import save_file

    save_file(tensors, file)
    return file
