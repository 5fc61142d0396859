"""Pictures of things, cut out and scaled to the places where they stand."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from .places import CELLS, Place

RIM = 1 / 75  # of the frame
RIM_COLOUR = (255, 255, 255)
SOLID = 192  # opacity from which a pixel is of the thing, and not of its halo
SUNK = 0.012  # of the frame: how far a thing stands into what carries it
ABOVE = 0.25  # of a cell: how far what stands on another may hang over it

Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""


@dataclass(frozen=True)
class CutOut:
    """A drawing as it is laid on the picture: RGBA, and its place in pixels."""

    image: Image.Image
    left: int
    top: int

    @property
    def solid(self) -> np.ndarray:
        return np.asarray(self.image)[..., 3] >= SOLID

    @property
    def box(self) -> Box:
        return self.left, self.top, self.left + self.image.width, self.top + self.image.height


def cut_out(
    drawn: Image.Image, place: Place, rng: random.Random, *, floats: bool, rimmed: bool, size: int
) -> CutOut:
    """A drawing RGBA, scaled to a place in a frame of `size` pixels a side, with a white rim if it is to have
    one."""
    rim = max(1, round(RIM * size)) if rimmed else 0
    cell = size / CELLS
    by = (place.side * cell - 2 * rim) / max(drawn.size)
    wide, high = (max(2, round(by * pixels)) for pixels in drawn.size)
    finer = Image.Resampling.LANCZOS if by < 1 else Image.Resampling.BICUBIC
    shaped = drawn.resize((wide, high), finer)
    wide, high = wide + 2 * rim, high + 2 * rim
    cells = math.ceil(wide / cell - 0.01), math.ceil(high / cell - 0.01)
    left, top = place.box(*cells, rng, floats=floats)
    x, y = round((left + cells[0] / 2) * cell - wide / 2), round((top + cells[1]) * cell - high)
    return CutOut(_rimmed(shaped, rim), x - 2 * rim, y - 2 * rim) if rim else CutOut(shaped, x, y)


def top_on(upper: CutOut, lower: CutOut, size: int) -> int:
    """Where the upper thing begins, for its foot to touch what is below it."""
    rows = np.flatnonzero(upper.solid.any(1))
    foot, lowest = _columns_of_foot(upper, rows), int(rows[-1]) + 1
    solid = lower.solid
    below = np.clip(foot - lower.left, 0, solid.shape[1] - 1)
    surface = solid[:, below].argmax(0)[solid[:, below].any(0)]
    touched = lower.top + (int(np.percentile(surface, 55)) if len(surface) else solid.shape[0] // 2)
    cell = size / CELLS
    down = touched + max(1, round(SUNK * size)) - lowest - upper.top  # in whole cells, for the same patches
    highest = -math.floor((upper.top + int(rows[0])) / cell)
    return upper.top + round(max(highest, math.ceil(down / cell - ABOVE)) * cell)


def laid(
    cuts: Sequence[CutOut], order: Sequence[int], size: int, *, ground: Sequence[int] | None = None
) -> np.ndarray:
    """The cut-outs on nothing, or on a ground of one colour, uint8 (size, size, 4), from back to front."""
    canvas = Image.new("RGBA", (size, size), (0, 0, 0, 0) if ground is None else (*ground, 255))
    for index in order:
        layer = Image.new("RGBA", (size, size))
        layer.paste(cuts[index].image, (cuts[index].left, cuts[index].top))
        canvas = Image.alpha_composite(canvas, layer)
    return np.asarray(canvas)


def spread(drawn: Image.Image, width: int) -> tuple[Image.Image, Image.Image]:
    """The drawing with room of three times `width` px around it, and its opacity grown by about `width`."""
    room = 3 * width
    larger = Image.new("RGBA", (drawn.width + 2 * room, drawn.height + 2 * room))
    larger.paste(drawn, (room, room))
    soft = larger.getchannel("A").filter(ImageFilter.GaussianBlur(width))
    return larger, soft.point([min(255, max(0, (value - 24) * 7)) for value in range(256)])


def _rimmed(drawn: Image.Image, width: int) -> Image.Image:
    """The drawing on a white shape that is `width` px wider all round, and as smooth."""
    larger, wider = spread(drawn, width)
    under = Image.new("RGBA", larger.size, (*RIM_COLOUR, 0))
    under.putalpha(wider)
    return Image.alpha_composite(under, larger)


def _columns_of_foot(cut: CutOut, rows: np.ndarray) -> np.ndarray:
    """The columns, in the picture, of the lowest tenth of a thing that has these `rows`."""
    foot = max(1, round(len(rows) * 0.1))
    return cut.left + np.flatnonzero(cut.solid[rows[-1] + 1 - foot : rows[-1] + 1].any(0))
