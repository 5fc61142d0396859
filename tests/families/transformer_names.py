"""Transformers of diffusers under the names that their makers give: written back from diffusers' names,
independently of the conversions that are tested."""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file

State = dict[str, torch.Tensor]


def weights_of(component: Path | State) -> State:
    """All tensors of a component: of its folder, or those given."""
    if isinstance(component, dict):
        return dict(component)
    (file,) = component.glob("*.safetensors")
    return load_file(file)


def renamed(state: Mapping[str, torch.Tensor], table: list[tuple[str, str]]) -> State:
    """With each pattern's first match in a name put into its place, one after the other."""
    made: State = {}
    for name, tensor in state.items():
        for pattern, new in table:
            name = re.sub(pattern, new, name)
        made[name] = tensor
    return made


def _fused(state: State, table: list[tuple[str, tuple[str, ...], str]]) -> State:
    """With several tensors in one: where the first stands, the others are put below it."""
    made = dict(state)
    for pattern, parts, new in table:
        for name in list(state):
            if found := re.fullmatch(pattern.replace("PART", parts[0]), name):
                others = [name.replace(parts[0], each) for each in parts]
                made[found.expand(new)] = torch.cat([made.pop(each) for each in others])
    return made


def flux(folder: Path | State) -> State:
    state = _fused(
        weights_of(folder),
        [
            (
                r"transformer_blocks\.(\d+)\.attn\.PART\.(weight|bias)",
                ("to_q", "to_k", "to_v"),
                r"double_blocks.\1.img_attn.qkv.\2",
            ),
            (
                r"transformer_blocks\.(\d+)\.attn\.PART\.(weight|bias)",
                ("add_q_proj", "add_k_proj", "add_v_proj"),
                r"double_blocks.\1.txt_attn.qkv.\2",
            ),
            (
                r"single_transformer_blocks\.(\d+)\.PART\.(weight|bias)",
                ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"),
                r"single_blocks.\1.linear1.\2",
            ),
        ],
    )
    state["norm_out.linear.weight"] = _turned(state["norm_out.linear.weight"])
    state["norm_out.linear.bias"] = _turned(state["norm_out.linear.bias"])
    return renamed(
        state,
        [
            (r"^single_transformer_blocks", "single_blocks"),
            (r"^transformer_blocks", "double_blocks"),
            (r"(single_blocks\.\d+\.)attn\.norm_q\.weight", r"\1norm.query_norm.scale"),
            (r"(single_blocks\.\d+\.)attn\.norm_k\.weight", r"\1norm.key_norm.scale"),
            (r"(single_blocks\.\d+\.)norm\.linear", r"\1modulation.lin"),
            (r"(single_blocks\.\d+\.)proj_out", r"\1linear2"),
            (r"norm1\.linear", "img_mod.lin"),
            (r"norm1_context\.linear", "txt_mod.lin"),
            *_DOUBLE,
            (r"ff\.net\.0\.proj", "img_mlp.0"),
            (r"ff\.net\.2", "img_mlp.2"),
            (r"ff_context\.net\.0\.proj", "txt_mlp.0"),
            (r"ff_context\.net\.2", "txt_mlp.2"),
            (r"time_text_embed\.timestep_embedder\.linear_1", "time_in.in_layer"),
            (r"time_text_embed\.timestep_embedder\.linear_2", "time_in.out_layer"),
            (r"time_text_embed\.text_embedder\.linear_1", "vector_in.in_layer"),
            (r"time_text_embed\.text_embedder\.linear_2", "vector_in.out_layer"),
            (r"time_text_embed\.guidance_embedder\.linear_1", "guidance_in.in_layer"),
            (r"time_text_embed\.guidance_embedder\.linear_2", "guidance_in.out_layer"),
            *_ENDS,
        ],
    )


_DOUBLE = [
    (r"attn\.norm_q\.weight", "img_attn.norm.query_norm.scale"),
    (r"attn\.norm_k\.weight", "img_attn.norm.key_norm.scale"),
    (r"attn\.norm_added_q\.weight", "txt_attn.norm.query_norm.scale"),
    (r"attn\.norm_added_k\.weight", "txt_attn.norm.key_norm.scale"),
    (r"(double_blocks\.\d+\.)attn\.to_out\.0", r"\1img_attn.proj"),
    (r"attn\.to_add_out", "txt_attn.proj"),
]
_ENDS = [
    (r"^context_embedder", "txt_in"),
    (r"^x_embedder", "img_in"),
    (r"^proj_out", "final_layer.linear"),
    (r"^norm_out\.linear", "final_layer.adaLN_modulation.1"),
]


def _turned(tensor: torch.Tensor) -> torch.Tensor:
    return torch.cat(tensor.chunk(2)[::-1])


