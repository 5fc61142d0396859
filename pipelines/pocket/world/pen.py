"""Outlines and fills in a thing's own box: geometry helpers, and the pen that draws them with their mask.

A thing's box: x to the right, 0 at its centre; y UP, 0 at its base; one unit is the side of the box.
Knows nothing of kinds.
"""

import math

from PIL import ImageDraw

from .scene import RGB

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
        red, green, blue = (round(c * (1 - (1 - factor) * (0.5 if c == strongest else 1.0))) for c in colour)
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


class Pen:
    """Draws one thing on a picture and, with its label, on the mask of the picture."""

    def __init__(
        self,
        picture: ImageDraw.ImageDraw,
        mask: ImageDraw.ImageDraw,
        *,
        label: int,
        base: Point,
        side: float,
        stretch: float = 1.0,
        tilt: float = 0.0,
        outline: RGB = DARK,
        outline_px: float = 5.0,
        mask_scale: float = 0.5,
    ) -> None:
        """`base` (pixels of the picture) is where the box's (0, 0) lies; `tilt` in degrees about the middle."""
        self._picture, self._mask = picture, mask
        self._label, self._outline = label, outline
        self._outline_px, self._mask_scale = outline_px, mask_scale
        cos, sin = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
        wide, high = side * stretch, side / stretch
        self._ax, self._bx = wide * cos, -high * sin
        self._ay, self._by = -wide * sin, -high * cos
        self._ox = base[0] + 0.5 * high * sin
        self._oy = base[1] - 0.5 * high + 0.5 * high * cos

    def shape(self, *paths: Path, fill: RGB) -> None:
        """Fill the union of closed paths and draw one outline around it."""
        placed = [self._place(path) for path in paths]
        for points in placed:
            wider = grown(points, self._outline_px)
            self._picture.polygon(wider, fill=self._outline)
            self._mask.polygon(
                [(x * self._mask_scale, y * self._mask_scale) for x, y in wider], fill=self._label
            )
        for points in placed:
            self._picture.polygon(points, fill=fill)

    def mark(self, *paths: Path, fill: RGB) -> None:
        """Fill closed paths that lie inside a shape, without an outline."""
        for path in paths:
            self._picture.polygon(self._place(path), fill=fill)

    def ink(self, path: Path, *, width: float = 0.025) -> None:
        """A line in the outline's colour, inside a shape or standing alone."""
        self.shape_line(path, fill=self._outline, width=width)

    def shape_line(self, path: Path, *, fill: RGB, width: float) -> None:
        """An open line; `width` in units of the box."""
        points = self._place(path)
        pixels = width * abs(complex(self._ax, self._ay))
        self._picture.line(points, fill=fill, width=max(1, round(pixels)))
        small = [(x * self._mask_scale, y * self._mask_scale) for x, y in points]
        self._mask.line(small, fill=self._label, width=max(1, round(pixels * self._mask_scale)))

    def _place(self, path: Path) -> Path:
        ax, bx, ay, by, ox, oy = self._ax, self._bx, self._ay, self._by, self._ox, self._oy
        return [(ax * x + bx * y + ox, ay * x + by * y + oy) for x, y in path]


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
