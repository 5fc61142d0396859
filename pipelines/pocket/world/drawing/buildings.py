"""How buildings look. Each draws in the unit box of `pen`; `rng` gives the small natural variation."""

import random

from ..scene import RGB
from .accents import BROWN, GLASS, GOLD, GREY, SILVER, beside
from .pen import Pen, box, oval, shade


def house(pen: Pen, colour: RGB, rng: random.Random) -> None:
    chimney = rng.uniform(0.20, 0.27)
    pen.shape(box(chimney - 0.065, 0.60, chimney + 0.065, 0.95), fill=GREY)
    pen.shape(box(-0.40, 0.0, 0.40, 0.58), fill=colour)
    pen.shape([(-0.52, 0.56), (0.52, 0.56), (0.0, 1.0)], fill=shade(colour, 0.84))
    pen.shape(box(-0.09, 0.0, 0.09, 0.30), fill=BROWN)
    for side in (-1, 1):
        pen.shape(box(side * 0.25 - 0.075, 0.21, side * 0.25 + 0.075, 0.38), fill=GLASS)


def castle(pen: Pen, colour: RGB, rng: random.Random) -> None:
    tall = rng.uniform(-0.04, 0.02)
    wall = [box(-0.30, 0.0, 0.30, 0.46), *(box(x - 0.05, 0.44, x + 0.05, 0.54) for x in (-0.12, 0.12))]
    towers = []
    for x in (-0.35, 0.35):
        towers.append(box(x - 0.16, 0.0, x + 0.16, 0.80 + tall))
        towers += [box(x + d - 0.05, 0.78 + tall, x + d + 0.05, 0.92 + tall) for d in (-0.15, 0.0, 0.15)]
    pen.shape(*wall, fill=shade(colour, 0.84))
    pen.shape(*towers[:4], fill=colour)
    pen.shape(*towers[4:], fill=colour)
    gate = [(-0.11, 0.0), (0.11, 0.0), *oval(0.0, 0.18, 0.11, 0.12, start=0, stop=180)]
    pen.shape(gate, fill=BROWN)
    for x in (-0.35, 0.35):
        pen.shape(box(x - 0.04, 0.50, x + 0.04, 0.66), fill=GOLD)


def lighthouse(pen: Pen, colour: RGB, rng: random.Random) -> None:
    rock = rng.uniform(-0.03, 0.03)
    pen.shape([(-0.36, 0.0), (-0.30, 0.07), (rock, 0.10), (0.30, 0.06), (0.36, 0.0)], fill=GREY)
    pen.shape(_tapered(0.08, 0.70), fill=colour)
    light = beside(colour, SILVER)
    pen.mark(_tapered(0.27, 0.35), _tapered(0.49, 0.57), fill=light)
    pen.shape(box(-0.11, 0.73, 0.11, 0.87), fill=GOLD)
    pen.shape(box(-0.22, 0.69, 0.22, 0.745), fill=shade(colour, 0.75))
    pen.shape([(-0.17, 0.86), (0.17, 0.86), (0.0, 1.03)], fill=colour)


def _tapered(bottom: float, top: float) -> list[tuple[float, float]]:
    """A slice of the tower, which narrows upward."""
    low, high = (0.265 - 0.14 * y for y in (bottom, top))
    return [(-low, bottom), (low, bottom), (high, top), (-high, top)]
