"""Colours of drawings: which of the world's ten a drawing has, and the drawing in another of them."""

from functools import cache

import numpy as np

from ....engine.models.vision import turning
from ....engine.models.vision.turning import Floats, Lab, lab_of, to_lab
from ..world import COLOURS
from .svg import Pixels

PARTS = turning.PARTS


def turned(pixels: Pixels, colour: str, part: str = "") -> Pixels:
    """A copy in which the main colour is one of the world's ten; see `turning.turned`."""
    return turning.turned(pixels, colour, COLOURS[colour], part)


def named(pixels: Pixels) -> tuple[str, float]:
    """The world's colour that most of a drawing is nearest to, and the share of the drawing that is."""
    seen = pixels[pixels[..., 3] > 128]
    names = list(_targets())
    lab = to_lab(seen[:, :3])
    nearest = np.stack([_distance(lab, _targets()[name]) for name in names]).argmin(0)
    shares = np.bincount(nearest, minlength=len(names)) / max(len(lab), 1)
    best = int(shares.argmax())
    return names[best], float(shares[best])


def _distance(lab: Lab, target: Floats) -> Floats:
    """How far pixels look from a colour: hue and chroma count more than lightness."""
    return np.sqrt(0.5 * (lab[:, 0] - target[0]) ** 2 + ((lab[:, 1:] - target[1:]) ** 2).sum(1) * 3)


@cache
def _targets() -> dict[str, Floats]:
    return {name: lab_of(rgb) for name, rgb in COLOURS.items()}
