"""How vehicles look. Each draws in the unit box of `pen`; `rng` gives the small natural variation."""

import random

from ..scene import RGB
from .accents import BROWN, GLASS, GOLD, GREY, WHITE
from .pen import DARK, Pen, bezier, box, oval, shade


def boat(pen: Pen, colour: RGB, rng: random.Random) -> None:
    full = rng.uniform(-0.03, 0.03)
    pen.shape(box(-0.055, 0.25, -0.015, 1.0), fill=BROWN)
    pen.shape([(0.0, 0.38), (0.0, 0.97), (0.44 + full, 0.38)], fill=colour)
    pen.shape([(-0.08, 0.38), (-0.08, 0.86), (-0.38 + full, 0.38)], fill=WHITE)
    hull = [(-0.54, 0.30), (0.54, 0.30), (0.38, 0.0), (-0.36, 0.0)]
    pen.shape(hull, fill=colour)
    pen.mark([(-0.50, 0.24), (0.51, 0.24), (0.485, 0.19), (-0.47, 0.19)], fill=shade(colour, 0.7))


def car(pen: Pen, colour: RGB, rng: random.Random) -> None:
    roof = rng.uniform(-0.02, 0.02)
    cabin = [(-0.36, 0.36), (-0.24, 0.66 + roof), (0.16, 0.66 + roof), (0.32, 0.36)]
    body = [(-0.54, 0.12), (0.54, 0.12), (0.54, 0.30), (0.48, 0.37), (0.30, 0.41), (-0.50, 0.41), (-0.54, 0.36)]
    pen.shape(cabin, body, fill=colour)
    pen.mark([(-0.26, 0.42), (-0.19, 0.58 + roof), (-0.07, 0.58 + roof), (-0.07, 0.42)], fill=GLASS)
    pen.mark([(0.02, 0.42), (0.02, 0.58 + roof), (0.11, 0.58 + roof), (0.21, 0.42)], fill=GLASS)
    for x in (-0.30, 0.30):
        pen.shape(oval(x, 0.115, 0.11, 0.11), fill=DARK)
        pen.mark(oval(x, 0.115, 0.055, 0.055), fill=WHITE)
    pen.mark(box(0.47, 0.24, 0.535, 0.31), fill=GOLD)


def rocket(pen: Pen, colour: RGB, rng: random.Random) -> None:
    flame = rng.uniform(-0.02, 0.04)
    pen.shape([(-0.13, 0.18), (-0.09, 0.06), (0.0, -0.02 - flame), (0.09, 0.06), (0.13, 0.18)], fill=GOLD)
    dark = shade(colour, 0.78)
    for side in (-1, 1):
        pen.shape(
            [(side * 0.14, 0.46), (side * 0.36, 0.26), (side * 0.36, 0.06), (side * 0.14, 0.20)], fill=dark
        )
    body = bezier((-0.15, 0.16), (-0.28, 0.46), (-0.24, 0.80), (0.0, 1.02))
    pen.shape(body + [(-x, y) for x, y in reversed(body)], fill=colour)
    pen.shape(oval(0.0, 0.60, 0.10, 0.10), fill=GLASS)
    pen.mark(box(-0.165, 0.26, 0.165, 0.31), fill=dark)


def balloon(pen: Pen, colour: RGB, rng: random.Random) -> None:
    gore = rng.uniform(0.14, 0.19)
    for side in (-1, 1):
        pen.ink([(side * 0.20, 0.34), (side * 0.09, 0.12)])
    pen.shape(box(-0.12, 0.0, 0.12, 0.16), fill=BROWN)
    side_line = bezier((0.09, 0.24), (0.24, 0.36), (0.40, 0.42), (0.42, 0.64)) + bezier(
        (0.42, 0.64), (0.42, 0.88), (0.22, 1.0), (0.0, 1.0)
    )
    pen.shape(side_line + [(-x, y) for x, y in reversed(side_line)], fill=colour)
    stripe = bezier((0.03, 0.25), (gore, 0.46), (gore + 0.06, 0.80), (0.0, 0.985))
    pen.mark(stripe + [(-x, y) for x, y in reversed(stripe)], fill=shade(colour))


def train(pen: Pen, colour: RGB, rng: random.Random) -> None:
    puff = rng.uniform(-0.02, 0.03)
    dark = shade(colour, 0.72)
    pen.shape(*(oval(x, y, r, r) for x, y, r in ((0.26, 0.90, 0.075), (0.13 - puff, 0.97, 0.095))), fill=WHITE)
    pen.shape([(0.20, 0.54), (0.22, 0.70), (0.16, 0.78), (0.40, 0.78), (0.34, 0.70), (0.36, 0.54)], fill=dark)
    pen.shape([(0.40, 0.16), (0.56, 0.04), (0.40, 0.04)], fill=GREY)
    pen.shape(box(-0.14, 0.20, 0.44, 0.58), fill=colour)
    pen.shape(box(-0.50, 0.16, -0.12, 0.80), fill=colour)
    pen.shape(box(-0.55, 0.78, -0.07, 0.87), fill=dark)
    pen.mark(box(-0.40, 0.52, -0.22, 0.70), fill=GLASS)
    pen.mark(box(0.08, 0.20, 0.13, 0.58), fill=dark)
    pen.mark(box(-0.48, 0.22, 0.43, 0.29), fill=dark)
    for x, radius in ((-0.32, 0.13), (0.02, 0.10), (0.29, 0.10)):
        pen.shape(oval(x, radius, radius, radius), fill=DARK)
        pen.mark(oval(x, radius, radius * 0.45, radius * 0.45), fill=GOLD)
