"""How each style is painted: the table `STYLE_RENDERERS`, and the effects on pixels that it names.

A manner has an edge for shapes, an effect on the background before things are painted on it, and one on the
finished picture and its mask. Lengths are fractions of the frame, so that a picture looks the same at any size.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..scene import RGB
from .painter import LIGHT_LINE, Edge
from .pen import DARK, shade

Field = NDArray[np.float32]  # (side, side)

PAPER: RGB = (252, 249, 240)  # of watercolour and ink
PIXEL_BLOCKS = 32
LINE_CELLS = 160  # a background's ink lines are one of these wide, or paler where a pixel is wider
SOAKED_CELLS = 85  # what is left of a background's detail in watercolour, a side


@dataclass(frozen=True, kw_only=True)
class StyleRenderer:
    """How one style paints: see the file's head. `blocks`: the whole picture is made of so many, a side."""

    edge: Edge
    behind: Callable[[Image.Image], Image.Image] | None = None
    finish: Callable[[Image.Image, Image.Image, random.Random], tuple[Image.Image, Image.Image]] | None = None
    blocks: int | None = None


def soak(picture: Image.Image) -> Image.Image:
    """The background of a watercolour: colours run into each other."""
    coarse = min(picture.width, SOAKED_CELLS)
    return picture.resize((coarse, coarse), Image.Resampling.BOX).resize(
        picture.size, Image.Resampling.BILINEAR
    )


def wash(picture: Image.Image, mask: Image.Image, rng: random.Random) -> tuple[Image.Image, Image.Image]:
    """A watercolour: uneven edges, pigment that varies, paler washes, and a rim of bare paper."""
    side = picture.width
    aside, along = (_rolled(_noise(side, 16), rng) for _ in range(2))
    at = _shifted(side, aside * (0.005 * side), along * (0.005 * side))
    moved = Image.fromarray(np.asarray(picture).reshape(-1, 3)[at])
    pigment = 0.87 + 0.06 * _rolled(_noise(side, 5), rng) + 0.02 * _rolled(_noise(side, 90), rng)
    pigment *= np.clip((_distance_to_rim(side) + 0.010 * aside - 0.018) * 100, 0, 1)
    share = Image.fromarray((np.clip(pigment, 0, 1) * 255).astype(np.uint8))
    paper = Image.new("RGB", picture.size, PAPER)
    return Image.composite(moved, paper, share), Image.fromarray(np.asarray(mask).reshape(-1)[at])


