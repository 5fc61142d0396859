"""A drawing in another colour: what is of its main hue is turned, light and shade stay where they are.

Reckoned in OKLab (Ottosson 2020), where equal steps look equal: L lightness 0 to 1, a and b, chroma their
length.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Pixels = NDArray[np.uint8]  # (h, w, 4): red, green, blue, opacity
Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""
Lab = Floats  # (n, 3): L, a, b; reckoned with 32 bits

_TO_LMS = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]], np.float32,
)  # fmt: skip
_TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]], np.float32,
)  # fmt: skip
_FROM_LAB: Floats = np.linalg.inv(_TO_LAB).astype(np.float32)
_FROM_LMS: Floats = np.linalg.inv(_TO_LMS).astype(np.float32)

GREY = 0.045  # chroma below which a pixel counts as grey
BLUE = -1.75  # radians: of sky, glass and water
HUES = 36  # bins round the circle
NEAR, FAR = 0.55, 1.0  # radians from the main hue: wholly of it, and no more of it
_STRENGTH = {"white": 0.35, "black": 0.55}  # how much of the differences in lightness is kept
PARTS = ("", "grey", "not blue")
"""What may be said of the part of a drawing that is to be turned, where its strongest hue is not what people
would call its colour: the white of a cup of coffee; a bus, and not its windows."""
LEAST_PART = 0.12  # of a drawing: a part smaller than this is not looked for


@dataclass(frozen=True)
class Main:
    """What is turned: the pixels around `hue` (radians), or, where it is `None`, the grey ones around
    `light`."""

    hue: float | None
    light: float
    chroma: float
    share: float  # of what can be seen


def to_lab(rgb: NDArray[np.uint8]) -> Lab:
    """uint8 (n, 3) to OKLab, float32 (n, 3)."""
    return np.cbrt(_linear()[rgb] @ _TO_LMS.T) @ _TO_LAB.T


def to_rgb(lab: Lab) -> NDArray[np.uint8]:
    """OKLab to uint8 (n, 3); what no screen shows is moved towards grey of its lightness until one does."""
    linear = (lab @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T
    outside = ((linear < -1e-3) | (linear > 1.001)).any(1)
    for _ in range(5):
        if not outside.any():
            break
        lab[outside, 1:] *= 0.8
        linear[outside] = (lab[outside] @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T
        outside = ((linear < -1e-3) | (linear > 1.001)).any(1)
    linear = np.clip(linear, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(encoded * 255).astype(np.uint8)


def main_of(pixels: Pixels, part: str = "") -> Main:
    """The main colour of a drawing: its strongest hue, or grey where hues make up little of it; see `PARTS`."""
    seen = pixels[pixels[..., 3] > 128]
    return _main(to_lab(seen[:, :3]), part) if len(seen) else Main(None, 0.5, 0.0, 0.0)


def turned(pixels: Pixels, colour: str, to: Colour, part: str = "") -> Pixels:
    """A copy in which the main colour is another.

    Args:
        colour: its name: white and black keep less of light and shade.
        to: what it is.
        part: of the drawing that is turned, one of `PARTS`.
    """
    seen = pixels[..., 3] > 0
    lab = to_lab(pixels[seen][:, :3])
    main = _main(lab, part)
    share = _belonging(lab, main)[:, None]
    copy = pixels.copy()
    copy[seen, :3] = to_rgb(lab * (1 - share) + _moved(lab, main, lab_of(to), colour) * share)
    return copy


def lab_of(colour: Colour) -> Lab:
    """One colour in OKLab, (3,)."""
    return to_lab(np.array([colour], np.uint8))[0]


def _main(lab: Lab, part: str) -> Main:
    chroma, hue = np.hypot(lab[:, 1], lab[:, 2]), np.arctan2(lab[:, 2], lab[:, 1])
    vivid = chroma > GREY
    if part == "grey" and (~vivid).mean() > LEAST_PART:
        return _main_grey(lab, ~vivid)
    if part == "not blue" and (other := vivid & (np.abs(_turn(hue - BLUE)) > 0.8)).mean() > LEAST_PART:
        vivid = other
    bins = ((hue / (2 * np.pi) % 1) * HUES).astype(int) % HUES
    weight = np.bincount(bins[vivid], weights=np.minimum(chroma[vivid], 0.15), minlength=HUES)
    smooth = weight + 0.75 * (np.roll(weight, 1) + np.roll(weight, -1))
    peak = (int(smooth.argmax()) + 0.5) / HUES * 2 * np.pi
    close = vivid & (np.abs(_turn(hue - peak)) < NEAR)
    grey = chroma <= GREY
    if close.mean() < 0.18 and grey.mean() > close.mean():
        return _main_grey(lab, grey)
    around = float(peak + np.average(_turn(hue[close] - peak), weights=chroma[close])) if close.any() else 0.0
    light = float(np.median(lab[close, 0])) if close.any() else 0.5
    return Main(around, light, float(np.median(chroma[close])) if close.any() else 0.1, float(close.mean()))


def _main_grey(lab: Lab, grey: NDArray[np.bool_]) -> Main:
    light = float(np.median(lab[grey, 0]))
    close = grey & (np.abs(lab[:, 0] - light) < 0.3)
    return Main(None, light, 0.0, float(close.mean()))


def _belonging(lab: Lab, main: Main) -> Floats:
    """How much each pixel is of the main colour, 0 to 1."""
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    if main.hue is None:
        grey = np.clip((0.08 - chroma) / 0.035, 0, 1)
        return grey * np.clip((0.42 - np.abs(lab[:, 0] - main.light)) / 0.12, 0, 1)
    away = np.abs(_turn(np.arctan2(lab[:, 2], lab[:, 1]) - main.hue))
    return np.clip((FAR - away) / (FAR - NEAR), 0, 1) * np.clip((chroma - 0.015) / 0.03, 0, 1)


def _moved(lab: Lab, main: Main, wanted: Floats, colour: str) -> Lab:
    """Every pixel with the wanted hue, as much lighter or darker than the main colour as it was."""
    apart = lab[:, 0] - main.light
    kept = _STRENGTH.get(colour, 0.85)
    light = wanted[0] + kept * apart
    light = np.where(light > 0.97, 0.97 + 0.2 * (light - 0.97), light)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    vivid = 1.0 if main.hue is None else np.clip(chroma / max(main.chroma, 0.05), 0.35, 1.15)
    pale = np.clip(1 - np.abs(apart) * 0.8, 0.4, 1)
    by = vivid * pale
    return np.stack([np.clip(light, 0.12, 1), wanted[1] * by, wanted[2] * by], 1)


def _turn(angle: Floats) -> Floats:
    return (angle + np.pi) % (2 * np.pi) - np.pi


@cache
def _linear() -> Floats:
    """Light of each of the 256 values of sRGB."""
    value = np.arange(256, dtype=np.float32) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
