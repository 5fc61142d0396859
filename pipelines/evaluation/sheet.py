"""The pictures that were judged, on one sheet: each above its prompt and what the inspector saw in it."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import PIL.Image
import PIL.ImageDraw

from ..files import png_bytes
from ..sheets.drawn_text import SMALL, font, line_height, write
from ..sheets.palette import BAD, FAINT, GOOD, INK, PAPER, Colour
from .inspector import Sighting

if TYPE_CHECKING:
    import torch

SIDE = 176  # pixels of a picture on the sheet
GAP = 12
LINE = line_height(SMALL)
LINES = 8  # of text below a picture
MARK = 22


class OnSheet(Protocol):
    """A prompt, its picture (uint8 (h, w, 3); `None` where it failed), and what the inspector sees in it."""

    @property
    def prompt(self) -> str: ...
    @property
    def pixels(self) -> "torch.Tensor | None": ...
    @property
    def seen(self) -> Sighting | None: ...
    @property
    def right(self) -> bool: ...
    @property
    def wrong(self) -> list[str]: ...
    @property
    def error(self) -> str: ...


def judged_sheet(judged: Sequence[OnSheet], *, columns: int = 10, numbered: bool = False) -> bytes:
    """A PNG file. A tick: the row is right, as of a picture that shows all that was asked and no other thing.

    Args:
        numbered: number the pictures, and mark the centres that the inspector found; no ticks.
    """
    columns = max(1, min(columns, len(judged)))
    rows = math.ceil(len(judged) / columns)
    cell = SIDE + LINES * LINE + GAP
    page = PIL.Image.new("RGB", (GAP + columns * (SIDE + GAP), GAP + max(1, rows) * cell), PAPER)
    draw = PIL.ImageDraw.Draw(page)
    for place, row in enumerate(judged):
        x, y = GAP + place % columns * (SIDE + GAP), GAP + place // columns * cell
        if row.pixels is not None:
            picture = PIL.Image.fromarray(row.pixels.numpy())
            page.paste(picture.resize((SIDE, SIDE), PIL.Image.Resampling.LANCZOS), (x, y))
        if numbered:
            _number(draw, (x, y), place + 1)
            _centres(draw, (x, y), row)
        else:
            _mark(draw, (x + SIDE - MARK, y), row.right)
        below = y + SIDE + 3
        for text, lines, colour in _texts(row, plain=numbered):
            below += LINE * write(draw, text, (x, below), SIDE, lines=lines, size=SMALL, fill=colour)
    return png_bytes(page)


def _texts(row: OnSheet, *, plain: bool) -> list[tuple[str, int, Colour]]:
    """What stands below a picture: each text, its lines at most, and its colour."""
    seen = f"seen: {row.seen}" if row.seen else f"failed: {row.error}"
    wrong = "" if plain or not row.wrong else f"wrong: {', '.join(row.wrong).replace('_', ' ')}"
    colour = FAINT if plain or row.right else BAD
    return [(row.prompt, 4, INK), (seen, 2, colour), (wrong, 2, colour)]


def _mark(draw: PIL.ImageDraw.ImageDraw, corner: tuple[int, int], good: bool) -> None:
    x, y = corner
    draw.rectangle((x, y, x + MARK, y + MARK), fill=PAPER)
    strokes = [[(5, 12), (10, 17), (18, 6)]] if good else [[(6, 6), (17, 17)], [(17, 6), (6, 17)]]
    for stroke in strokes:
        draw.line([(x + dx, y + dy) for dx, dy in stroke], fill=GOOD if good else BAD, width=3)


def _number(draw: PIL.ImageDraw.ImageDraw, corner: tuple[int, int], number: int) -> None:
    x, y = corner
    draw.rectangle((x, y, x + MARK, y + 15), fill=PAPER)
    draw.text((x + 3, y + 1), str(number), fill=INK, font=font(12))


def _centres(draw: PIL.ImageDraw.ImageDraw, corner: tuple[int, int], row: OnSheet) -> None:
    for thing in row.seen.things if row.seen else ():
        x, y = corner[0] + thing.x * SIDE, corner[1] + thing.y * SIDE
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), outline=PAPER, width=3)
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), outline=BAD, width=2)
