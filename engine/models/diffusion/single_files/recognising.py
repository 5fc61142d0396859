"""What a `.safetensors` file is, from the names and shapes in its header: which family's model, all of a
pipeline or its denoiser alone, or a thing of another kind (LoRA weights, an autoencoder, an embedding). Reads
no weights.

Names are those of the makers' own code, of ComfyUI's files, and of diffusers' and transformers' folders.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ....errors import CheckpointError

DENOISER_PREFIX = "model.diffusion_model."
VAE_PREFIXES = ("first_stage_model.", "vae.")
TEXT_PREFIX = re.compile(
    r"(cond_stage_model|conditioner\.embedders\.\d)\.(transformer|model)\.|(text_encoders|cond_stage_model)\.\w+\.transformer\."
)
"""Before the names of a text encoder's tensors, in files that hold more than it."""

Header = Mapping[str, Mapping[str, Any]]
"""As `read_header` gives it: by name, dtype and shape."""


class Found(NamedTuple):
    """What a file is.

    Args:
        kind: `model` (a denoiser is in it), `vae`, `text encoder`, or what else it is, as `LoRA weights`.
        family: of a model, as `known.json` calls it; empty where it is none of them.
        parts: of a model, which of `denoiser`, `vae`, `text encoder` are in it.
        what: in a few words, for people.
        do: what to do with it, where it is no model.
    """

    kind: str
    family: str = ""
    parts: tuple[str, ...] = ()
    what: str = ""
    do: str = ""


def recognise(header: Header) -> Found:
    """What a file is whose header this is."""
    for kind, pattern, do in _OTHERS:
        if any(pattern.search(name) for name in header):
            return Found(kind, what=kind, do=do)
    denoiser = shapes_of(header, DENOISER_PREFIX)
    parts = [
        "denoiser" if denoiser else "",
        "vae" if any(name.startswith(VAE_PREFIXES) for name in header) else "",
        "text encoder" if any(TEXT_PREFIX.match(name) for name in header) else "",
    ]
    if not any(parts[1:]) and not denoiser:
        denoiser = shapes_of(header, "")
    family, what = _family(denoiser)
    if what:
        return Found("model", family, tuple(filter(None, ("denoiser", *parts[1:]))), what)
    return _alone(shapes_of(header, "")) or Found("", parts=tuple(filter(None, parts)))


def shapes_of(header: Header, prefix: str) -> dict[str, tuple[int, ...]]:
    """The shapes of tensors whose names begin so, by the rest of their names."""
    return {
        name[len(prefix) :]: tuple(entry["shape"]) for name, entry in header.items() if name.startswith(prefix)
    }


_OTHERS = (
    (
        "language model of llama.cpp",
        re.compile(r"^(enc\.)?blk\.\d|^token_embd\."),
        'it may plan: [stages.plan] family = "llama-cpp" (or "causal-lm"), checkpoint = "…"',
    ),
    (
        "LoRA weights",
        re.compile(
            r"lora_(A|B|down|up)\b|\.lora\.(down|up)\.|\.(hada_w1_a|lokr_w\d|oft_diag|diff(_b)?|dora_scale)$|^lora_"
        ),
        'add it to a stage that paints: loras = [{ checkpoint = "…", weight = 0.8 }]',
    ),
    (
        "ControlNet",
        re.compile(
            r"^control_model\.|^controlnet_|^control_(all_x_embedder|layers)|^control(_net)?\.|^controlnet_blocks"
        ),
        "there is no stage for ControlNets: paint from a picture with repaint or an init image",
    ),
    ("IP-Adapter", re.compile(r"^(ip_adapter|image_proj)\."), "there is no stage for IP-Adapters"),
    (
        "T2I-Adapter",
        re.compile(r"^(adapter\.)?body\.\d+\.(in_conv|block1)\."),
        "there is no stage for T2I-Adapters",
    ),
    (
        "model of moving pictures",
        re.compile(
            r"motion_modules|(^|\.)head\.modulation$|patchify_proj|av_ca_a2v_gate|individual_token_refiner|attn\.qkv_x\.|temporal_transformer"
        ),
        "there is no stage that paints moving pictures",
    ),
    (
        "upscaler",
        re.compile(r"^body\.\d+\.rdb1\.|^model\.1\.sub\.|RDB1\.conv1"),
        "there is no stage for upscalers of its kind: see upscale",
    ),
    (
        "textual inversion embedding",
        re.compile(r"^(emb_params|string_to_param.*|<[^>]+>|clip_[lg])$"),
        'name it in a stage that paints: embeddings = ["…"]',
    ),
)
"""What else people have in such files: its kind, what its tensors are called, and what to do with it."""


