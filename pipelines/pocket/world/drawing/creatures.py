"""How animals look. Each draws in the unit box of `pen`; `rng` gives the small natural variation."""

import random

from ..scene import RGB
from .accents import GOLD, PALE, PINK, eye
from .pen import DARK, Pen, bezier, oval, ribbon, shade


def cat(pen: Pen, colour: RGB, rng: random.Random) -> None:
    curl = rng.uniform(-0.05, 0.05)
    tail = ribbon(bezier((0.14, 0.07), (0.52, 0.0), (0.52 + curl, 0.30), (0.40 + curl, 0.50)), 0.11)
    pen.shape(tail, fill=colour)
    body = bezier((-0.28, 0.0), (-0.36, 0.30), (-0.20, 0.50), (0.0, 0.52)) + bezier(
        (0.0, 0.52), (0.20, 0.50), (0.36, 0.30), (0.28, 0.0)
    )
    pen.shape(body, fill=colour)
    pen.mark(oval(0.0, 0.19, 0.13, 0.17), fill=PALE)
    head = oval(0.0, 0.62, 0.29, 0.23)
    ears = [[(s * 0.27, 0.64), (s * 0.29, 0.99), (s * 0.05, 0.80)] for s in (-1, 1)]
    pen.shape(head, *ears, fill=colour)
    pen.mark(*([(s * 0.235, 0.76), (s * 0.25, 0.91), (s * 0.13, 0.82)] for s in (-1, 1)), fill=PINK)
    for side in (-1, 1):
        pen.mark(oval(side * 0.12, 0.65, 0.065, 0.07), fill=GOLD)
        pen.mark(oval(side * 0.12, 0.65, 0.026, 0.06), fill=DARK)
    pen.mark([(-0.04, 0.56), (0.04, 0.56), (0.0, 0.51)], fill=PINK)


def fish(pen: Pen, colour: RGB, rng: random.Random) -> None:
    fork = rng.uniform(0.24, 0.30)
    dark = shade(colour)
    pen.shape([(0.20, 0.50), (0.52, 0.50 + fork), (0.44, 0.50), (0.52, 0.50 - fork)], fill=dark)
    pen.shape([(-0.22, 0.68), (0.02, 0.92), (0.20, 0.66)], fill=dark)
    pen.shape([(-0.06, 0.34), (0.10, 0.14), (0.16, 0.36)], fill=dark)
    body = bezier((-0.52, 0.48), (-0.34, 0.86), (0.06, 0.88), (0.32, 0.50)) + bezier(
        (0.32, 0.50), (0.06, 0.12), (-0.34, 0.14), (-0.52, 0.48)
    )
    pen.shape(body, fill=colour)
    pen.ink(bezier((-0.17, 0.70), (-0.08, 0.60), (-0.08, 0.42), (-0.17, 0.32)), width=0.03)
    eye(pen, -0.31, 0.56, 0.075)


def bird(pen: Pen, colour: RGB, rng: random.Random) -> None:
    lift = rng.uniform(-0.05, 0.03)
    pen.shape([(0.32, 0.62), (0.54, 0.53), (0.32, 0.48)], fill=GOLD)
    tail = [(-0.16, 0.36), (-0.52, 0.46), (-0.46, 0.30), (-0.52, 0.16), (-0.10, 0.24)]
    body = bezier((-0.28, 0.36), (-0.10, 0.50), (0.04, 0.54), (0.12, 0.66)) + bezier(
        (0.40, 0.40), (0.30, 0.06), (-0.12, 0.04), (-0.28, 0.30)
    )
    pen.shape(tail, body, oval(0.23, 0.56, 0.175, 0.175), fill=colour)
    wing = bezier((0.12, 0.40), (0.10, 0.70), (-0.10, 0.92), (-0.36, 0.98 + lift)) + bezier(
        (-0.36, 0.98 + lift), (-0.34, 0.66), (-0.26, 0.38), (-0.12, 0.30)
    )
    pen.shape(wing, fill=shade(colour, 0.86))
    eye(pen, 0.26, 0.60, 0.06)


