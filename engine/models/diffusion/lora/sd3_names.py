"""The layers of Stable Diffusion 3's transformer by the names of its original code, which ComfyUI has kept and
the library's conversion of LoRA weights does not know."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from .layout import Layout

_BLOCK = {  # within a block: (path, which of three parts) each
    "x_block.attn.qkv": ["attn.to_q", "attn.to_k", "attn.to_v"],
    "x_block.attn.proj": ["attn.to_out.0"],
    "x_block.attn2.qkv": ["attn2.to_q", "attn2.to_k", "attn2.to_v"],
    "x_block.attn2.proj": ["attn2.to_out.0"],
    "x_block.mlp.fc1": ["ff.net.0.proj"],
    "x_block.mlp.fc2": ["ff.net.2"],
    "x_block.adaLN_modulation.1": ["norm1.linear"],
    "context_block.attn.qkv": ["attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"],
    "context_block.attn.proj": ["attn.to_add_out"],
    "context_block.mlp.fc1": ["ff_context.net.0.proj"],
    "context_block.mlp.fc2": ["ff_context.net.2"],
    "context_block.adaLN_modulation.1": ["norm1_context.linear"],
}
_ELSEWHERE = {
    "x_embedder.proj": ["pos_embed.proj"],
    "context_embedder": ["context_embedder"],
    "t_embedder.mlp.0": ["time_text_embed.timestep_embedder.linear_1"],
    "t_embedder.mlp.2": ["time_text_embed.timestep_embedder.linear_2"],
    "y_embedder.mlp.0": ["time_text_embed.text_embedder.linear_1"],
    "y_embedder.mlp.2": ["time_text_embed.text_embedder.linear_2"],
    "final_layer.linear": ["proj_out"],
    "final_layer.adaLN_modulation.1": ["norm_out.linear"],
}
_PREFIXES = (
    "model.diffusion_model.",
    "diffusion_model.",
    "transformer.",
    "lora_unet_",
    "lora_transformer_",
    "lycoris_",
)


def sd3_sites(
    shapes: Mapping[str, tuple[int, ...]], layout: Layout, site: Callable[..., Any]
) -> dict[str, list[Any]]:
    """As `sites.sites_of`, of these names alone.

    Args:
        site: makes one of a place and rows.
    """
    component, names = layout.denoiser, _names(layout)
    found: dict[str, list[Any]] = {}
    for name, shape in shapes.items():
        bare = name
        for prefix in _PREFIXES:
            bare = bare.removeprefix(prefix)
        paths = names.get(bare, [])
        if not paths or not shape:
            continue
        if any(path not in layout.components[component] for path in paths) or shape[0] % len(paths):
            continue
        parts = torch.arange(shape[0]).chunk(len(paths))
        if paths[0] in _swapped(layout):  # there scale and shift stand in the other order
            parts = [torch.cat(torch.arange(shape[0]).chunk(2)[::-1])]
        whole = len(paths) == 1 and paths[0] not in _swapped(layout)
        found[name] = [
            site((component, path), None if whole else rows) for path, rows in zip(paths, parts, strict=True)
        ]
    return found


def _names(layout: Layout) -> dict[str, list[str]]:
    """The paths of each of the original names, with dots and with underscores."""
    found = dict(_ELSEWHERE)
    for i in range(_blocks(layout)):
        for name, paths in _BLOCK.items():
            found[f"joint_blocks.{i}.{name}"] = [f"transformer_blocks.{i}.{path}" for path in paths]
    return found | {name.replace(".", "_"): paths for name, paths in found.items()}


def _swapped(layout: Layout) -> set[str]:
    """The layers whose two halves the library has the other way round: those of its continuous norms."""
    return {"norm_out.linear", f"transformer_blocks.{_blocks(layout) - 1}.norm1_context.linear"}


def _blocks(layout: Layout) -> int:
    paths = (
        path.split(".") for path in layout.components[layout.denoiser] if path.startswith("transformer_blocks.")
    )
    return max((int(parts[1]) + 1 for parts in paths), default=0)
