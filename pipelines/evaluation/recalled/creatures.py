"""Made-up creatures, which no model has ever heard of, each drawn by rule from its name alone."""

import colorsys
import random
from pathlib import Path

from PIL import Image, ImageDraw

NAMES = (
    "vorple", "zindle", "quabbit", "mogwump", "snarfle", "blibbet", "drongle", "fizzik", "grumlin", "hoobert",
    "jabbit", "klompus", "lurple", "nimbok", "oozle", "plimsy", "rumbat", "skwee", "tazzle", "wumpet",
)  # fmt: skip
SIDE = 256
EDGE = (40, 34, 44, 255)
EYE, PUPIL = (255, 255, 255, 255), (20, 20, 20, 255)


def creature(name: str) -> Image.Image:
    """One of them, RGBA, on nothing."""
    rng = random.Random(name)
    hue = rng.random()
    body, belly = _colour(hue, 0.65, 0.9), _colour(hue + rng.uniform(0.2, 0.8), 0.5, 1.0)
    image = Image.new("RGBA", (SIDE, SIDE))
    pen = ImageDraw.Draw(image)
    wide, high = rng.randint(60, 100), rng.randint(60, 90)
    left, top, right, bottom = 128 - wide, 140 - high, 128 + wide, 140 + high
    for i in range(legs := rng.choice((2, 3, 4))):
        x = left + (2 * i + 1) * wide // legs
        pen.rectangle((x - 12, 170, x + 12, 252), fill=body, outline=EDGE, width=5)
    for side in (-1, 1):
        tip = 128 + side * rng.randint(40, 80)
        foot = 128 + side * wide // 2
        pen.polygon((foot - 18, top + 40, tip, 6, foot + 18, top + 40), fill=belly, outline=EDGE, width=5)
    shape = rng.choice((pen.ellipse, pen.rectangle))
    shape((left, top, right, bottom), fill=body, outline=EDGE, width=6)
    pen.ellipse((128 - wide // 2, 140, 128 + wide // 2, bottom - 8), fill=belly)
    for i in range(eyes := rng.choice((1, 2, 3))):
        x = 128 + (2 * i + 1 - eyes) * 24
        pen.ellipse((x - 20, 88, x + 20, 128), fill=EYE, outline=EDGE, width=4)
        pen.ellipse((x - 7, 102, x + 7, 116), fill=PUPIL)
    return image.crop(image.getbbox())


def write_creatures(folder: Path) -> None:
    """A folder of all of them, each with its caption beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        creature(name).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(f"a {name}\n", encoding="utf-8")


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int, int]:
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue % 1, saturation, value))
    return red, green, blue, 255