def _family(shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, str]:
    """The family of a denoiser, as `known.json` has it, and in words; the first is empty for one whose configs
    do not ship, both where it is no denoiser."""
    if "input_blocks.0.0.weight" in shapes or (
        "conv_in.weight" in shapes and "time_embedding.linear_1.weight" in shapes
    ):
        return _unet(shapes)
    for mark, find in _TRANSFORMERS:
        if mark in shapes:
            return find(shapes)
    for name, mark in _WITHOUT_CONFIGS.items():
        if mark in shapes:
            return "", name
    return "", ""


def _unet(shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, str]:
    channels = (shapes.get("input_blocks.0.0.weight") or shapes["conv_in.weight"])[1]
    widths = {shape[-1] for name, shape in shapes.items() if name.endswith("attn2.to_k.weight")}
    is_xl = any(name.startswith(("label_emb.", "add_embedding.")) for name in shapes)
    names = {768: "SD 1.5", 1024: "SD 2", 2048: "SDXL", 1280: "SDXL refiner"}
    name = (
        names.get(next(iter(widths), 0), "U-Net of unknown size")
        if len(widths) == 1
        else "U-Net of unknown size"
    )
    if name.startswith("SDXL") != is_xl:
        name = "U-Net of unknown size"
    if channels == 9:
        return "", f"{name} for inpainting (9 channels)"
    if channels != 4:
        return "", f"{name} of {channels} channels"
    return (name if name in ("SD 1.5", "SD 2", "SDXL") else ""), name


def _sd3(shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, str]:
    table = shapes.get("pos_embed") or shapes.get("pos_embed.pos_embed") or (0, 0, 0)
    width, positions = table[-1], table[-2]
    name = {(1536, 36864): "SD 3", (1536, 147456): "SD 3.5 medium", (2432, 36864): "SD 3.5 large"}.get(
        (width, positions), ""
    )
    return name, name or "SD 3 of unknown size"


def _flux(shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, str]:
    if any(name.startswith("distilled_guidance_layer.") for name in shapes):
        return "", "Chroma"
    channels = (shapes.get("img_in.weight") or shapes.get("x_embedder.weight") or (0, 0))[1]
    if channels in (128, 384):
        return "", f"FLUX.1 {'Fill' if channels == 384 else 'Depth or Canny'}, which paints from a picture"
    guided = any("guidance_in." in name or "guidance_embedder." in name for name in shapes)
    name = "FLUX.1 dev" if guided else "FLUX.1 schnell"
    return name, name


def _flux2(shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, str]:
    width = (shapes.get("img_in.weight") or shapes.get("x_embedder.weight") or (0,))[0]
    name = {6144: "FLUX.2 dev", 4096: "FLUX.2 klein 9B", 3072: "FLUX.2 klein 4B"}.get(width, "")
    return name, name or "FLUX.2 of unknown size"


def _z_image(shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, str]:
    width = (shapes.get("cap_embedder.1.weight") or (0, 0))[1]
    return (
        ("Z-Image", "Z-Image")
        if width == 2560
        else ("", "Lumina 2" if width == 2304 else "Z-Image of unknown size")
    )


def _qwen(shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, str]:
    width = (shapes.get("txt_in.weight") or (0, 0))[1]
    return ("Qwen-Image", "Qwen-Image") if width == 3584 else ("", "Qwen-Image of unknown size")


