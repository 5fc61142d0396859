"""What lies behind the things: one function a setting, and the table `BACKGROUNDS` that names them.

Flat colours, large quiet areas; every background's ground begins near 0.75 of the height.
"""

import math
import random
from collections.abc import Callable

from PIL import Image, ImageDraw

from ..scene import RGB
from .painter import SHADOW_INK, cast_shadow
from .pen import Path, bezier, box, oval, ribbon

WHITE: RGB = (252, 252, 250)
_BUBBLES = (
    (0.09, 0.30, 0.022),
    (0.15, 0.16, 0.015),
    (0.90, 0.40, 0.02),
    (0.84, 0.12, 0.024),
    (0.60, 0.07, 0.014),
)


_RIM = 0.006  # the light upper edge of raised shapes, of the frame


class Backdrop:
    """Draws in fractions of the frame: x to the right, y DOWN, both 0 to 1.

    The shapes of a `raised` backdrop cast soft shadows on what lies behind them, as layers of paper do.
    """

    def __init__(self, picture: Image.Image, *, thinnest: float = 0.0, raised: bool = False) -> None:
        """`thinnest`: what is thinner than this is drawn this wide, so that it shows."""
        self._thinnest = thinnest
        self._draw, self._side = ImageDraw.Draw(picture), picture.width
        self._glaze = ImageDraw.Draw(picture, "RGBA") if raised else None

    def area(self, path: Path, colour: RGB) -> None:
        """Any closed path."""
        placed = [(x * self._side, y * self._side) for x, y in path]
        if self._glaze is not None:
            cast_shadow(self._glaze, [placed], self._side, down=False)
            self._draw.polygon(placed, fill=_lighter(colour))
            placed = [(x, y + _RIM * self._side) for x, y in placed]
        self._draw.polygon(placed, fill=colour)

    def band(self, top: float, bottom: float, colour: RGB) -> None:
        s = self._side
        if self._glaze is not None and top > 0:
            for thick, alpha in ((0.017, 24), (0.012, 34), (0.007, 48)):
                self._glaze.rectangle((0, (top - thick) * s, s, top * s), fill=(*SHADOW_INK, alpha))
            self._draw.rectangle((0, top * s, s, bottom * s), fill=_lighter(colour))
            top += _RIM
        self._draw.rectangle((0, top * s, s, bottom * s), fill=colour)

    def disc(self, x: float, y: float, rx: float, ry: float, colour: RGB) -> None:
        least = self._thinnest / 2
        self.area(oval(x, y, max(rx, least), max(ry, least)), colour)

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
        self.area(line, colour)

    def cloud(self, x: float, y: float, colour: RGB) -> None:
        self.disc(x, y, 0.10, 0.03, colour)
        self.disc(x + 0.02, y - 0.025, 0.05, 0.035, colour)

    def crescent(self, x: float, y: float, radius: float, colour: RGB) -> None:
        """A moon that is lit from the lower right."""
        outer = oval(x, y, radius, radius, start=27 - 125, stop=27 + 125)
        inner = oval(x, y, 0.62 * radius, 0.62 * radius, start=27 - 62, stop=27 + 62)
        self.area(outer + bezier(outer[-1], inner[-1], inner[0], outer[0]), colour)

    def block(self, x: float, y: float, width: float, height: float, colour: RGB) -> None:
        """An upright rectangle around (x, y)."""
        self.area(box(x - width / 2, y - height / 2, x + width / 2, y + height / 2), colour)

    def streak(self, x: float, y: float, slant: float, length: float, colour: RGB) -> None:
        """A thin drop that falls to the left."""
        wide = max(0.008, self._thinnest)
        self.area([(x, y), (x + wide, y), (x + wide - slant, y + length), (x - slant, y + length)], colour)

    def weed(self, x: float, height: float, colour: RGB) -> None:
        """A waving blade that rises from the frame's lower edge."""
        waves = [(x + 0.018 * math.sin(i * 0.9), 1.02 - height * i / 10) for i in range(11)]
        self.area(ribbon(waves, 0.032), colour)