def line_drawing(picture: Image.Image) -> Image.Image:
    """The background of an ink drawing: a pale wash on paper, lines where colours meet, dark parts hatched."""
    side, reach = picture.width, max(1, round(picture.width / LINE_CELLS))
    light = np.asarray(picture.convert("L")).astype(np.int16)
    step = np.zeros_like(light)
    step[reach:] = np.abs(light[reach:] - light[:-reach])
    step[:, reach:] = np.maximum(step[:, reach:], np.abs(light[:, reach:] - light[:, :-reach]))
    lines = np.clip((step - 3) * 16, 0, 190) * min(side, LINE_CELLS) // LINE_CELLS
    hatching = np.clip(230 - light * 3 // 2, 0, 128) * _hatch(side, 46, 0.22, 1) // 255
    pale = picture.convert("RGB", _towards(PAPER, colour=0.31, light=0.05))
    pale.paste(DARK, mask=Image.fromarray(np.maximum(lines, hatching).astype(np.uint8)))
    return pale


def hatch(picture: Image.Image, mask: Image.Image, rng: random.Random) -> tuple[Image.Image, Image.Image]:
    """Hatch the shadow side, lower right, of the things of an ink drawing."""
    side, reach = picture.width, max(1, round(picture.width * 0.035))
    labels = np.asarray(mask)
    beyond = np.zeros_like(labels)
    beyond[:-reach, :-reach] = labels[reach:, reach:]
    hatching = np.where((labels > 0) & (beyond != labels), _hatch(side, 42, 0.38, -1) * 5 // 8, 0)
    dark = np.asarray(picture.convert("L")) < 70
    drawn = picture.copy()
    drawn.paste(DARK, mask=Image.fromarray(np.where(dark, 0, hatching).astype(np.uint8)))
    drawn.paste(LIGHT_LINE, mask=Image.fromarray(np.where(dark, hatching // 2, 0).astype(np.uint8)))
    return drawn, mask


def crisp(picture: Image.Image, mask: Image.Image, cells: int) -> tuple[Image.Image, Image.Image]:
    """Both `cells` a side: of each cell the commonest colour, and what the mask has where it was found."""
    rgb = np.asarray(picture).astype(np.int32)
    votes = _cellwise((rgb[..., 0] << 16) + (rgb[..., 1] << 8) + rgb[..., 2], cells)
    counts = (votes[..., None] == votes[..., None, :]).sum(axis=-1, dtype=np.int16)
    counts[..., counts.shape[-1] // 2] += 1  # the middle decides between equals
    at = counts.argmax(axis=-1)[..., None]
    elected = np.take_along_axis(votes, at, axis=-1)
    colours = np.concatenate([elected >> 16, elected >> 8 & 255, elected & 255], axis=-1).astype(np.uint8)
    labels = np.take_along_axis(_cellwise(np.asarray(mask), cells), at, axis=-1)[..., 0]
    return Image.fromarray(colours), Image.fromarray(labels)


def _cellwise(pixels: NDArray[Any], cells: int) -> NDArray[Any]:
    """(side, side) as (cells, cells, the pixels of a cell)."""
    finer = pixels.shape[0] // cells
    return pixels.reshape(cells, finer, cells, finer).transpose(0, 2, 1, 3).reshape(cells, cells, -1)


def _line(fill: RGB, line: RGB) -> RGB:
    return line


def _pooled(fill: RGB, line: RGB) -> RGB:
    """Pigment that gathered at the edge; around black, paper that stayed lighter."""
    return shade(fill, 0.66 if max(fill) > 60 else 0.35)


def _inner(fill: RGB, line: RGB) -> RGB:
    """A darker neighbour, which leaves a small shape its colour, where a dark line would take most of it."""
    return shade(fill, 0.55)


def _cut(fill: RGB, line: RGB) -> RGB:
    """The light rim of cut paper."""
    red, green, blue = (round(c + (250 - c) * 0.75) for c in fill)
    return red, green, blue


def _towards(paper: RGB, *, colour: float, light: float) -> tuple[float, ...]:
    """The matrix that keeps a share of a pixel's colour and of its lightness, the rest being paper."""
    grey = [light * weight for weight in (0.30, 0.59, 0.11)]
    rest = 1 - colour - light
    rows = [[*(g + colour * (i == j) for j, g in enumerate(grey)), rest * paper[i]] for i in range(3)]
    return tuple(value for row in rows for value in row)


@cache
def _noise(side: int, cells: int) -> Field:
    """Smooth periodic noise of about unit size, with `cells` waves a side; the same everywhere."""
    grid = np.random.default_rng(cells).standard_normal((cells, cells)).astype(np.float32)
    around = Image.fromarray(np.tile(grid, (3, 3)))
    whole = np.asarray(around.resize((3 * side, 3 * side), Image.Resampling.BICUBIC))
    middle = whole[side : 2 * side, side : 2 * side]
    return np.clip(middle / middle.std(), -2, 2)


def _rolled(field: Field, rng: random.Random) -> Field:
    side = field.shape[0]
    return np.roll(field, (int(rng.random() * side), int(rng.random() * side)), (0, 1))


def _shifted(side: int, aside: Field, along: Field) -> NDArray[np.int32]:
    """For each pixel, the number of the one that lies (aside, along) px from it, kept inside the picture."""
    pixels = np.arange(side, dtype=np.float32) + 0.5
    columns = np.clip(pixels[None, :] + aside, 0, side - 1).astype(np.int32)
    return np.clip(pixels[:, None] + along, 0, side - 1).astype(np.int32) * side + columns


@cache
def _distance_to_rim(side: int) -> Field:
    """Of each pixel, of the frame."""
    along = (np.arange(side, dtype=np.float32) + 0.5) / side
    near = np.minimum(along, 1 - along)
    return np.minimum(near[:, None], near[None, :])


@cache
def _hatch(side: int, lines: int, width: float, rise: int) -> NDArray[np.int16]:
    """Slanting lines (side, side), 0 to 255: how many, how wide, and which way."""
    finer = 4
    along = (np.arange(side * finer, dtype=np.float32) + 0.5) / (side * finer)
    drawn = ((along[None, :] + rise * along[:, None]) * lines) % 1 < width
    return (drawn.reshape(side, finer, side, finer).mean(axis=(1, 3)) * 255).astype(np.int16)


STYLE_RENDERERS: dict[str, StyleRenderer] = {
    "flat": StyleRenderer(edge=Edge(width=1 / 90, colour=_line)),
    "watercolour": StyleRenderer(edge=Edge(width=1 / 130, colour=_pooled), behind=soak, finish=wash),
    "ink": StyleRenderer(edge=Edge(width=1 / 68, colour=_line), behind=line_drawing, finish=hatch),
    "pixel": StyleRenderer(edge=Edge(width=1 / 52, colour=_inner), blocks=PIXEL_BLOCKS),
    "paper-cut": StyleRenderer(edge=Edge(width=1 / 80, colour=_cut, raised=True)),
}