_TRANSFORMERS = (
    ("single_stream_modulation.lin.weight", _flux2),
    ("single_stream_modulation.linear.weight", _flux2),
    ("joint_blocks.0.context_block.adaLN_modulation.1.bias", _sd3),
    ("pos_embed.pos_embed", _sd3),
    ("double_blocks.0.img_attn.norm.key_norm.scale", _flux),
    ("single_transformer_blocks.0.proj_mlp.weight", _flux),
    ("layers.0.adaLN_modulation.0.weight", _z_image),
    ("transformer_blocks.0.img_mod.1.weight", _qwen),
)
"""A name that is in every file of these transformers, and who tells their sizes apart."""

_WITHOUT_CONFIGS = {
    "Lumina 2": "cap_embedder.0.weight",
    "AuraFlow": "double_layers.0.attn.w1q.weight",
    "Sana": "blocks.0.cross_attn.q_linear.weight",
    "HiDream": "double_stream_blocks.0.block.adaLN_modulation.1.bias",
    "Krea 2": "txtfusion.projector.weight",
    "Qwen-Image 2.1": "txt_in.text_norm.weight",
    "Cosmos": "net.x_embedder.proj.1.weight",
    "PixArt": "adaln_single.emb.timestep_embedder.linear_1.weight",
}


def _alone(shapes: Mapping[str, tuple[int, ...]]) -> Found | None:
    """An autoencoder or a text encoder by itself."""
    for name in ("decoder.conv_in.weight", "decoder.conv1.weight", "decoder.conv_in.conv.weight"):
        if name in shapes:
            channels = shapes[name][1]
            do = 'name it as a part: [stages.paint.parts] vae = "…"'
            return Found("vae", what=f"autoencoder of {channels} channels", do=do)
    for what, name in _TEXT_ENCODERS:
        if found := next((each for each in (name, f"text_model.{name}") if each in shapes), None):
            do = (
                'name it as a part: [stages.paint.parts] text_encoder = "…" (or text_encoder_2, text_encoder_3)'
            )
            return Found("text encoder", what=f"{what} of width {shapes[found][1]}", do=do)
    return None


_TEXT_ENCODERS = (
    ("CLIP's text encoder", "embeddings.token_embedding.weight"),
    ("T5's encoder", "shared.weight"),
    ("language model", "model.embed_tokens.weight"),
    ("language model", "embed_tokens.weight"),
    ("language model", "model.language_model.embed_tokens.weight"),
    ("language model", "language_model.model.embed_tokens.weight"),
)


def unused(names: Iterable[str]) -> list[str]:
    """Those that belong to no model that is loaded: copies of weights that training keeps, and its counters."""
    return [name for name in names if name.startswith(("model_ema.", "ema.", "ema_model.", "optimizer."))]


_COMPOSED = (
    (
        re.compile(r"\.quant_state\.bitsandbytes__|\.(absmax|quant_map|SCB)$"),
        "weights quantised by bitsandbytes (nf4, fp4 or int8)",
        "take a .gguf file of the same model, or diffusers' folder of it",
    ),
    (
        re.compile(r"\.(wscales|wtscale|wcscales|qzeros)$"),
        "weights of four bits for nunchaku (SVDQuant) or of the kind of AWQ and GPTQ",
        "take a .gguf file of the same model",
    ),
    (
        re.compile(r"\.(scale_weight|weight_scale(_2)?|comfy_quant)$|(^|\.)scaled_fp8$"),
        "weights of few bits with scales of their own",
        "take the same model in bfloat16 or float16, in plain fp8, or as a .gguf file",
    ),
)
"""Tensors that make weights whole, by their names; what such weights are, and what to do instead."""


def refuse_scaled(header: Header, file: Path) -> None:
    """Raise `CheckpointError` where weights are whole only with what lies beside them, which is not applied
    here: the picture would be black or noise."""
    for pattern, what, do in _COMPOSED:
        found = next((name for name in header if pattern.search(name)), None)
        if found is not None:
            raise CheckpointError(f"{file}: holds {what} ({found}), which are not read from single files: {do}")
