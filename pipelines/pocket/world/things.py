"""How each kind of thing looks: one function a kind, and the table `LOOKS` that names them.

Each draws in the unit box of `pen`, mainly in the thing's colour, with a few fixed accents; `rng` gives
the small natural variation. To add a kind: its name in `scene.KINDS`, its function here, its words in `words`.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from .pen import DARK, Pen, bezier, box, oval, ribbon, shade
from .scene import RGB

WHITE: RGB = (252, 252, 250)
PALE: RGB = (246, 232, 206)
GLASS: RGB = (196, 230, 248)
BROWN: RGB = (124, 78, 44)
GOLD: RGB = (255, 198, 44)
LEAF: RGB = (84, 160, 62)
PINK: RGB = (240, 140, 150)
GREY: RGB = (120, 122, 132)

Draw = Callable[[Pen, RGB, random.Random], None]


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a kind is drawn, whether it hangs in the air, and by how many degrees it may lean."""

    draw: Draw
    floats: bool = False
    lean: float = 0.0


def _eye(pen: Pen, x: float, y: float, radius: float) -> None:
    pen.mark(oval(x, y, radius, radius), fill=WHITE)
    pen.mark(oval(x, y, radius * 0.55, radius * 0.6), fill=DARK)


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
    _eye(pen, -0.31, 0.56, 0.075)


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
    _eye(pen, 0.26, 0.60, 0.06)


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
    pen.mark(*(oval(x + slip, y, r, r * 0.93) for x, y, r in dots), fill=WHITE if sum(colour) < 700 else PINK)


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
    pen.shape([(-0.26, 0.41), (-0.19, 0.58 + roof), (-0.05, 0.58 + roof), (-0.05, 0.41)], fill=GLASS)
    pen.shape([(0.03, 0.41), (0.03, 0.58 + roof), (0.12, 0.58 + roof), (0.22, 0.41)], fill=GLASS)
    for x in (-0.30, 0.30):
        pen.shape(oval(x, 0.125, 0.125, 0.125), fill=DARK)
        pen.mark(oval(x, 0.125, 0.06, 0.06), fill=WHITE)
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


def cup(pen: Pen, colour: RGB, rng: random.Random) -> None:
    grip = rng.uniform(-0.03, 0.03)
    handle = bezier((0.24, 0.58), (0.62 + grip, 0.66), (0.60 + grip, 0.14), (0.22, 0.18), steps=14)
    pen.shape(ribbon(handle, 0.095), fill=colour)
    body = [(-0.44, 0.74), *bezier((-0.38, 0.12), (-0.36, -0.01), (0.18, -0.01), (0.20, 0.12)), (0.26, 0.74)]
    pen.shape(body, fill=colour)
    pen.shape(oval(-0.09, 0.74, 0.35, 0.085), fill=WHITE)
    pen.mark(oval(-0.09, 0.725, 0.28, 0.05), fill=BROWN)


def umbrella(pen: Pen, colour: RGB, rng: random.Random) -> None:
    hook = rng.uniform(0.0, 0.03)
    pole = [(0.0, 0.94), (0.0, 0.12), *oval(0.09, 0.10, 0.09, 0.09 + hook, start=180, stop=350)]
    pen.shape(ribbon(pole, 0.05), fill=BROWN)
    pen.shape([(-0.025, 0.92), (0.025, 0.92), (0.0, 1.02)], fill=BROWN)
    dome = oval(0.0, 0.46, 0.52, 0.48, start=0, stop=180)
    scallops = [
        p for x in (-0.39, -0.13, 0.13, 0.39) for p in oval(x, 0.46, 0.13, 0.085, start=0, stop=180)[::-1]
    ]
    pen.shape(dome + scallops, fill=colour)
    rib = bezier((0.13, 0.48), (0.13, 0.72), (0.08, 0.88), (0.0, 0.94))
    hem = oval(0.0, 0.48, 0.13, 0.085, start=0, stop=180)[::-1]
    pen.mark(rib + [(-x, y) for x, y in reversed(rib)] + hem, fill=shade(colour))


LOOKS: dict[str, Look] = {
    "cat": Look(draw=cat),
    "fish": Look(draw=fish, floats=True, lean=5),
    "bird": Look(draw=bird, floats=True, lean=5),
    "tree": Look(draw=tree, lean=2),
    "flower": Look(draw=flower, lean=4),
    "mushroom": Look(draw=mushroom, lean=3),
    "house": Look(draw=house),
    "castle": Look(draw=castle),
    "boat": Look(draw=boat, lean=2),
    "car": Look(draw=car),
    "rocket": Look(draw=rocket, floats=True, lean=6),
    "balloon": Look(draw=balloon, floats=True, lean=3),
    "cup": Look(draw=cup),
    "umbrella": Look(draw=umbrella, lean=5),
}
