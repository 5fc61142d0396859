"""What lies behind the things: one function a setting, and the table `BACKGROUNDS` that names them.

Flat colours, large quiet areas; every background's ground begins near 0.75 of the height.
"""

import math
import random
from collections.abc import Callable

from PIL import ImageDraw

from .scene import RGB

WHITE: RGB = (252, 252, 250)


class Backdrop:
    """Draws in fractions of the frame: x to the right, y DOWN, both 0 to 1."""

    def __init__(self, draw: ImageDraw.ImageDraw, side_px: int) -> None:
        self._draw, self._side = draw, side_px

    def band(self, top: float, bottom: float, colour: RGB) -> None:
        self._draw.rectangle((0, top * self._side, self._side, bottom * self._side), fill=colour)

    def disc(self, x: float, y: float, rx: float, ry: float, colour: RGB) -> None:
        s = self._side
        self._draw.ellipse(((x - rx) * s, (y - ry) * s, (x + rx) * s, (y + ry) * s), fill=colour)

    def hill(self, x: float, base: float, half_width: float, height: float, colour: RGB) -> None:
        """A smooth hump that rises from `base`."""
        steps = 24
        line = [
            (
                x + half_width * (2 * i / steps - 1),
                base - height * (0.5 - 0.5 * math.cos(2 * math.pi * i / steps)),
            )
            for i in range(steps + 1)
        ]
        self._draw.polygon([(a * self._side, b * self._side) for a, b in line], fill=colour)

    def cloud(self, x: float, y: float, colour: RGB) -> None:
        self.disc(x, y, 0.10, 0.03, colour)
        self.disc(x + 0.02, y - 0.025, 0.05, 0.035, colour)


Background = Callable[[Backdrop, random.Random], None]


def meadow(back: Backdrop, rng: random.Random) -> None:
    ground = 0.75 + rng.uniform(-0.015, 0.015)
    back.band(0, 1, (172, 220, 248))
    back.cloud(0.20 + rng.uniform(-0.06, 0.06), 0.14, WHITE)
    back.cloud(0.78 + rng.uniform(-0.06, 0.06), 0.20, WHITE)
    back.hill(0.3 + rng.uniform(-0.1, 0.1), ground + 0.01, 0.55, 0.10, (150, 208, 124))
    back.band(ground, 1, (128, 196, 92))


def beach(back: Backdrop, rng: random.Random) -> None:
    ground = 0.77 + rng.uniform(-0.015, 0.015)
    back.band(0, 1, (222, 242, 248))
    back.disc(0.85 + rng.uniform(-0.04, 0.04), 0.14, 0.075, 0.075, (255, 224, 110))
    back.band(0.56, ground, (84, 176, 214))
    back.band(ground - 0.02, ground, WHITE)
    back.band(ground, 1, (244, 222, 160))


def desert(back: Backdrop, rng: random.Random) -> None:
    ground = 0.76 + rng.uniform(-0.015, 0.015)
    back.band(0, 1, (254, 240, 204))
    back.disc(0.16 + rng.uniform(-0.04, 0.04), 0.16, 0.085, 0.085, (255, 206, 84))
    back.hill(0.18 + rng.uniform(-0.06, 0.06), ground + 0.01, 0.50, 0.17, (236, 180, 112))
    back.hill(0.86 + rng.uniform(-0.06, 0.06), ground + 0.01, 0.46, 0.13, (228, 168, 98))
    back.band(ground, 1, (218, 152, 80))


def snow(back: Backdrop, rng: random.Random) -> None:
    ground = 0.75 + rng.uniform(-0.015, 0.015)
    back.band(0, 1, (170, 188, 208))
    back.hill(0.75 + rng.uniform(-0.08, 0.08), ground + 0.01, 0.55, 0.13, (214, 224, 236))
    for x, y in (
        (0.10, 0.12),
        (0.30, 0.26),
        (0.50, 0.10),
        (0.70, 0.24),
        (0.90, 0.11),
        (0.12, 0.42),
        (0.88, 0.42),
    ):
        back.disc(x + rng.uniform(-0.03, 0.03), y + rng.uniform(-0.03, 0.03), 0.014, 0.014, WHITE)
    back.band(ground, 1, (244, 248, 252))


def night(back: Backdrop, rng: random.Random) -> None:
    ground = 0.76 + rng.uniform(-0.015, 0.015)
    sky = (24, 30, 66)
    back.band(0, 1, sky)
    x = 0.84 + rng.uniform(-0.04, 0.04)
    back.disc(x, 0.15, 0.08, 0.08, (250, 240, 190))
    back.disc(x - 0.04, 0.13, 0.065, 0.065, sky)
    for x, y in ((0.10, 0.12), (0.28, 0.22), (0.46, 0.09), (0.64, 0.20), (0.10, 0.44), (0.92, 0.42)):
        back.disc(x + rng.uniform(-0.03, 0.03), y + rng.uniform(-0.03, 0.03), 0.011, 0.011, (250, 244, 210))
    back.band(ground, 1, (36, 68, 54))


def sunset(back: Backdrop, rng: random.Random) -> None:
    ground = 0.76 + rng.uniform(-0.015, 0.015)
    back.band(0, 0.40, (238, 128, 138))
    back.band(0.40, 1, (252, 176, 122))
    back.disc(0.5 + rng.uniform(-0.05, 0.05), ground - 0.03, 0.17, 0.17, (255, 236, 150))
    back.hill(0.10 + rng.uniform(-0.06, 0.06), ground + 0.01, 0.45, 0.14, (158, 96, 138))
    back.hill(0.92 + rng.uniform(-0.06, 0.06), ground + 0.01, 0.45, 0.12, (144, 84, 130))
    back.band(ground, 1, (104, 66, 98))


BACKGROUNDS: dict[str, Background] = {
    "meadow": meadow,
    "beach": beach,
    "desert": desert,
    "snow": snow,
    "night": night,
    "sunset": sunset,
}
