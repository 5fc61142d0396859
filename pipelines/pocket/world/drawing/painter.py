"""Paints a thing's strokes on a picture, in a manner, and with its label on the picture's mask."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PIL import Image, ImageDraw

from ..scene import RGB
from .layout import Placement
from .pen import DARK, Path, Stroke

LIGHT_LINE: RGB = (196, 198, 206)  # the lines of black things, so that they read at night
_STRAIGHT = math.cos(math.radians(35))  # blunter corners are moved as they are
_SHADOW = (0.011, 0.017)  # how far a raised shape's shadow falls, of the frame
_SHADOW_STEPS = ((1.3, 26), (0.9, 36), (0.5, 46))  # (share of the way that it falls; alpha)
SHADOW_INK: RGB = (22, 18, 40)


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What ends a shape: a border `width` of the frame wide, of a colour made of (fill, the thing's line).

    `raised` shapes cast a soft shadow on what lies below them.
    """

    width: float
    colour: Callable[[RGB, RGB], RGB]
    raised: bool = False


def line_of(colour: RGB) -> RGB:
    """The colour of lines in and around a thing of `colour`: dark, but light on black."""
    return LIGHT_LINE if max(colour) < 60 else DARK


class Painter:
    """Paints on a square picture and its mask, both of one size."""

    def __init__(self, picture: Image.Image, mask: Image.Image, edge: Edge) -> None:
        self._picture, self._mask = ImageDraw.Draw(picture), ImageDraw.Draw(mask)
        self._glaze = ImageDraw.Draw(picture, "RGBA")  # blends
        self._edge, self._side = edge, picture.width

    def paint(self, strokes: Iterable[Stroke], placement: Placement, *, label: int, line: RGB) -> None:
        """Paint one thing; `line` is the colour of strokes that have no fill of their own."""
        for stroke in strokes:
            fill = line if stroke.fill is None else stroke.fill
            paths = [placement.place(path, self._side) for path in stroke.paths]
            if stroke.width:
                width = max(1, round(stroke.width * placement.unit * self._side))
                self._line(paths[0], fill=fill, width=width, label=label)
            else:
                if stroke.edged:
                    self._border(paths, colour=self._edge.colour(fill, line), label=label)
                for path in paths:
                    self._picture.polygon(path, fill=fill)

    def _line(self, path: Path, *, fill: RGB, width: int, label: int) -> None:
        self._picture.line(path, fill=fill, width=width, joint="curve")
        self._mask.line(path, fill=label, width=width)

    def _border(self, paths: list[Path], *, colour: RGB, label: int) -> None:
        wider = [grown(path, self._edge.width * self._side) for path in paths]
        if self._edge.raised:
            cast_shadow(self._glaze, wider, self._side)
        for path in wider:
            self._picture.polygon(path, fill=colour)
            self._mask.polygon(path, fill=label)


def cast_shadow(glaze: ImageDraw.ImageDraw, paths: list[Path], side_px: int, *, down: bool = True) -> None:
    """Darken softly what lies below closed paths (pixels): to their lower right or, if not `down`, above."""
    for reach, alpha in _SHADOW_STEPS:
        dx = _SHADOW[0] * side_px * reach
        dy = _SHADOW[1] * side_px * reach * (1 if down else -1)
        for path in paths:
            glaze.polygon([(x + dx, y + dy) for x, y in path], fill=(*SHADOW_INK, alpha))


def grown(path: Path, by: float) -> Path:
    """A closed path moved outward by `by`; sharp corners that point outward come out rounded."""
    points = [p for i, p in enumerate(path) if math.dist(p, path[i - 1]) > 1e-6]
    around = list(zip(points, [*points[1:], points[0]], strict=True))
    area = sum(x * v - u * y for (x, y), (u, v) in around)
    turn = math.copysign(by, area)
    normals = []
    for (x, y), (u, v) in around:
        length = math.hypot(u - x, v - y)
        normals.append(((v - y) / length * turn, (x - u) / length * turn))
    moved: Path = []
    for i, (x, y) in enumerate(points):
        (ax, ay), (bx, by_) = normals[i - 1], normals[i]
        cosine = (ax * bx + ay * by_) / (by * by)
        mx, my = ax + bx, ay + by_
        outward = (ax * by_ - ay * bx) * area > 0
        if outward and cosine < _STRAIGHT:
            reach = by / max(math.hypot(mx, my), 1e-6)
            moved += [(x + ax, y + ay), (x + mx * reach, y + my * reach), (x + bx, y + by_)]
        else:
            reach = 1 / max(1 + cosine, 0.4)
            moved.append((x + mx * reach, y + my * reach))
    return moved
