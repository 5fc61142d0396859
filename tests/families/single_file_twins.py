"""The folders of `pipeline_twins` as single files, under the names that the models' makers and ComfyUI give:
written from diffusers' names back to theirs, independently of the conversions that are tested."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

State = dict[str, torch.Tensor]


def weights_of(folder: Path) -> State:
    """All tensors of a component."""
    (file,) = folder.glob("*.safetensors")
    return load_file(file)


def renamed(state: Mapping[str, torch.Tensor], table: list[tuple[str, str]]) -> State:
    """With each pattern's first match in a name put into its place, one after the other."""
    made: State = {}
    for name, tensor in state.items():
        for pattern, new in table:
            name = re.sub(pattern, new, name)
        made[name] = tensor
    return made


def prefixed(state: Mapping[str, torch.Tensor], prefix: str) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


_RESNET = [
    (r"\.norm1\.", ".in_layers.0."),
    (r"\.conv1\.", ".in_layers.2."),
    (r"\.norm2\.", ".out_layers.0."),
    (r"\.conv2\.", ".out_layers.3."),
    (r"time_emb_proj", "emb_layers.1"),
    (r"conv_shortcut", "skip_connection"),
]


def unet(folder: Path) -> State:
    """A U-Net under Stable Diffusion's own names."""
    layers = json.loads((folder / "config.json").read_text())["layers_per_block"]
    return {_unet_name(name, layers): tensor for name, tensor in weights_of(folder).items()}


def _unet_name(name: str, layers: int) -> str:
    outer = {
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
        "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
    }
    stem, _, kind = name.rpartition(".")
    if stem in outer:
        return f"{outer[stem]}.{kind}"
    if found := re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", name):
        place = 1 if found[1] == "attentions" else 2 * int(found[2])
        return f"middle_block.{place}.{_inner(found[1], found[3])}"
    found = re.match(r"(down|up)_blocks\.(\d)\.(resnets|attentions|downsamplers|upsamplers)\.(\d)\.(.*)", name)
    assert found is not None, name
    way, block, what, item, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    first = 1 + (layers + 1) * block if way == "down" else (layers + 1) * block
    blocks = "input_blocks" if way == "down" else "output_blocks"
    if what == "downsamplers":
        return f"{blocks}.{first + layers}.0.{rest.replace('conv', 'op')}"
    if what == "upsamplers":
        return (
            f"{blocks}.{first + layers}.{2 if block == 0 else 1}.{rest}"  # the twins' first one has attentions
        )
    return f"{blocks}.{first + item}.{1 if what == 'attentions' else 0}.{_inner(what, rest)}"


def _inner(what: str, rest: str) -> str:
    return rest if what == "attentions" else next(iter(renamed({f".{rest}": torch.empty(0)}, _RESNET)))[1:]


def vae(folder: Path) -> State:
    """An autoencoder under Stable Diffusion's own names; its attention is a convolution there."""
    state = weights_of(folder)
    levels = 1 + max(int(found[1]) for name in state if (found := re.match(r"decoder\.up_blocks\.(\d)", name)))
    made: State = {}
    for name, tensor in state.items():
        if "attentions" in name and name.endswith("weight") and tensor.ndim == 2:
            tensor = tensor[..., None, None]
        name = re.sub(r"up_blocks\.(\d)", lambda each: f"up.{levels - 1 - int(each[1])}", name)
        name = re.sub(r"down_blocks\.(\d)", r"down.\1", name)
        name = re.sub(r"mid_block\.resnets\.(\d)", lambda each: f"mid.block_{int(each[1]) + 1}", name)
        for old, new in (
            (".resnets.", ".block."),
            ("downsamplers.0", "downsample"),
            ("upsamplers.0", "upsample"),
            ("mid_block.attentions.0", "mid.attn_1"),
            ("group_norm", "norm"),
            ("to_q", "q"),
            ("to_k", "k"),
            ("to_v", "v"),
            ("to_out.0", "proj_out"),
            ("conv_norm_out", "norm_out"),
            ("conv_shortcut", "nin_shortcut"),
        ):
            name = name.replace(old, new)
        made[name] = tensor
    return made


def clip(folder: Path) -> State:
    """As the libraries named it for years."""
    return {
        name if name.startswith(("text_model.", "text_projection")) else f"text_model.{name}": tensor
        for name, tensor in weights_of(folder).items()
    }


def open_clip(folder: Path) -> State:
    """OpenCLIP's names: queries, keys and values in one, the projection turned, and one more layer than is
    read."""
    state = {name.removeprefix("text_model."): tensor for name, tensor in weights_of(folder).items()}
    made: State = {"logit_scale": torch.tensor(4.6)}
    for name, tensor in state.items():
        if found := re.fullmatch(r"encoder\.layers\.(\d+)\.self_attn\.q_proj\.(weight|bias)", name):
            all_three = [state[name.replace("q_proj", f"{each}_proj")] for each in "qkv"]
            made[f"transformer.resblocks.{found[1]}.attn.in_proj_{found[2]}"] = torch.cat(all_three)
        elif not re.search(r"self_attn\.[kv]_proj", name):
            made[_open_clip_name(name)] = tensor.T.contiguous() if name == "text_projection.weight" else tensor
    return made


