"""How plants and fruit look. Each draws in the unit box of `pen`; `rng` gives the small natural variation."""

import random

from ..scene import RGB
from .accents import BROWN, GOLD, LEAF, PALE, PINK, beside
from .pen import Pen, bezier, box, oval, ribbon, shade


def tree(pen: Pen, colour: RGB, rng: random.Random) -> None:
    puff = rng.uniform(0.0, 0.03)
    pen.shape([(-0.13, 0.0), (0.13, 0.0), (0.08, 0.45), (-0.08, 0.45)], fill=BROWN)
    crown = [
        oval(-0.25, 0.53, 0.21 + puff, 0.20),
        oval(0.25, 0.53, 0.21, 0.20 + puff),
        oval(0.0, 0.50, 0.22, 0.17),
        oval(-0.15, 0.76, 0.20, 0.19 + puff / 2),
        oval(0.15, 0.77, 0.21 + puff, 0.19),
        oval(0.0, 0.66, 0.25, 0.32),
    ]
    pen.shape(*crown, fill=colour)
    pen.mark(oval(-0.19, 0.60, 0.05, 0.04), oval(0.16, 0.76, 0.06, 0.04), fill=shade(colour))
    pen.mark(oval(0.18, 0.50, 0.05, 0.04), oval(-0.08, 0.84, 0.05, 0.03), fill=shade(colour))


def flower(pen: Pen, colour: RGB, rng: random.Random) -> None:
    turn = rng.uniform(-0.25, 0.25)
    pen.shape(box(-0.03, 0.0, 0.03, 0.45), fill=LEAF)
    for side in (-1, 1):
        leaf = bezier((0.0, 0.03), (side * 0.12, 0.24), (side * 0.26, 0.24), (side * 0.32, 0.20))
        leaf += bezier((side * 0.32, 0.20), (side * 0.26, 0.04), (side * 0.12, 0.0), (0.0, 0.03))
        pen.shape(leaf, fill=LEAF)
    rays = [complex(0, 1) * complex(0.5, 3**0.5 / 2) ** k for k in range(6)]
    lean = complex(1, turn) / abs(complex(1, turn))
    petals = [oval((r * lean).real * 0.215, 0.64 + (r * lean).imag * 0.215, 0.135, 0.135) for r in rays]
    for petal in petals:
        pen.shape(petal, fill=colour)
    pen.shape(oval(0.0, 0.64, 0.115, 0.115), fill=GOLD)


def mushroom(pen: Pen, colour: RGB, rng: random.Random) -> None:
    stem = bezier((-0.19, 0.0), (-0.15, 0.14), (-0.13, 0.26), (-0.13, 0.44))
    pen.shape(stem + [(-x, y) for x, y in reversed(stem)], fill=PALE)
    cap = bezier((-0.50, 0.38), (-0.50, 1.10), (0.50, 1.10), (0.50, 0.38), steps=20)
    cap += bezier((0.50, 0.38), (0.30, 0.28), (-0.30, 0.28), (-0.50, 0.38))
    pen.shape(cap, fill=colour)
    slip = rng.uniform(-0.03, 0.03)
    dots = ((-0.25, 0.56, 0.085), (0.03, 0.74, 0.095), (0.29, 0.54, 0.075), (0.04, 0.47, 0.055))
    pen.mark(*(oval(x + slip, y, r, r * 0.93) for x, y, r in dots), fill=beside(colour, PINK))


def cactus(pen: Pen, colour: RGB, rng: random.Random) -> None:
    high, low = 0.62 + rng.uniform(-0.05, 0.04), 0.54 + rng.uniform(-0.05, 0.04)
    column = ribbon([(0.0, 0.0), (0.0, 0.40), (0.0, 0.82)], 0.30)
    elbow, other = oval(-0.22, 0.47, 0.13, 0.13, start=180, stop=270), oval(0.22, 0.35, 0.13, 0.13, start=270)
    left = ribbon([(-0.08, 0.34), *elbow[::-1], (-0.35, high)], 0.17)
    right = ribbon([(0.08, 0.22), *other, (0.35, low)], 0.17)
    pen.shape(column, left, right, fill=colour)
    dark = shade(colour, 0.62)
    for x in (-0.07, 0.07):
        pen.line([(x, 0.05), (x, 0.86)], fill=dark, width=0.03)
    for x, y in ((-0.35, high), (0.35, low)):
        pen.line([(x, y - 0.10), (x, y + 0.02)], fill=dark, width=0.03)
    pen.shape(*(oval(x, y, 0.055, 0.055) for x, y in ((-0.06, 0.98), (0.06, 0.98), (0.0, 1.03))), fill=PINK)


def apple(pen: Pen, colour: RGB, rng: random.Random) -> None:
    bend = rng.uniform(-0.04, 0.05)
    side = bezier((0.0, 0.72), (0.14, 0.90), (0.50, 0.86), (0.46, 0.48))
    side += bezier((0.46, 0.48), (0.42, 0.14), (0.22, -0.06), (0.0, 0.05))
    pen.shape(ribbon(bezier((0.0, 0.66), (0.0, 0.80), (bend, 0.90), (bend + 0.03, 0.98)), 0.07), fill=BROWN)
    pen.shape(side + [(-x, y) for x, y in reversed(side)], fill=colour)
    leaf = bezier((0.02, 0.82), (0.08, 1.02), (0.24, 1.06), (0.40, 0.98))
    leaf += bezier((0.40, 0.98), (0.32, 0.82), (0.14, 0.76), (0.02, 0.82))
    pen.shape(leaf, fill=LEAF)
    pen.mark(oval(-0.25, 0.58, 0.06, 0.11), fill=beside(colour, shade(colour)))
