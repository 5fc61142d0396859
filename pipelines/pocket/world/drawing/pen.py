"""Shapes in a thing's own box: geometry helpers, and the pen that notes them down as strokes.

A thing's box: x to the right, 0 at its centre; y UP, 0 at its base; one unit is the side of the box.
Knows nothing of kinds, nor of pixels and styles (see `painter`).
"""

import math
from dataclasses import dataclass

from ..scene import RGB

Point = tuple[float, float]
Path = list[Point]

DARK: RGB = (34, 30, 38)
_STRAIGHT = math.cos(math.radians(35))  # blunter corners are moved as they are


def shade(colour: RGB, factor: float = 0.80) -> RGB:
    """A darker neighbour of `colour` that keeps its hue; near black, a lighter one."""
    strongest, weakest = max(colour), min(colour)
    if strongest < 60:
        red, green, blue = (c + round(140 * (1 - factor)) for c in colour)
    elif strongest - weakest < 20:
        red, green, blue = (round(c * factor) for c in colour)
    else:
        red, green, blue = (round(c * (1 - (1 - factor) * (1 - 0.5 * c / strongest))) for c in colour)
    return red, green, blue


def oval(x: float, y: float, rx: float, ry: float, *, start: float = 0, stop: float = 360) -> Path:
    """Points of an ellipse, or of an arc of it; degrees, anticlockwise from the right."""
    steps = max(6, round((stop - start) / 12))
    turns = (math.radians(start + (stop - start) * i / steps) for i in range(steps + 1))
    return [(x + rx * math.cos(t), y + ry * math.sin(t)) for t in turns]


def box(left: float, bottom: float, right: float, top: float) -> Path:
    return [(left, bottom), (right, bottom), (right, top), (left, top)]


def bezier(a: Point, b: Point, c: Point, d: Point, *, steps: int = 10) -> Path:
    """Points of a cubic curve from `a` to `d`, both included."""
    path = []
    for i in range(steps + 1):
        t = i / steps
        p, q, r, s = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
        path.append((p * a[0] + q * b[0] + r * c[0] + s * d[0], p * a[1] + q * b[1] + r * c[1] + s * d[1]))
    return path


def ribbon(path: Path, width: float) -> Path:
    """The outline of a band of `width` along an open path, with a rounded far end."""
    left, right = [], []
    for i, (x, y) in enumerate(path):
        ahead, behind = path[min(i + 1, len(path) - 1)], path[max(i - 1, 0)]
        dx, dy = ahead[0] - behind[0], ahead[1] - behind[1]
        length = math.hypot(dx, dy)
        nx, ny = -dy / length * width / 2, dx / length * width / 2
        left.append((x + nx, y + ny))
        right.append((x - nx, y - ny))
    angle = math.degrees(math.atan2(path[-1][1] - path[-2][1], path[-1][0] - path[-2][0]))
    cap = oval(*path[-1], width / 2, width / 2, start=angle - 90, stop=angle + 90)
    return left + cap[::-1] + right[::-1]


@dataclass(frozen=True, slots=True)
class Stroke:
    """One act of drawing: filled `paths`, with an edge if they are a shape; or a line, where `width` is given.

    A `fill` of `None` is the colour of the thing's lines, which depends on the style.
    """

    paths: tuple[Path, ...]
    fill: RGB | None
    edged: bool = False
    width: float = 0.0


class Pen:
    """Notes down the strokes of one thing, in its own box and in the order of drawing."""

    def __init__(self) -> None:
        self.strokes: list[Stroke] = []

    def shape(self, *paths: Path, fill: RGB) -> None:
        """The union of closed paths, with one edge around it."""
        self.strokes.append(Stroke(paths, fill, edged=True))

    def mark(self, *paths: Path, fill: RGB) -> None:
        """Closed paths that lie inside a shape, without an edge."""
        self.strokes.append(Stroke(paths, fill))

    def line(self, path: Path, *, fill: RGB, width: float) -> None:
        """An open line inside a shape; `width` in units of the box."""
        self.strokes.append(Stroke((path,), fill, width=width))

    def ink(self, path: Path, *, width: float = 0.025) -> None:
        """A line in the colour of the thing's lines, inside a shape or standing alone."""
        self.strokes.append(Stroke((path,), None, width=width))