def _open_clip_name(name: str) -> str:
    for old, new in (
        ("embeddings.token_embedding", "token_embedding"),
        ("embeddings.position_embedding.weight", "positional_embedding"),
        ("encoder.layers", "transformer.resblocks"),
        ("layer_norm", "ln_"),
        ("mlp.fc1", "mlp.c_fc"),
        ("mlp.fc2", "mlp.c_proj"),
        ("self_attn.out_proj", "attn.out_proj"),
        ("final_ln_", "ln_final"),
        ("text_projection.weight", "text_projection"),
    ):
        name = name.replace(old, new)
    return name


def _fused(state: State, table: list[tuple[str, tuple[str, ...], str]]) -> State:
    """With several tensors in one: where the first stands, the others are put below it."""
    made = dict(state)
    for pattern, parts, new in table:
        for name in list(state):
            if found := re.fullmatch(pattern.replace("PART", parts[0]), name):
                others = [name.replace(parts[0], each) for each in parts]
                made[found.expand(new)] = torch.cat([made.pop(each) for each in others])
    return made


def flux(folder: Path) -> State:
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


def flux2(folder: Path) -> State:
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


def flux2_vae(folder: Path) -> State:
    """As its makers have it: the last convolutions stand within encoder and decoder."""
    return renamed(
        vae(folder), [(r"^quant_conv", "encoder.quant_conv"), (r"^post_quant_conv", "decoder.post_quant_conv")]
    )


def sd3(folder: Path) -> State:
    blocks = json.loads((folder / "config.json").read_text())["num_layers"]
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
    state = _fused(weights_of(folder), table)
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


def z_image(folder: Path) -> State:
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


DENOISERS: dict[str, tuple[str, Callable[[Path], State]]] = {
    "SD 1.5": ("unet", unet),
    "SD 2": ("unet", unet),
    "SDXL": ("unet", unet),
    "SD 3": ("transformer", sd3),
    "FLUX.1": ("transformer", flux),
    "FLUX.2": ("transformer", flux2),
    "FLUX.2 klein": ("transformer", flux2),
    "Z-Image": ("transformer", z_image),
    "Qwen-Image": ("transformer", weights_of),
}
"""By family of `pipeline_twins`: the denoiser's folder, and it under its makers' names."""

TEXTS: dict[str, list[tuple[str, str, Callable[[Path], State]]]] = {
    "SD 1.5": [("text_encoder", "cond_stage_model.transformer.", clip)],
    "SD 2": [("text_encoder", "cond_stage_model.model.", open_clip)],
    "SDXL": [
        ("text_encoder", "conditioner.embedders.0.transformer.", clip),
        ("text_encoder_2", "conditioner.embedders.1.model.", open_clip),
    ],
    "SD 3": [
        ("text_encoder", "text_encoders.clip_l.transformer.", clip),
        ("text_encoder_2", "text_encoders.clip_g.transformer.", clip),
        ("text_encoder_3", "text_encoders.t5xxl.transformer.", weights_of),
    ],
    "FLUX.1": [
        ("text_encoder", "text_encoders.clip_l.transformer.", clip),
        ("text_encoder_2", "text_encoders.t5xxl.transformer.", weights_of),
    ],
    "FLUX.2 klein": [("text_encoder", "text_encoders.qwen3_4b.transformer.", weights_of)],
    "Z-Image": [("text_encoder", "text_encoders.qwen3_4b.transformer.", weights_of)],
    "Qwen-Image": [("text_encoder", "text_encoders.qwen25_7b.transformer.", weights_of)],
}
"""Of files with all in one: each text encoder's folder, prefix and names."""

EMA = {f"model_ema.diffusion_modelblock{i}weight": torch.ones(64, 64) for i in range(8)}
"""What training left behind in a file."""


def all_in_one(family: str, folder: Path, file: Path, *, dtype: torch.dtype = torch.float32) -> None:
    """Write a pipeline's weights, and some that belong to no model, to a file."""
    name, names = DENOISERS[family]
    autoencoder = flux2_vae if "FLUX.2" in family else weights_of if family == "Qwen-Image" else vae
    prefix = "first_stage_model." if family in ("SD 1.5", "SD 2", "SDXL") else "vae."
    state = prefixed(names(folder / name), "model.diffusion_model.") | prefixed(
        autoencoder(folder / "vae"), prefix
    )
    for part, before, text in TEXTS[family]:
        state |= prefixed(text(folder / part), before)
    write(state | EMA, file, dtype=dtype)


def alone(family: str, folder: Path, file: Path, *, dtype: torch.dtype = torch.float32) -> str:
    """Write a pipeline's denoiser by itself; returns what it is called."""
    name, names = DENOISERS[family]
    write(names(folder / name), file, dtype=dtype)
    return name


def write(state: State, file: Path, *, dtype: torch.dtype = torch.float32) -> None:
    cast = {name: each.to(dtype) if each.is_floating_point() else each for name, each in state.items()}
    save_file({name: each.clone().contiguous() for name, each in cast.items()}, file)
