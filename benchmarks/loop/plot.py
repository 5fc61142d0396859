"""Draws alignment over time: a line for each way of spending it, a dot and an interval for each setting."""

import math
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw

from ...pipelines.files import png_bytes
from ...pipelines.sheets.drawn_text import font, write
from ...pipelines.sheets.palette import CURVES, INK, LINE, PAPER
from .alignment import Point

WIDTH, HEIGHT = 960, 540
LEFT, RIGHT, TOP, BOTTOM = 64, 240, 48, 56  # margins; the legend stands on the right
MARKS, TITLE = 13, 16  # pixels of the letters

Box = tuple[float, float, float, float]
"""Least and greatest seconds, as powers of two; least and greatest share."""


def draw_alignment(lines: Mapping[str, Sequence[Point]], title: str) -> bytes:
    """A PNG file: alignment in percent over seconds a prompt, which are on a logarithmic scale."""
    page = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(page)
    write(draw, title, (LEFT, 14), WIDTH - LEFT, size=TITLE)
    points = [each for line in lines.values() for each in line]
    box = _box(points)
    _axes(draw, box)
    inks = [CURVES[i % len(CURVES)] for i in range(len(lines))]
    for row, (ink, (name, line)) in enumerate(zip(inks, lines.items(), strict=True)):
        along = sorted(line, key=lambda each: each.seconds)
        dots = [_place(box, each.seconds, each.overall) for each in along]
        if len(dots) > 1:
            draw.line(dots, fill=ink, width=2)
        for (x, y), each in zip(dots, along, strict=True):
            low, high = _interval(each)
            draw.line((x, _place(box, each.seconds, low)[1], x, _place(box, each.seconds, high)[1]), fill=ink)
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=ink)
        write(draw, name, (WIDTH - RIGHT + 16, TOP + 20 * row), RIGHT - 16, size=MARKS, fill=ink)
    return png_bytes(page)


def _interval(point: Point) -> tuple[float, float]:
    half = point.measure.half_width
    half = half if math.isfinite(half) else 0.0
    return max(0.0, point.overall - half), min(1.0, point.overall + half)


def _box(points: Sequence[Point]) -> Box:
    ends = [math.log2(each.seconds) for each in points]
    lows, highs = zip(*map(_interval, points), strict=True)
    least = max(0.0, math.floor(min(lows) * 20) / 20)
    return min(ends) - 0.25, max(ends) + 0.25, least, max(least + 0.05, math.ceil(max(highs) * 20) / 20)


def _axes(draw: ImageDraw.ImageDraw, box: Box) -> None:
    left, right, low, high = box
    for percent in range(round(low * 100), round(high * 100) + 1, 5):
        y = _place(box, 2**left, percent / 100)[1]
        draw.line(((LEFT, y), (WIDTH - RIGHT, y)), fill=LINE)
        draw.text((16, y - 8), f"{percent} %", fill=INK, font=font(MARKS))
    for power in range(math.ceil(left * 2), math.floor(right * 2) + 1):
        x = _place(box, 2 ** (power / 2), low)[0]
        draw.line(((x, TOP), (x, HEIGHT - BOTTOM)), fill=LINE)
        draw.text((x - 12, HEIGHT - BOTTOM + 8), f"{2 ** (power / 2):.2g}", fill=INK, font=font(MARKS))
    draw.text((LEFT, HEIGHT - 26), "seconds a prompt", fill=INK, font=font(MARKS))


def _place(box: Box, seconds: float, share: float) -> tuple[float, float]:
    left, right, low, high = box
    x, y = (math.log2(seconds) - left) / (right - left), (share - low) / (high - low)
    return LEFT + x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM)