def flux2(folder: Path | State) -> State:
    state = _fused(
        weights_of(folder),
        [
            (
                r"transformer_blocks\.(\d+)\.attn\.PART\.(weight)",
                ("to_q", "to_k", "to_v"),
                r"double_blocks.\1.img_attn.qkv.\2",
            ),
            (
                r"transformer_blocks\.(\d+)\.attn\.PART\.(weight)",
                ("add_q_proj", "add_k_proj", "add_v_proj"),
                r"double_blocks.\1.txt_attn.qkv.\2",
            ),
        ],
    )
    state["norm_out.linear.weight"] = _turned(state["norm_out.linear.weight"])
    return renamed(
        state,
        [
            (r"^single_transformer_blocks", "single_blocks"),
            (r"^transformer_blocks", "double_blocks"),
            (r"(single_blocks\.\d+\.)attn\.to_qkv_mlp_proj", r"\1linear1"),
            (r"(single_blocks\.\d+\.)attn\.to_out", r"\1linear2"),
            (r"(single_blocks\.\d+\.)attn\.norm_q\.weight", r"\1norm.query_norm.scale"),
            (r"(single_blocks\.\d+\.)attn\.norm_k\.weight", r"\1norm.key_norm.scale"),
            *_DOUBLE,
            (r"\.ff\.linear_in", ".img_mlp.0"),
            (r"\.ff\.linear_out", ".img_mlp.2"),
            (r"\.ff_context\.linear_in", ".txt_mlp.0"),
            (r"\.ff_context\.linear_out", ".txt_mlp.2"),
            (r"time_guidance_embed\.timestep_embedder\.linear_1", "time_in.in_layer"),
            (r"time_guidance_embed\.timestep_embedder\.linear_2", "time_in.out_layer"),
            (r"time_guidance_embed\.guidance_embedder\.linear_1", "guidance_in.in_layer"),
            (r"time_guidance_embed\.guidance_embedder\.linear_2", "guidance_in.out_layer"),
            (r"(stream_modulation(_img|_txt)?)\.linear", r"\1.lin"),
            *_ENDS,
        ],
    )


def sd3(folder: Path | State) -> State:
    whole = weights_of(folder)
    numbers = (re.match(r"transformer_blocks\.(\d+)", name) for name in whole)
    blocks = 1 + max(int(each[1]) for each in numbers if each)
    kinds = [
        (f"{way}.{kind}", way, kind) for way in ("x_block", "context_block") for kind in ("weight", "bias")
    ]
    table = [
        (
            rf"transformer_blocks\.(\d+)\.attn\.PART\.{kind}",
            ("to_q", "to_k", "to_v") if way == "x_block" else ("add_q_proj", "add_k_proj", "add_v_proj"),
            rf"joint_blocks.\1.{way}.attn.qkv.{kind}",
        )
        for _, way, kind in kinds
    ]
    second = ("attn2.to_q", "attn2.to_k", "attn2.to_v")
    table += [
        (rf"transformer_blocks\.(\d+)\.PART\.{kind}", second, rf"joint_blocks.\1.x_block.attn2.qkv.{kind}")
        for kind in ("weight", "bias")
    ]
    state = _fused(whole, table)
    for kind in ("weight", "bias"):
        for name in (f"transformer_blocks.{blocks - 1}.norm1_context.linear.{kind}", f"norm_out.linear.{kind}"):
            state[name] = _turned(state[name])
    return renamed(
        state,
        [
            (r"^transformer_blocks", "joint_blocks"),
            (r"^pos_embed\.pos_embed", "pos_embed"),
            (r"^pos_embed\.proj", "x_embedder.proj"),
            (r"time_text_embed\.timestep_embedder\.linear_1", "t_embedder.mlp.0"),
            (r"time_text_embed\.timestep_embedder\.linear_2", "t_embedder.mlp.2"),
            (r"time_text_embed\.text_embedder\.linear_1", "y_embedder.mlp.0"),
            (r"time_text_embed\.text_embedder\.linear_2", "y_embedder.mlp.2"),
            (r"\.norm1\.linear", ".x_block.adaLN_modulation.1"),
            (r"norm1_context\.linear", "context_block.adaLN_modulation.1"),
            (r"\.attn2\.norm_q", ".x_block.attn2.ln_q"),
            (r"\.attn2\.norm_k", ".x_block.attn2.ln_k"),
            (r"\.attn2\.to_out\.0", ".x_block.attn2.proj"),
            (r"\.attn\.norm_q", ".x_block.attn.ln_q"),
            (r"\.attn\.norm_k", ".x_block.attn.ln_k"),
            (r"\.attn\.norm_added_q", ".context_block.attn.ln_q"),
            (r"\.attn\.norm_added_k", ".context_block.attn.ln_k"),
            (r"\.attn\.to_out\.0", ".x_block.attn.proj"),
            (r"\.attn\.to_add_out", ".context_block.attn.proj"),
            (r"\.ff\.net\.0\.proj", ".x_block.mlp.fc1"),
            (r"\.ff\.net\.2", ".x_block.mlp.fc2"),
            (r"\.ff_context\.net\.0\.proj", ".context_block.mlp.fc1"),
            (r"\.ff_context\.net\.2", ".context_block.mlp.fc2"),
            (r"^proj_out", "final_layer.linear"),
            (r"^norm_out\.linear", "final_layer.adaLN_modulation.1"),
        ],
    )


def z_image(folder: Path | State) -> State:
    state = _fused(
        weights_of(folder),
        [(r"(.*)\.attention\.PART\.weight", ("to_q", "to_k", "to_v"), r"\1.attention.qkv.weight")],
    )
    return renamed(
        state,
        [
            (r"all_final_layer\.2-1", "final_layer"),
            (r"all_x_embedder\.2-1", "x_embedder"),
            (r"to_out\.0", "out"),
            (r"attention\.norm_q", "attention.q_norm"),
            (r"attention\.norm_k", "attention.k_norm"),
        ],
    )
