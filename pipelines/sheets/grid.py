"""Pictures side by side on one sheet of paper, with words above, beside and below them. Knows no models."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...engine.errors import InputError
from .drawn_text import drawable, fitted, font, line_height, text_width, wrapped, write
from .palette import INK, PAPER

if TYPE_CHECKING:
    import PIL.Image

MAX_PIXELS = 64_000_000  # of a sheet
_GAP = 14
_LINE = line_height()
_TITLE = 22
_CAPTION_LINES = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labels:
    """The words on a sheet; each may be left out.

    Args:
        title: above everything.
        columns: one above each column.
        rows: one to the left of each row.
        captions: one below each picture.
    """

    title: str = ""
    columns: Sequence[str] = ()
    rows: Sequence[str] = ()
    captions: Sequence[str] = ()


def grid(
    images: Sequence["PIL.Image.Image | None"], *, columns: int, labels: Labels | None = None, side: int = 256
) -> "PIL.Image.Image":
    """Pictures row by row, each fitted into a square of `side` pixels; `None` leaves a place empty.

    Raises:
        InputError: no pictures, or a sheet that would be too large to make.
    """
    import PIL.Image
    import PIL.ImageDraw

    if not images or columns < 1 or side < 8:
        raise InputError(f"a grid of {len(images)} pictures in {columns} columns: needs at least one of each")
    labels = labels or Labels()
    layout = _Layout(len(images), columns, labels, side)
    if layout.width * layout.height > MAX_PIXELS:
        raise InputError(f"a grid of {len(images)} pictures of {side} pixels: too large, make fewer")
    sheet = PIL.Image.new("RGB", (layout.width, layout.height), PAPER)
    draw = PIL.ImageDraw.Draw(sheet)
    if labels.title:
        write(draw, labels.title, (_GAP, _GAP - 2), layout.width - 2 * _GAP, size=_TITLE)
    for i, text in enumerate(labels.columns[:columns]):
        x, y = layout.place(i)
        middle = (x + side // 2, y - _LINE - 2)
        draw.text(middle, fitted(text, side), fill=INK, font=font(), anchor="ma")
    for i, text in enumerate(labels.rows):
        x, y = layout.place(i * columns)
        draw.text((x - _GAP, y + side // 2), drawable(text), fill=INK, font=font(), anchor="rm")
    for i, image in enumerate(images):
        x, y = layout.place(i)
        if image is not None:
            small = fit(image, side)
            sheet.paste(small, (x + (side - small.width) // 2, y + (side - small.height) // 2))
        if i < len(labels.captions):
            write(draw, labels.captions[i], (x, y + side + 4), side, lines=_CAPTION_LINES)
    return sheet


class _Layout:
    """Where each picture of a sheet goes."""

    def __init__(self, count: int, columns: int, labels: Labels, side: int) -> None:
        self._columns = columns
        rows = -(-count // columns)
        self._left = _GAP + (max(text_width(text) for text in labels.rows) + _GAP if labels.rows else 0)
        self._top = _GAP + (_TITLE + _GAP if labels.title else 0) + (_LINE + 4 if labels.columns else 0)
        self._across = side + _GAP
        captions = (wrapped(text, side, lines=_CAPTION_LINES) for text in labels.captions)
        lines = max(map(len, captions), default=0)
        self._down = side + _GAP + lines * _LINE
        self.width = self._left + columns * self._across
        self.height = self._top + rows * self._down

    def place(self, index: int) -> tuple[int, int]:
        """Left and top of a picture."""
        row, column = divmod(index, self._columns)
        return self._left + column * self._across, self._top + row * self._down


def fit(image: "PIL.Image.Image", side: int) -> "PIL.Image.Image":
    """The picture in RGB, its longer side `side` pixels: small ones as they are seen, large ones smoothly."""
    import PIL.Image

    factor = side / max(image.size)
    way = PIL.Image.Resampling.LANCZOS if factor < 1 else PIL.Image.Resampling.NEAREST
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.convert("RGB").resize(size, way)
