"""The pictures that were judged, on one sheet: each above its prompt and what the inspector saw in it."""

import io
import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from ..sheets.drawn_text import drawable
from .inspector import Sighting

if TYPE_CHECKING:
    import torch

SIDE = 176  # pixels of a picture on the sheet
GAP = 12
LINE = 13
LINES = 8  # of text below a picture
LETTERS = 31  # of a line
MARK = 22
_PAPER, _INK, _FAINT, _GOOD, _BAD = (250, 249, 246), (38, 38, 42), (128, 126, 122), (24, 132, 62), (204, 36, 40)


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
    page = PIL.Image.new("RGB", (GAP + columns * (SIDE + GAP), GAP + max(1, rows) * cell), _PAPER)
    draw = PIL.ImageDraw.Draw(page)
    font = PIL.ImageFont.load_default(11)
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
        for line, (text, colour) in enumerate(_text(row, plain=numbered)):
            draw.text((x, y + SIDE + 3 + line * LINE), text, fill=colour, font=font)
    stream = io.BytesIO()
    page.save(stream, format="PNG")
    return stream.getvalue()


def _text(row: OnSheet, *, plain: bool) -> list[tuple[str, tuple[int, int, int]]]:
    said = textwrap.wrap(drawable(row.prompt), LETTERS)[:4]
    seen = textwrap.wrap(f"seen: {row.seen}" if row.seen else f"failed: {drawable(row.error)}", LETTERS)[:2]
    failed = ", ".join(row.wrong).replace("_", " ")
    wrong = [] if plain or not failed else textwrap.wrap(f"wrong: {failed}", LETTERS)[:2]
    faint = _FAINT if plain or row.right else _BAD
    return [(line, _INK) for line in said] + [(line, faint) for line in [*seen, *wrong]]


def _mark(draw: PIL.ImageDraw.ImageDraw, corner: tuple[int, int], good: bool) -> None:
    x, y = corner
    draw.rectangle((x, y, x + MARK, y + MARK), fill=_PAPER)
    strokes = [[(5, 12), (10, 17), (18, 6)]] if good else [[(6, 6), (17, 17)], [(17, 6), (6, 17)]]
    for stroke in strokes:
        draw.line([(x + dx, y + dy) for dx, dy in stroke], fill=_GOOD if good else _BAD, width=3)


def _number(draw: PIL.ImageDraw.ImageDraw, corner: tuple[int, int], number: int) -> None:
    x, y = corner
    draw.rectangle((x, y, x + MARK, y + 15), fill=_PAPER)
    draw.text((x + 3, y + 1), str(number), fill=_INK, font=PIL.ImageFont.load_default(12))


def _centres(draw: PIL.ImageDraw.ImageDraw, corner: tuple[int, int], row: OnSheet) -> None:
    for thing in row.seen.things if row.seen else ():
        x, y = corner[0] + thing.x * SIDE, corner[1] + thing.y * SIDE
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), outline=_PAPER, width=3)
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), outline=_BAD, width=2)