def butterfly(pen: Pen, colour: RGB, rng: random.Random) -> None:
    spread = rng.uniform(-0.03, 0.02)
    dark = shade(colour, 0.78)
    for s in (-1, 1):
        pen.ink(bezier((s * 0.02, 0.74), (s * 0.06, 0.88), (s * 0.12, 0.95), (s * 0.19, 0.96)), width=0.03)
        lower = bezier((s * 0.03, 0.44), (s * 0.32, 0.52), (s * 0.52, 0.26), (s * 0.34, 0.08))
        lower += bezier((s * 0.34, 0.08), (s * 0.18, -0.02), (s * 0.06, 0.16), (s * 0.03, 0.44))
        pen.shape(lower, fill=dark)
        tip = 0.94 + spread
        upper = bezier((s * 0.03, 0.44), (s * 0.12, 0.74), (s * 0.32, tip), (s * 0.50, tip - 0.02))
        upper += bezier((s * 0.50, tip - 0.02), (s * 0.58, 0.66), (s * 0.44, 0.36), (s * 0.03, 0.44))
        pen.shape(upper, fill=colour)
        pen.mark(oval(s * 0.37, 0.69, 0.07, 0.08), fill=dark)
    pen.shape(oval(0.0, 0.45, 0.055, 0.30), fill=DARK)


def turtle(pen: Pen, colour: RGB, rng: random.Random) -> None:
    nod = rng.uniform(-0.03, 0.03)
    skin = shade(colour, 0.84)
    pen.shape([(-0.30, 0.16), (-0.54, 0.10), (-0.34, 0.26)], fill=skin)
    for x in (-0.24, 0.20):
        pen.shape(oval(x, 0.10, 0.115, 0.10), fill=skin)
    neck = ribbon(bezier((0.20, 0.22), (0.34, 0.20), (0.38, 0.28), (0.41, 0.38 + nod)), 0.15)
    pen.shape(neck, oval(0.42, 0.41 + nod, 0.135, 0.115), fill=skin)
    eye(pen, 0.455, 0.445 + nod, 0.045)
    dome = bezier((-0.46, 0.17), (-0.46, 0.84), (0.32, 0.84), (0.32, 0.17), steps=20)
    pen.shape(dome, fill=colour)
    for x, y, r in ((-0.25, 0.38, 0.085), (-0.07, 0.52, 0.105), (0.12, 0.38, 0.085)):
        pen.mark(oval(x, y, r, r * 0.95, stop=300), fill=skin)
    pen.mark([(-0.46, 0.17), (0.32, 0.17), (0.325, 0.235), (-0.465, 0.235)], fill=skin)


def snail(pen: Pen, colour: RGB, rng: random.Random) -> None:
    stalk = rng.uniform(-0.03, 0.04)
    for x, tip in ((0.36, 0.34), (0.44, 0.50)):
        tip += stalk
        pen.shape(ribbon([(x, 0.32), (tip, 0.66)], 0.045), oval(tip, 0.68, 0.05, 0.05), fill=PALE)
    body = bezier((-0.54, 0.0), (-0.30, 0.20), (0.10, 0.06), (0.22, 0.20))
    body += bezier((0.22, 0.20), (0.26, 0.44), (0.52, 0.46), (0.53, 0.24))
    body += bezier((0.53, 0.24), (0.54, 0.08), (0.44, 0.0), (0.30, 0.0))
    pen.shape(body, fill=PALE)
    pen.shape(oval(-0.10, 0.48, 0.38, 0.38), fill=colour)
    turns = [complex(-0.10, 0.46) + 0.29 * (1 - k / 26) * (1j ** (k / 5.2)) for k in range(24)]
    pen.line([(z.real, z.imag) for z in turns], fill=shade(colour, 0.55), width=0.055)
    pen.mark(oval(0.455, 0.27, 0.03, 0.035), fill=DARK)
