"""Draws a loss curve: `loss.csv` as a picture, on a logarithmic scale. Knows nothing of training."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from ..files import png_bytes
from .drawn_text import font, write
from .palette import CURVES, INK, LINE, PAPER

WIDTH, HEIGHT = 960, 540
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 40, 40  # margins
MARKS, TITLE = 13, 16  # pixels of the letters

Curve = list[tuple[float, float]]


def draw_curve(path: Path, title: str) -> bytes:
    """A PNG file of the columns of a CSV file over its first, `step`; empty axes where it has no rows."""
    curves = _curves(path)
    page = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(page)
    write(draw, title, (LEFT, 12), WIDTH - LEFT - RIGHT, size=TITLE)
    points = [point for curve in curves.values() for point in curve]
    if points:
        steps = max(x for x, _ in points)
        low = math.floor(math.log10(min(y for _, y in points)) * 4) / 4
        high = max(math.ceil(math.log10(max(y for _, y in points)) * 4) / 4, low + 0.25)
        _axes(draw, steps=steps, low=low, high=high)
        for ink, (place, (name, curve)) in zip(CURVES, enumerate(curves.items()), strict=False):
            dots = [_place(x / steps, (math.log10(y) - low) / (high - low)) for x, y in curve]
            draw.line(dots, fill=ink, width=2)
            legend = (WIDTH - RIGHT - 150, TOP + 8 + 18 * place)
            write(draw, f"{name} {curve[-1][1]:.4g}", legend, 150, size=MARKS, fill=ink)
    return png_bytes(page)


def _curves(path: Path) -> dict[str, Curve]:
    """The points of each column, those that a logarithm can show."""
    curves: dict[str, Curve] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for name, value in row.items():
                if name != "step" and 0 < (y := float(value)) < math.inf:
                    curves.setdefault(name, []).append((float(row["step"]), y))
    return curves


def _axes(
    draw: ImageDraw.ImageDraw,
    *,
    steps: float,
    low: float,
    high: float,
) -> None:
    for mark in _marks(low, high):
        y = _place(0, (math.log10(mark) - low) / (high - low))[1]
        draw.line(((LEFT, y), (WIDTH - RIGHT, y)), fill=LINE)
        draw.text((8, y - 8), f"{mark:g}", fill=INK, font=font(MARKS))
    for quarter in range(5):
        x = _place(quarter / 4, 0)[0]
        draw.line(((x, TOP), (x, HEIGHT - BOTTOM)), fill=LINE)
        draw.text((x - 14, HEIGHT - BOTTOM + 8), f"{steps * quarter / 4:.0f}", fill=INK, font=font(MARKS))


def _marks(low: float, high: float) -> Sequence[float]:
    """Round numbers between two powers of ten."""
    tens = range(math.floor(low), math.ceil(high) + 1)
    numbers = [n * 10.0**ten for ten in tens for n in (1, 2, 5)]
    return [n for n in numbers if low <= math.log10(n) <= high]


def _place(x: float, y: float) -> tuple[float, float]:
    """Where (x, y), each from 0 to 1, lies on the page."""
    return LEFT + x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM)
