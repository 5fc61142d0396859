"""Contact sheets: the pictures of a batch side by side, each above its row, its score, its prompt, and what of
the prompt was not drawn.

A batch has one sheet, a long one several; a very long one has sheets of its first pictures, and the last says
how many there are beside. Pictures are read one at a time, from their thumbnails: a sheet takes little memory.
"""

import io
import itertools
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ...files import GALLERY, SHEET
from ...sheets.drawn_text import drawable
from ...sheets.thumbnails import thumbnail_name
from .folder import OutputFolder
from .record import Record

if TYPE_CHECKING:
    import PIL.Image
    import PIL.ImageDraw
    import PIL.ImageFont

    Font: TypeAlias = PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont

COLUMNS = 10
SHEET_PICTURES = 120
MAX_SHEETS = 10

_SIDE = 192  # pixels of a picture on the sheet, at most
_GAP = 18
_LINE = 17
_PROMPT_LINES = 2
_FOOT = 34
_PAPER, _INK, _FAINT = (250, 249, 246), (33, 31, 36), (104, 100, 108)
_GOOD, _POOR = (36, 112, 74), (138, 82, 16)
_LABEL_SIZE = 14


def write_sheets(records: Iterable[Record], folder: OutputFolder) -> list[str]:
    """Write the sheets of a batch, and take away those of a longer one that lay there.

    Returns:
        their names in the folder: `contact_sheet.png`, `contact_sheet-2.png` and so on; none without pictures.

    Raises:
        OSError: one cannot be written.
    """
    shown = (record for record in records if _file(record, folder.path) is not None)
    names: list[str] = []
    for number in range(1, MAX_SHEETS + 1):
        page = list(itertools.islice(shown, SHEET_PICTURES))
        if not page:
            break
        more = sum(1 for _ in shown) if number == MAX_SHEETS else 0
        names.append(sheet_name(number))
        folder.write(names[-1], contact_sheet(page, folder.path, more=more), sync=False)
    for path in folder.path.glob("contact_sheet*.png"):
        if re.fullmatch(r"contact_sheet(-\d+)?\.png", path.name) and path.name not in names:
            path.unlink(missing_ok=True)
    return names


def sheet_name(number: int) -> str:
    """What a batch's sheet is called, from 1."""
    return SHEET if number == 1 else f"{Path(SHEET).stem}-{number}.png"


def contact_sheet(records: list[Record], out: Path, *, more: int = 0) -> bytes:
    """One sheet as a PNG file.

    Args:
        records: at least one, of rows with pictures in `out`; one that cannot be read leaves its place empty.
        more: pictures that no sheet has room for; the foot of this one says so.
    """
    import PIL.Image
    import PIL.ImageDraw
    import PIL.ImageFont

    columns = min(len(records), max(3, min(COLUMNS, math.ceil(math.sqrt(1.5 * len(records))))))
    lines = math.ceil(len(records) / columns)
    width = _GAP + columns * (_SIDE + _GAP)
    label = _label_height(records)
    height = _GAP + lines * (_SIDE + label + _GAP)
    sheet = PIL.Image.new("RGB", (width, height + (_FOOT if more else 0)), _PAPER)
    draw = PIL.ImageDraw.Draw(sheet)
    font = PIL.ImageFont.load_default(_LABEL_SIZE)
    for place, record in enumerate(records):
        x = _GAP + place % columns * (_SIDE + _GAP)
        y = _GAP + place // columns * (_SIDE + label + _GAP)
        if (picture := _small(record, out)) is not None:
            sheet.paste(picture, (x + (_SIDE - picture.width) // 2, y + _SIDE - picture.height))
        _label(draw, font, record, (x, y + _SIDE + 5))
    if more:
        draw.text((_GAP, height), f"and {more} more: see {GALLERY}", fill=_FAINT, font=font)
    stream = io.BytesIO()
    sheet.save(stream, format="PNG", compress_level=4)
    return stream.getvalue()


def _file(record: Record, out: Path) -> Path | None:
    """Where the row's picture can be read, a small one first."""
    if record.picture is None:
        return None
    files = (out / thumbnail_name(record.row), out / record.picture)
    return next((file for file in files if file.is_file()), None)


def _small(record: Record, out: Path) -> "PIL.Image.Image | None":
    """The row's picture as it is shown here, if it can be read."""
    import PIL.Image

    file = _file(record, out)
    if file is None:
        return None
    try:
        with PIL.Image.open(file) as picture:
            small = picture.convert("RGB")
    except (OSError, SyntaxError, PIL.Image.DecompressionBombError):
        return None
    small.thumbnail((_SIDE, _SIDE), PIL.Image.Resampling.LANCZOS)
    return small


def _label_height(records: list[Record]) -> int:
    """Pixels of what stands below each picture: a line more, where one of them has something to say in it."""
    lines = 1 + _PROMPT_LINES + any(record.left_out for record in records)
    return lines * _LINE + 8


def _label(draw: "PIL.ImageDraw.ImageDraw", font: "Font", record: Record, place: tuple[int, int]) -> None:
    x, y = place
    draw.text((x, y), f"{record.row}", fill=_FAINT, font=font)
    if record.score is not None:
        colour = _GOOD if record.accepted else _POOR
        draw.text((x + _SIDE, y), f"{100 * record.score:.0f} %", fill=colour, font=font, anchor="ra")
    wrapped = _wrapped(draw, font, record.prompt, lines=_PROMPT_LINES)
    for i, line in enumerate(wrapped, start=1):
        draw.text((x, y + _LINE * i), line, fill=_INK, font=font)
    if record.left_out:
        (line,) = _wrapped(draw, font, f"not drawn: {record.not_drawn}", lines=1)
        draw.text((x, y + _LINE * (len(wrapped) + 1)), line, fill=_POOR, font=font)


def _wrapped(draw: "PIL.ImageDraw.ImageDraw", font: "Font", text: str, *, lines: int) -> list[str]:
    """The first lines of `text`, none wider than a picture; three dots where some is left out."""
    words = drawable(text, 200).split()
    wrapped: list[str] = []
    while words and len(wrapped) < lines:
        line = words.pop(0)
        while words and draw.textlength(f"{line} {words[0]}", font=font) <= _SIDE:
            line = f"{line} {words.pop(0)}"
        wrapped.append(line)
    if words:
        wrapped[-1] = f"{wrapped[-1]} ..."
    return [_cut(draw, font, line) for line in wrapped]


def _cut(draw: "PIL.ImageDraw.ImageDraw", font: "Font", line: str) -> str:
    if draw.textlength(line, font=font) <= _SIDE:
        return line
    line = line.removesuffix(" ...")
    while line and draw.textlength(line + "...", font=font) > _SIDE:
        line = line[:-1]
    return line + "..."
