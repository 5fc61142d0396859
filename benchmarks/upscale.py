"""How well pictures are enlarged: 20 pictures made by the recipe, and 20 renders of the world.

psnr_down_2x, psnr_down_4x    least PSNR of an enlarged picture, scaled down again, to its original
seams_2x, seams_4x            difference between neighbouring pixels at tiles' borders, over that at other
                              lines of the grid of patches that latents are made of (all borders lie on it),
                              each over the same of the plain enlargement; 1 where no seam shows
repainted                     share of the pictures of which the captioner let the repainted one pass
gain_over_lanczos_db          PSNR to the renders drawn at twice the size, less that of plain enlargement
"""

import random
import statistics
from typing import Any

import numpy as np
import torch

from ..engine.diffusion.tiles import Tiles
from ..engine.stages.painting.upscale import enlarged
from ..engine.values import Picture
from ..pipelines.evaluation.alignment import held_out_scenes
from ..pipelines.pocket.world import STYLES, prompt_of, render, sample_scene
from ..pipelines.text_to_image import TextToImage
from ..pipelines.upscale import Upscale
from .harness.options import Options
from .harness.report import Report, number, table

TILE, OVERLAP, PATCH = 256, 64, 8  # pixels, as the pocket refiner is tiled


def measure(options: Options) -> Report:
    """Heeds recipe, device and prompts (at most 20 count)."""
    pipe = TextToImage.from_recipe(options.recipe, device=options.device)
    upscale, count = Upscale(pipe), min(20, options.prompts)
    prompts = [prompt_of(scene) for scene in held_out_scenes(count)]
    options.say(f"{count} pictures, enlarged 2 and 4 times")
    pictures = [outcome.picture for outcome in pipe(prompts, candidates=1, rounds=1, repairs=0).outcomes]
    figures: dict[str, Any] = {}
    kept: list[bool] = []
    for scale in (2, 4):
        larger = [upscale(each, scale=scale).outcomes[0].picture.pixels for each in pictures]
        plain = [enlarged(each.pixels, scale) for each in pictures]
        down = [psnr(_down(one, scale), each.pixels) for one, each in zip(larger, pictures, strict=True)]
        pairs = list(zip(larger, plain, strict=True))
        figures[f"psnr_down_{scale}x"] = min(down)
        figures[f"seams_{scale}x"] = statistics.mean(seams(one) / seams(other) for one, other in pairs)
        kept += [not torch.equal(one, other) for one, other in pairs]
    figures["repainted"] = sum(kept) / len(kept)
    gains = _gains(upscale, count)
    figures["gain_over_lanczos_db"] = statistics.mean(gains)
    shown = table("", "value")
    for name, value in figures.items():
        shown.add_row(name, number(value, 3))
    details = {**options.chosen(), "gains_db": gains, "pictures": len(pictures)}
    return Report(name="upscale", figures=figures, details=details, tables={"enlarging": shown})


def seams(pixels: torch.Tensor) -> float:
    """Mean difference between neighbours (h, w, 3) across the lines where tiles begin or end, over that across
    all other lines of the grid of patches."""
    x = pixels.float()
    at: list[torch.Tensor] = []
    elsewhere: list[torch.Tensor] = []
    for axis in (0, 1):
        difference = x.diff(dim=axis).abs().mean(dim=(1 - axis, 2))  # one for each line
        border = torch.zeros(len(difference), dtype=torch.bool)
        border[[line - 1 for line in borders(x.shape[0], x.shape[1], axis)]] = True
        on_grid = torch.arange(1, len(difference) + 1) % PATCH == 0
        at.append(difference[border])
        elsewhere.append(difference[on_grid & ~border])
    return float(torch.cat(at).mean() / torch.cat(elsewhere).mean())


def borders(height: int, width: int, axis: int) -> list[int]:
    """Where tiles begin or end inside a picture, in pixels."""
    tiles = Tiles(height=height, width=width, side=TILE, overlap=OVERLAP)
    starts = {corner[axis] for corner in tiles.corners}
    lines = starts | {start + TILE for start in starts}
    return sorted(lines - {0, (height, width)[axis]})


def psnr(one: torch.Tensor, other: torch.Tensor) -> float:
    """In dB, of pixels 0 to 255."""
    error = (one.double() - other.double()).square().mean()
    return float(10 * torch.log10(255**2 / error.clamp_min(1e-9)))


def _gains(upscale: Upscale, count: int) -> list[float]:
    """Of renders at half the size, enlarged twice: how much nearer to the whole render than Lanczos."""
    gains: list[float] = []
    for i in range(count):
        scene = sample_scene(random.Random(i), style=STYLES[i % len(STYLES)])
        whole = render(scene, 512).image
        truth = torch.from_numpy(np.array(whole))
        small = torch.from_numpy(np.array(whole.reduce(2)))
        larger = upscale(Picture(pixels=small), prompt=prompt_of(scene)).outcomes[0].picture.pixels
        gains.append(psnr(larger, truth) - psnr(enlarged(small, 2), truth))
    return gains


def _down(pixels: torch.Tensor, scale: int) -> torch.Tensor:
    import PIL.Image

    return torch.from_numpy(np.array(PIL.Image.fromarray(pixels.numpy()).reduce(scale)))
