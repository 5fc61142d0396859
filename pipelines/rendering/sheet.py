"""The contact sheet: all pictures of a batch on one, each above its prompt and score."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .output import png_bytes
from .record import Record

if TYPE_CHECKING:
    import PIL.Image
    import PIL.ImageDraw
    import PIL.ImageFont

MAX_PICTURES = 240
_SIDE = 192  # pixels of a picture on the sheet, at most
_GAP = 14
_LABEL = 46
_PAPER, _INK, _FAINT = (250, 249, 246), (38, 38, 42), (128, 126, 122)


def contact_sheet(records: Sequence[Record], out: Path) -> bytes | None:
    """A PNG file of the first `MAX_PICTURES` pictures that lie in `out`; `None` if there are none."""
    import PIL.Image
    import PIL.ImageDraw
    import PIL.ImageFont

    shown = [record for record in records if record.picture and (out / record.picture).is_file()][:MAX_PICTURES]
    if not shown:
        return None
    columns = min(len(shown), max(3, math.ceil(math.sqrt(1.5 * len(shown)))))
    rows = math.ceil(len(shown) / columns)
    size = (_GAP + columns * (_SIDE + _GAP), _GAP + rows * (_SIDE + _LABEL + _GAP))
    sheet = PIL.Image.new("RGB", size, _PAPER)
    draw = PIL.ImageDraw.Draw(sheet)
    font = PIL.ImageFont.load_default(12)
    for place, record in enumerate(shown):
        x = _GAP + place % columns * (_SIDE + _GAP)
        y = _GAP + place // columns * (_SIDE + _LABEL + _GAP)
        with PIL.Image.open(out / str(record.picture)) as picture:
            picture.thumbnail((_SIDE, _SIDE), PIL.Image.Resampling.LANCZOS)
            sheet.paste(picture, (x + (_SIDE - picture.width) // 2, y + (_SIDE - picture.height) // 2))
        _label(draw, font, record, (x, y + _SIDE + 4))
    return png_bytes(sheet)


def _label(
    draw: "PIL.ImageDraw.ImageDraw",
    font: "PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont",
    record: Record,
    place: tuple[int, int],
) -> None:
    x, y = place
    lines = _wrapped(draw, font, record.prompt)
    score = "" if record.score is None else f"{record.score:.2f}"
    for i, line in enumerate([*lines, score]):
        draw.text((x, y + 14 * i), line, fill=_FAINT if i == len(lines) else _INK, font=font)


def _wrapped(
    draw: "PIL.ImageDraw.ImageDraw",
    font: "PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont",
    text: str,
    *,
    lines: int = 2,
) -> list[str]:
    """The first lines of `text`, none wider than a picture; three dots where some is left out."""
    words = "".join(c if c.isprintable() else " " for c in text[:200]).split()
    wrapped: list[str] = []
    while words and len(wrapped) < lines:
        line = words.pop(0)
        while words and draw.textlength(f"{line} {words[0]}", font=font) <= _SIDE:
            line = f"{line} {words.pop(0)}"
        wrapped.append(line)
    if words or any(draw.textlength(line, font=font) > _SIDE for line in wrapped):
        last = f"{wrapped[-1]} ..." if words else wrapped[-1]
        wrapped[-1] = last
        wrapped = [_cut(draw, font, line) for line in wrapped]
    return wrapped


def _cut(
    draw: "PIL.ImageDraw.ImageDraw", font: "PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont", line: str
) -> str:
    if draw.textlength(line, font=font) <= _SIDE:
        return line
    line = line.removesuffix(" ...")
    while line and draw.textlength(line + "...", font=font) > _SIDE:
        line = line[:-1]
    return line + "..."
