"""FLUX.1's transformer: from its makers' names to those of diffusers, of any width, as views of what is read
(the library's own conversion copies the attention's weights, and takes a width of 3072 for granted)."""

import re
from collections.abc import Iterator
from typing import Any

import torch

_RENAMED = (
    (r"time_in\.in_layer", "time_text_embed.timestep_embedder.linear_1"),
    (r"time_in\.out_layer", "time_text_embed.timestep_embedder.linear_2"),
    (r"vector_in\.in_layer", "time_text_embed.text_embedder.linear_1"),
    (r"vector_in\.out_layer", "time_text_embed.text_embedder.linear_2"),
    (r"guidance_in\.in_layer", "time_text_embed.guidance_embedder.linear_1"),
    (r"guidance_in\.out_layer", "time_text_embed.guidance_embedder.linear_2"),
    (r"txt_in", "context_embedder"),
    (r"img_in", "x_embedder"),
    (r"final_layer\.linear", "proj_out"),
    (r"final_layer\.adaLN_modulation\.1", "norm_out.linear"),
    (r"double_blocks\.(\d+)\.img_mod\.lin", r"transformer_blocks.\1.norm1.linear"),
    (r"double_blocks\.(\d+)\.txt_mod\.lin", r"transformer_blocks.\1.norm1_context.linear"),
    (r"double_blocks\.(\d+)\.img_attn\.norm\.query_norm", r"transformer_blocks.\1.attn.norm_q"),
    (r"double_blocks\.(\d+)\.img_attn\.norm\.key_norm", r"transformer_blocks.\1.attn.norm_k"),
    (r"double_blocks\.(\d+)\.txt_attn\.norm\.query_norm", r"transformer_blocks.\1.attn.norm_added_q"),
    (r"double_blocks\.(\d+)\.txt_attn\.norm\.key_norm", r"transformer_blocks.\1.attn.norm_added_k"),
    (r"double_blocks\.(\d+)\.img_attn\.proj", r"transformer_blocks.\1.attn.to_out.0"),
    (r"double_blocks\.(\d+)\.txt_attn\.proj", r"transformer_blocks.\1.attn.to_add_out"),
    (r"double_blocks\.(\d+)\.img_mlp\.0", r"transformer_blocks.\1.ff.net.0.proj"),
    (r"double_blocks\.(\d+)\.img_mlp\.2", r"transformer_blocks.\1.ff.net.2"),
    (r"double_blocks\.(\d+)\.txt_mlp\.0", r"transformer_blocks.\1.ff_context.net.0.proj"),
    (r"double_blocks\.(\d+)\.txt_mlp\.2", r"transformer_blocks.\1.ff_context.net.2"),
    (r"single_blocks\.(\d+)\.modulation\.lin", r"single_transformer_blocks.\1.norm.linear"),
    (r"single_blocks\.(\d+)\.norm\.query_norm", r"single_transformer_blocks.\1.attn.norm_q"),
    (r"single_blocks\.(\d+)\.norm\.key_norm", r"single_transformer_blocks.\1.attn.norm_k"),
    (r"single_blocks\.(\d+)\.linear2", r"single_transformer_blocks.\1.proj_out"),
)
"""What is only called otherwise."""

_SPLIT = (
    (r"double_blocks\.(\d+)\.img_attn\.qkv", "transformer_blocks.{}.attn.", ("to_q", "to_k", "to_v")),
    (
        r"double_blocks\.(\d+)\.txt_attn\.qkv",
        "transformer_blocks.{}.attn.",
        ("add_q_proj", "add_k_proj", "add_v_proj"),
    ),
    (
        r"single_blocks\.(\d+)\.linear1",
        "single_transformer_blocks.{}.",
        ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"),
    ),
)
"""What is several tensors, one below the other, of which the last is as high as is left."""


def converted_flux(checkpoint: dict[str, Any], config: Any) -> dict[str, Any]:
    """The tensors under diffusers' names; those with names that are not known are left out."""
    width = config["num_attention_heads"] * config["attention_head_dim"]
    return {new: each for name, tensor in checkpoint.items() for new, each in _made_of(name, tensor, width)}


def _made_of(name: str, tensor: torch.Tensor, width: int) -> Iterator[tuple[str, torch.Tensor]]:
    stem, _, kind = name.rpartition(".")
    kind = "weight" if kind == "scale" else kind
    for pattern, start, parts in _SPLIT:
        if found := re.fullmatch(pattern, stem):
            heights = [width] * 3 + ([tensor.shape[0] - 3 * width] if len(parts) > 3 else [])
            for part, each in zip(parts, tensor.split(heights), strict=True):
                yield f"{start.format(found[1])}{part}.{kind}", each
            return
    for pattern, new in _RENAMED:
        if found := re.fullmatch(pattern, stem):
            if new == "norm_out.linear":  # scale and shift stand the other way round
                tensor = torch.cat(tensor.chunk(2)[::-1])
            yield f"{found.expand(new)}.{kind}", tensor
            return
