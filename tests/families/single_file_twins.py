"""The folders of `pipeline_twins` as single files, under the names that the models' makers and ComfyUI give:
written from diffusers' names back to theirs, independently of the conversions that are tested."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from .transformer_names import State, flux, flux2, renamed, sd3, z_image
from .transformer_names import weights_of as weights_of


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


def unet(component: Path | State) -> State:
    """A U-Net under Stable Diffusion's own names."""
    state = weights_of(component)
    found = (re.match(r"down_blocks\.0\.resnets\.(\d)", name) for name in state)
    layers = 1 + max(int(each[1]) for each in found if each)
    with_attention = {name[: name.index(".attentions")] for name in state if ".attentions" in name}
    return {_unet_name(name, layers, with_attention): tensor for name, tensor in state.items()}


def _unet_name(name: str, layers: int, with_attention: set[str]) -> str:
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


def vae(folder: Path | State) -> State:
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


def clip(folder: Path | State) -> State:
    """As the libraries named it for years."""
    return {
        name if name.startswith(("text_model.", "text_projection")) else f"text_model.{name}": tensor
        for name, tensor in weights_of(folder).items()
    }


def open_clip(folder: Path | State) -> State:
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


def flux2_vae(folder: Path | State) -> State:
    """As its makers have it: the last convolutions stand within encoder and decoder."""
    return renamed(
        vae(folder), [(r"^quant_conv", "encoder.quant_conv"), (r"^post_quant_conv", "decoder.post_quant_conv")]
    )


DENOISERS: dict[str, tuple[str, Callable[[Path | State], State]]] = {
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

TEXTS: dict[str, list[tuple[str, str, Callable[[Path | State], State]]]] = {
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


def write_outline(
    state: State, file: Path, *, kind: str = "BF16", more: Mapping[str, str] | None = None
) -> None:
    """Write a file of the true sizes that holds nothing: its header, and a hole.

    Args:
        state: of any device.
        kind: of the numbers, of two bytes.
        more: what the file says of itself.
    """
    end, header = 0, dict[str, Any]()
    for name, tensor in state.items():
        header[name] = {
            "dtype": kind,
            "shape": list(tensor.shape),
            "data_offsets": [end, end + 2 * tensor.numel()],
        }
        end += 2 * tensor.numel()
    if more:
        header["__metadata__"] = dict(more)
    text = json.dumps(header).encode()
    with file.open("wb") as opened:
        opened.write(len(text).to_bytes(8, "little") + text)
        opened.truncate(8 + len(text) + end)


def write(state: State, file: Path, *, dtype: torch.dtype = torch.float32) -> None:
    cast = {name: each.to(dtype) if each.is_floating_point() else each for name, each in state.items()}
    save_file({name: each.clone().contiguous() for name, each in cast.items()}, file)