def _lighter(colour: RGB) -> RGB:
    red, green, blue = ((c + 250) // 2 for c in colour)
    return red, green, blue


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
    back.band(0, 1, (24, 30, 66))
    x = 0.84 + rng.uniform(-0.04, 0.04)
    back.crescent(x, 0.15, 0.08, (250, 240, 190))
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


def forest(back: Backdrop, rng: random.Random) -> None:
    ground = 0.75 + rng.uniform(-0.015, 0.015)
    back.band(0, 1, (150, 186, 146))
    back.band(0.62, 1, (118, 160, 116))
    for x, width in ((0.07, 0.055), (0.24, 0.035), (0.42, 0.028), (0.62, 0.032), (0.79, 0.04), (0.95, 0.06)):
        back.block(x + rng.uniform(-0.02, 0.02), ground / 2, width, ground + 0.04, (84, 72, 58))
    back.band(0, 0.10, (38, 92, 56))
    for i in range(7):
        back.disc(i / 6 + rng.uniform(-0.03, 0.03), 0.10 + rng.uniform(-0.02, 0.02), 0.11, 0.07, (38, 92, 56))
    back.band(ground, 1, (76, 110, 62))


def rain(back: Backdrop, rng: random.Random) -> None:
    ground = 0.76 + rng.uniform(-0.015, 0.015)
    back.band(0, 1, (146, 156, 168))
    for i in range(5):
        back.disc(i / 4 + rng.uniform(-0.05, 0.05), 0.03, 0.19, 0.09 + rng.uniform(-0.02, 0.02), (98, 106, 120))
    back.band(ground, 1, (104, 112, 108))
    for x, y in ((0.20, 0.93), (0.78, 0.90)):
        back.disc(x + rng.uniform(-0.06, 0.06), y, 0.13, 0.025, (168, 184, 200))
    slant, first = 0.035 + rng.uniform(-0.01, 0.01), rng.uniform(0, 0.1)
    for row in range(4):
        for column in range(7):
            x, y = first + column * 0.15 + (row % 2) * 0.075, 0.17 + row * 0.17
            back.streak(x, y + (column % 3) * 0.03, slant, 0.085, (206, 218, 230))


def city(back: Backdrop, rng: random.Random) -> None:
    ground = 0.77 + rng.uniform(-0.015, 0.015)
    back.band(0, 1, (226, 222, 240))
    for i in range(6):
        height = 0.44 + rng.uniform(-0.12, 0.06)
        back.block(i * 0.19 + rng.uniform(-0.02, 0.02), ground - height / 2, 0.15, height, (182, 184, 208))
    for i, height in enumerate((0.34, 0.22, 0.13, 0.16, 0.26, 0.38)):
        x = 0.06 + i * 0.18 + rng.uniform(-0.015, 0.015)
        top = height + rng.uniform(-0.03, 0.03)
        back.block(x, ground - top / 2, 0.13, top, (128, 132, 164))
        for k in range(4):
            window = (x - 0.025 + (k % 2) * 0.05, ground - top + 0.045 + (k // 2) * 0.06)
            back.block(*window, 0.024, 0.03, (255, 232, 150))
    back.band(ground, 1, (92, 94, 104))
    for i in range(4):
        back.block(0.10 + i * 0.27, 0.94, 0.13, 0.016, (222, 220, 206))


def underwater(back: Backdrop, rng: random.Random) -> None:
    ground = 0.79 + rng.uniform(-0.015, 0.015)
    back.band(0, 1, (34, 138, 164))
    back.band(0.52, 1, (24, 112, 144))
    for x in (0.18, 0.46, 0.76):
        x += rng.uniform(-0.05, 0.05)
        back.area([(x, 0), (x + 0.06, 0), (x + 0.02, ground), (x - 0.12, ground)], (52, 152, 176))
    back.band(ground, 1, (48, 92, 104))
    for x in (0.04, 0.11, 0.89, 0.96):
        back.weed(x + rng.uniform(-0.01, 0.01), 0.34 + rng.uniform(-0.10, 0.06), (20, 96, 76))
    for x, y, r in _BUBBLES:
        x, y = x + rng.uniform(-0.03, 0.03), y + rng.uniform(-0.03, 0.03)
        back.disc(x, y, r, r, (176, 226, 234))


BACKGROUNDS: dict[str, Background] = {
    "meadow": meadow,
    "beach": beach,
    "desert": desert,
    "snow": snow,
    "night": night,
    "sunset": sunset,
    "forest": forest,
    "rain": rain,
    "city": city,
    "underwater": underwater,
}
