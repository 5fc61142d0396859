"""How many tokens a vision-language model makes of a picture: upper bounds, from configs alone.

Kinds whose pictures become patches as they are (Qwen-VL), cut into tiles (SmolVLM, Idefics 3), or scaled to one
size (all others).
"""

import math
from typing import Any

from ..checkpoint.folder import folder_of, read_config, read_json

TILED = ("smolvlm", "idefics3")


def picture_tokens(checkpoint: str, height: int, width: int) -> int:
    """Tokens that the language model reads of a picture of so many pixels, at most."""
    config = read_config(checkpoint)
    vision = _vision(config)
    patches = _patches(checkpoint, config, vision, height, width)
    merged = int(vision.get("spatial_merge_size") or config.get("scale_factor") or 1)
    return math.ceil(patches / merged**2)


def picture_bytes(checkpoint: str, height: int, width: int, *, bytes_each: int) -> int:
    """Activations of the vision model, at most: what a layer needs of all patches at once."""
    config = read_config(checkpoint)
    vision = _vision(config)
    size = vision.get("hidden_size") or vision.get("embed_dim") or 1024
    size = max(size) if isinstance(size, list) else size
    inner = vision.get("intermediate_size") or 4 * size
    patches = _patches(checkpoint, config, vision, height, width)
    return patches * (6 * size + 2 * inner) * bytes_each + 2 * 4 * 3 * patches * _patch(vision) ** 2


def _vision(config: dict[str, Any]) -> dict[str, Any]:
    return config.get("vision_config") or config


def _patch(vision: dict[str, Any]) -> int:
    size = vision.get("patch_size") or 16
    return int(size[-1] if isinstance(size, list) else size)


def _patches(checkpoint: str, config: dict[str, Any], vision: dict[str, Any], height: int, width: int) -> int:
    """Of a whole picture; the prepared picture's limits are the image processor's."""
    patch = _patch(vision)
    path = folder_of(checkpoint) / "preprocessor_config.json"
    prepared = read_json(path) if path.exists() else {}
    if "spatial_merge_size" in vision:  # as large as the picture is, within limits
        limits = prepared.get("size") or {}
        least = int(limits.get("shortest_edge") or prepared.get("min_pixels") or 56 * 56)
        most = int(limits.get("longest_edge") or prepared.get("max_pixels") or 2**24)
        block = patch * int(vision["spatial_merge_size"])
        pixels = math.ceil(height / block) * math.ceil(width / block) * block**2
        return math.ceil(min(max(pixels, least), most) / patch**2)
    side = int(vision.get("image_size") or _side(prepared) or 768)
    tiles = 1
    if config.get("model_type") in TILED and prepared.get("do_image_splitting", True):
        longest = int((prepared.get("size") or {}).get("longest_edge", 4 * side))
        tiles = math.ceil(longest / side) ** 2 + 1
    return tiles * math.ceil(side / patch) ** 2 + 1


def _side(prepared: dict[str, Any]) -> int | None:
    size = prepared.get("size")
    return size.get("height") if isinstance(size, dict) else None
