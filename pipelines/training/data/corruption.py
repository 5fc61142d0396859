"""Corrupts pictures a little, as saving, shrinking and painting do, so that the inspector is fair to such."""

import io
import random
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter

SHIFT = 0.07  # of the frame, at most
SCALE = 0.08  # larger or smaller by as much, at most
BEND = 0.012  # of the frame: standard deviation of how far a point strays
BENDS = 7  # points of the grid of strays
NOISE, BLOTCHES, LIGHT = 0.12, 0.15, 0.10  # of values in [-1, 1], at most


def corrupted(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Blurred, seen through fewer pixels, or saved as JPEG."""
    way = rng.randrange(3)
    if way == 0:
        return picture.filter(ImageFilter.BoxBlur(picture.width * rng.uniform(0.004, 0.016)))
    if way == 1:
        side = rng.randint(40, 128)
        return picture.resize((side, side), Image.Resampling.BOX).resize(picture.size, Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=rng.randint(8, 60))
    return Image.open(stream, formats=("JPEG",)).convert("RGB")


def bent(
    pixels: torch.Tensor, masks: torch.Tensor, *, how_much: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Moved, scaled and bent a little; what comes in is the edge repeated, and no thing.

    Args:
        pixels: float32 (b, c, h, w).
        masks: thing numbers, float32 (b, h, w).
        how_much: (b,), 0 for not at all, 1 for as much as there is.
    """
    b, height = len(pixels), pixels.shape[2]

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(b, *shape, generator=generator) * 2 - 1

    amount = how_much[:, None, None]
    scale = 1 + SCALE * uniform(1, 1) * amount
    shift = 2 * SHIFT * uniform(2, 1) * amount  # the frame is 2 wide
    theta = torch.cat([torch.eye(2) * scale, shift], 2)  # (b, 2, 3)
    grid = F.affine_grid(theta, list(pixels.shape), align_corners=False)  # (b, h, w, 2)
    strays = 2 * BEND * torch.randn(b, 2, BENDS, BENDS, generator=generator) * amount[..., None]
    strays = F.interpolate(strays, (height, height), mode="bicubic", align_corners=True)
    grid = grid + strays.permute(0, 2, 3, 1)
    pixels = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    masks = F.grid_sample(masks[:, None], grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return pixels, masks[:, 0]


def noised(pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """With grain, blotches of colour, and in another light: float32 (b, c, h, w) in about [-1, 1]."""
    b, c, height, width = pixels.shape

    def strength(most: float) -> torch.Tensor:
        return most * torch.rand(b, 1, 1, 1, generator=generator).square()

    blotches = torch.randn(b, c, height // 8, width // 8, generator=generator)
    blotches = F.interpolate(blotches, (height, width), mode="bicubic", align_corners=False)
    contrast = 1 + LIGHT * (2 * torch.rand(b, 1, 1, 1, generator=generator) - 1)
    light = LIGHT * (2 * torch.rand(b, 1, 1, 1, generator=generator) - 1)
    grain = torch.randn(pixels.shape, generator=generator)
    return pixels * contrast + light + strength(NOISE) * grain + strength(BLOTCHES) * blotches


def how_much(rngs: Sequence[random.Random], share: float) -> torch.Tensor:
    """0 for rows that are left as they are, else from 0 to 1: float32 (b,)."""
    return torch.tensor([rng.random() if rng.random() < share else 0.0 for rng in rngs])
