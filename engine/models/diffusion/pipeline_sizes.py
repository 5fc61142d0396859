"""What sizes of picture a diffusers pipeline paints, and how much working memory its parts need at most, from
their configs. Loads nothing.

These are estimates on the safe side, for the first run; what was measured then replaces them
(`memory_probe.Peaks`).
"""

from pathlib import Path
from typing import Any

from ..checkpoint.folder import read_json
from .pipeline_families import family_of, other_size
from .pipeline_parts import DENOISER, TEXT, VAE, component_config, components_of

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
TEXT_TOKENS = 512  # that a prompt is padded to, about
INSTRUCTED_TOKENS = 1024  # the same, where a pipeline puts instructions before it
TILE = 512  # pixels on a side of what a tiled autoencoder decodes at once
_UNET_TENSORS = 40  # of a U-Net's first level that are alive at once, skip connections among them
_TRANSFORMER_TENSORS = 24  # of a block's width
_VAE_TENSORS = 8  # of the last level's width, at the picture's full size
_VIDEO_VAE_TENSORS = 40  # the same, where frames are padded in time
_SCORE_TENSORS = 3.25  # of a text's attention, all heads, in single precision


def vae_dtype(dtype: str) -> str:
    """What an autoencoder computes in where its model is in `dtype`.

    In float16 most overflow, SDXL's for one (`force_upcast` in its config, which is also what a config means
    that says nothing of it), so they are kept in full. bfloat16 has float32's range.
    """
    return "float32" if dtype == "float16" else dtype


def text_bytes(folder: Path, *, bytes_each: int) -> int:
    """For one prompt: all layers' hidden states, as some pipelines read them, and the logits that some models
    make though nobody reads them."""
    most = 0
    for name, (_, kind) in components_of(folder, TEXT).items():
        config = component_config(folder, name)
        width = _first(config, "hidden_size", "d_model", default=1024)
        layers = _first(config, "num_hidden_layers", "num_layers", default=24)
        inner = _first(config, "intermediate_size", "d_ff", default=4 * width)
        heads = _first(config, "num_attention_heads", "num_heads", default=16)
        words = _first(config, "vocab_size", default=0) if "For" in kind else 0
        tokens = TEXT_TOKENS if kind.startswith(("T5", "UMT5", "CLIP")) else INSTRUCTED_TOKENS
        states = tokens * (width * (layers + 12) + 3 * inner + 2 * words) * bytes_each
        most = max(most, states + int(_SCORE_TENSORS * heads * tokens**2 * 4))
    return most


def denoising_bytes(folder: Path, *, height: int, width: int, rows: int, bytes_each: int) -> int:
    """For so many rows of that size in pixels, both branches of guidance."""
    name = next(iter(components_of(folder, DENOISER)))
    config = component_config(folder, name)
    scale = vae_scale(folder)
    cells = -(-height // scale) * -(-width // scale)
    if name == "unet":
        each = cells * _widths(config)[0] * _UNET_TENSORS
    else:
        size = _first(config, "patch_size", default=2)
        patch = size if "Flux" not in str(config.get("_class_name")) else 2  # they are packed before
        heads = _first(config, "num_attention_heads", "n_heads", default=24)
        inner = _first(config, "dim", default=0) or heads * _first(config, "attention_head_dim", default=128)
        each = (cells // patch**2 + TEXT_TOKENS) * inner * _TRANSFORMER_TENSORS
    return 2 * rows * each * bytes_each


def decoding_bytes(folder: Path, *, height: int, width: int, tiled: bool, bytes_each: int) -> int:
    """For one picture, or one tile of it and the picture itself."""
    config = component_config(folder, next(iter(components_of(folder, VAE))))
    pixels = height * width
    worked_on = min(pixels, TILE**2) if tiled else pixels
    tensors = _VIDEO_VAE_TENSORS if "temperal_downsample" in config else _VAE_TENSORS
    return worked_on * _widths(config)[0] * tensors * bytes_each + 24 * pixels


def vae_scale(folder: Path) -> int:
    """Pixels on a side of what one latent stands for."""
    config = component_config(folder, next(iter(components_of(folder, VAE))))
    levels = len(config.get("temperal_downsample") or _widths(config)[1:])
    return 2**levels


def _widths(config: dict[str, Any]) -> list[int]:
    """Channels of a convolutional model, level by level."""
    for name in ("block_out_channels", "encoder_block_out_channels", "decoder_block_out_channels"):
        if isinstance(config.get(name), list):
            return config[name]
    return [_first(config, "base_dim", default=128)]


def _first(config: dict[str, Any], *names: str, default: int) -> int:
    """The first of these settings that says a number."""
    for name in names:
        value = config.get(name)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return default


def made_for(folder: Path) -> tuple[int, int]:
    """Height and width in pixels that a pipeline paints if nothing is said, as its denoiser's config says
    them; 128 latents on a side where it does not, which is what the library then takes.

    Raises:
        CheckpointError: a config is missing or damaged.
    """
    sides = component_config(folder, next(iter(components_of(folder, DENOISER)))).get("sample_size") or 128
    height, width = (sides[0], sides[-1]) if isinstance(sides, list) else (sides, sides)
    scale = vae_scale(folder)
    return height * scale, width * scale


def refiner_side(folder: Path) -> int:
    """Height and width in pixels of what a refiner of draft tokens paints: its U-Net's latents, each of which
    is a patch of pixels.

    Raises:
        CheckpointError: a config is missing or damaged.
        LookupError, TypeError: a config is that of another model.
    """
    latents = read_json(folder / "latents" / "config.json")
    patch = latents["patch"] if "patch" in latents else 2 ** (len(latents["block_out_channels"]) - 1)
    return read_json(folder / "unet" / "config.json")["sample_size"] * patch


def size_fault(folder: Path, height: int, width: int) -> str:
    """Why a pipeline does not paint pictures of so many pixels, with a size that it does; empty where nothing
    is known against it.

    Raises:
        CheckpointError: a config is missing or damaged.
    """
    name = str(read_json(folder / "model_index.json").get("_class_name", "pipeline"))
    denoiser = next(iter(components_of(folder, DENOISER)))
    reach = component_config(folder, denoiser).get("pos_embed_max_size") if denoiser != "unet" else None
    most = None
    if reach:
        most = reach * component_config(folder, denoiser)["patch_size"] * vae_scale(folder)
    return side_fault(name, family_of(name).multiple, most, height, width)


def side_fault(name: str, multiple: int, most: int | None, height: int, width: int) -> str:
    """Likewise, of a pipeline of this class that is known."""
    if (painted := family_of(name).painted(height, width)) != (height, width):
        return other_size(name, height, width, *painted)
    if height % multiple or width % multiple:
        near = "x".join(str(max(1, round(side / multiple)) * multiple) for side in (width, height))
        return f"{width}x{height} pixels: {name} paints multiples of {multiple}: ask for {near}, say"
    if most and max(height, width) > most:
        return f"{width}x{height} pixels: this {name} paints at most {most} on a side"
    return ""
