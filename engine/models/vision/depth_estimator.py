"""Depth maps of pictures, by models of transformers that estimate depth (Depth Anything, DPT)."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import interpolate

from ...errors import CheckpointError
from ..checkpoint.folder import read_json, whole
from ..quantised.pretrained import from_pretrained

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SIDE = 384  # where the checkpoint does not say for which it was made
_MOST_SIDE = 2048


@dataclasses.dataclass(frozen=True, kw_only=True)
class DepthEstimator:
    """A model that estimates depth.

    Args:
        side: of the square that it looks at, in pixels: pictures are scaled so that they have about as many.
        multiple: both sides of what it is shown are multiples of it.
        mean, std: of the shades that it was trained on, 0 to 1.
        far_is_large: whether it gives distances, and no nearness.
    """

    model: Any
    side: int
    multiple: int
    mean: tuple[float, ...] = _MEAN
    std: tuple[float, ...] = _STD
    far_is_large: bool = False

    @torch.inference_mode()
    def depth_of(self, picture: torch.Tensor) -> torch.Tensor:
        """White for near, black for far.

        Args:
            picture: uint8 (h, w, 3) on the CPU.

        Returns:
            uint8 (h, w, 3) on the CPU, stretched to the whole range.
        """
        height, width = picture.shape[:2]
        shown = self._shown(picture)
        found = self.model(pixel_values=shown.to(self.model.device, self.model.dtype)).predicted_depth
        depth = interpolate(found[:, None].float(), (height, width), mode="bicubic", align_corners=False)[0, 0]
        depth = -depth if self.far_is_large else depth
        low, high = depth.min(), depth.max()
        shades = ((depth - low) / (high - low).clamp(min=1e-6) * 255).round().clamp(0, 255)
        return shades.to(torch.uint8).cpu()[..., None].expand(-1, -1, 3).contiguous()

    def _shown(self, picture: torch.Tensor) -> torch.Tensor:
        """float32 (1, 3, h, w), of the size and the range that the model was made for."""
        height, width = picture.shape[:2]
        scale = self.side / (height * width) ** 0.5
        size = [max(1, round(side * scale / self.multiple)) * self.multiple for side in (height, width)]
        shades = picture.permute(2, 0, 1)[None].float() / 255
        shades = interpolate(shades, size, mode="bicubic", align_corners=False, antialias=True)
        mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in (self.mean, self.std))
        return (shades - mean) / std


def load_depth_estimator(folder: Path, dtype: torch.dtype, device: torch.device) -> DepthEstimator:
    """A model that estimates depth, from a transformers folder.

    Raises:
        CheckpointError: the library knows no such model, or a file is missing or damaged.
    """
    from transformers import AutoConfig, AutoModelForDepthEstimation

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if type(config) not in AutoModelForDepthEstimation._model_mapping:  # pyright: ignore[reportPrivateUsage]
        raise CheckpointError(
            f"{folder}: a {config.model_type} estimates no depth: name a Depth Anything or DPT checkpoint"
        )
    loaded = from_pretrained(
        AutoModelForDepthEstimation,
        folder,
        device,
        config=config,
        dtype=dtype,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
    )
    model = whole(loaded, folder).to(device).eval().requires_grad_(False)
    said = read_json(path) if (path := folder / "preprocessor_config.json").is_file() else {}
    return DepthEstimator(
        model=model,
        side=_side(said, config),
        multiple=_multiple(said, config),
        mean=tuple(said.get("image_mean") or _MEAN),
        std=tuple(said.get("image_std") or _STD),
        far_is_large=getattr(config, "depth_estimation_type", "relative") == "metric",
    )


def _side(said: Mapping[str, Any], config: Any) -> int:
    size = said.get("size")
    side = size.get("height") if isinstance(size, Mapping) else size
    side = side or getattr(config, "image_size", None) or _SIDE
    return min(_MOST_SIDE, max(1, int(side)))


def _multiple(said: Mapping[str, Any], config: Any) -> int:
    nested = getattr(config, "backbone_config", None)
    patch = getattr(config, "patch_size", None) or getattr(nested, "patch_size", None) or 1
    return max(1, int(said.get("ensure_multiple_of") or 1), int(patch))
