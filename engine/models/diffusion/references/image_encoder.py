"""The model that sees reference pictures for an IP-Adapter: CLIP's vision tower, or SigLIP's for SD 3.5."""

import dataclasses
from pathlib import Path
from typing import Any

import torch

from ....errors import CheckpointError
from ....messages import shown
from ....stage import ModelKey
from ...checkpoint.folder import folder_of, read_json, whole
from ...quantised.pretrained import from_pretrained

_KINDS = {
    "clip_vision_model": ("CLIPVisionModelWithProjection", "CLIPImageProcessor"),
    "clip": ("CLIPVisionModelWithProjection", "CLIPImageProcessor"),
    "siglip_vision_model": ("SiglipVisionModel", "SiglipImageProcessor"),
    "siglip": ("SiglipVisionModel", "SiglipImageProcessor"),
}
"""By the `model_type` of its config: the classes of the model, and of what prepares pictures for it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageEncoder:
    """Args:
    model: as pipelines call it `image_encoder`.
    processor: as they call it `feature_extractor`.
    """

    model: torch.nn.Module
    processor: Any


def load_image_encoder(folder: Path, dtype: torch.dtype, device: torch.device) -> ImageEncoder:
    """The image encoder of a folder.

    Raises:
        CheckpointError: it is of another kind, or damaged.
    """
    import transformers

    model, processor = _kind(folder)
    kind: Any = getattr(transformers, model)
    loaded = from_pretrained(kind, folder, device, local_files_only=True, use_safetensors=True, dtype=dtype)
    encoder = whole(loaded, folder).eval().requires_grad_(False)
    return ImageEncoder(model=encoder.to(device), processor=_processor(folder, processor, encoder.config))


def refuse_encoder(checkpoint: str) -> None:
    """Raise `CheckpointError` where what lies there is no image encoder; of what is not on this disk nothing is
    known."""
    try:
        folder = folder_of(checkpoint)
    except CheckpointError:
        return  # whoever loads it says so
    _kind(folder)


def _kind(folder: Path) -> tuple[str, str]:
    said = read_json(folder / "config.json").get("model_type")
    if said not in _KINDS:
        known = " or ".join(dict.fromkeys(model for model, _ in _KINDS.values()))
        raise CheckpointError(f"{folder}: model_type = {shown(said)}: an image encoder is a {known}")
    return _KINDS[str(said)]


def _processor(folder: Path, name: str, config: Any) -> Any:
    import transformers

    kind: Any = getattr(transformers, f"{name}Pil", None) or getattr(transformers, name)
    if (folder / "preprocessor_config.json").is_file():
        return kind.from_pretrained(folder, local_files_only=True)
    side = config.image_size
    if name.startswith("CLIP"):
        return kind(size=side, crop_size=side)  # as the library makes one
    return kind(size={"height": side, "width": side})


def vision_bytes(model: ModelKey[ImageEncoder], *, bytes_each: int) -> int:
    """Working memory for one picture, and the black one that it is held against: all layers' hidden states."""
    config = read_json(folder_of(model.checkpoint) / "config.json")
    vision: dict[str, Any] = config.get("vision_config") or config
    patches = (vision.get("image_size", 224) // max(1, vision.get("patch_size", 32))) ** 2 + 1
    width, layers = vision.get("hidden_size", 768), vision.get("num_hidden_layers", 12)
    heads, inner = vision.get("num_attention_heads", 12), vision.get("intermediate_size", 4 * width)
    return (patches * (width * (layers + 12) + 3 * inner) + heads * patches**2 * 2) * bytes_each
