"""How household things look. Each draws in the unit box of `pen`; `rng` gives the small natural variation."""

import random

from ..scene import RGB
from .accents import BROWN, GREY, WHITE
from .pen import DARK, Pen, bezier, box, oval, ribbon, shade


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


def chair(pen: Pen, colour: RGB, rng: random.Random) -> None:
    tall = rng.uniform(-0.04, 0.02)
    dark = shade(colour, 0.70)
    for x in (-0.27, 0.16):
        pen.shape(box(x, 0.12, x + 0.09, 0.44), fill=dark)
    back = [box(-0.32, 0.40, -0.20, 1.0 + tall), box(0.14, 0.40, 0.26, 1.0 + tall)]
    bars = [box(-0.32, 0.84 + tall, 0.26, 1.0 + tall), box(-0.32, 0.60, 0.26, 0.74)]
    pen.shape(*back, *bars, fill=colour)
    for x in (-0.40, 0.28):
        pen.shape(box(x, 0.0, x + 0.12, 0.36), fill=colour)
    pen.shape([(-0.42, 0.32), (0.42, 0.32), (0.30, 0.50), (-0.34, 0.50)], fill=colour)
    pen.shape(box(-0.43, 0.27, 0.43, 0.36), fill=dark)


def lamp(pen: Pen, colour: RGB, rng: random.Random) -> None:
    flare = rng.uniform(-0.03, 0.03)
    pen.shape(box(-0.045, 0.06, 0.045, 0.52), fill=GREY)
    pen.shape(oval(0.0, 0.065, 0.23, 0.075), fill=shade(colour, 0.85))
    shade_top, hem = 0.19 + flare / 2, 0.44 + flare
    pen.shape([(-hem, 0.48), (hem, 0.48), (shade_top, 1.0), (-shade_top, 1.0)], fill=colour)
    pen.mark(
        [(-hem, 0.48), (hem, 0.48), (hem - 0.04, 0.56), (-hem + 0.04, 0.56)],
        fill=shade(colour, 0.75),
    )


def clock(pen: Pen, colour: RGB, rng: random.Random) -> None:
    hour, minute = rng.uniform(20, 70), rng.uniform(110, 160)
    for s in (-1, 1):
        pen.shape(ribbon([(s * 0.16, 0.16), (s * 0.30, 0.03)], 0.11), fill=shade(colour, 0.72))
        bell = oval(s * 0.25, 0.85, 0.155, 0.13, start=-40 * s, stop=180 - 40 * s)
        pen.shape(bell, fill=shade(colour, 0.85))
    pen.shape(oval(0.0, 0.46, 0.44, 0.42), fill=colour)
    pen.shape(oval(0.0, 0.46, 0.26, 0.25), fill=WHITE)
    for angle, reach in ((hour, 0.14), (minute, 0.19)):
        (x, y), *_ = oval(0.0, 0.46, reach, reach, start=angle, stop=angle + 1)
        pen.line([(0.0, 0.46), (x, y)], fill=DARK, width=0.055)
    pen.mark(oval(0.0, 0.46, 0.04, 0.04), fill=DARK)
