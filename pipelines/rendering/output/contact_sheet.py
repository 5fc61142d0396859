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
from typing import TYPE_CHECKING

from ....engine.errors import InputError
from ....engine.values.fact import scored
from ...files import GALLERY, SHEET, opened
from ...pictures.pixels import rgb_of
from ...sheets.drawn_text import font, line_height, write
from ...sheets.palette import FAINT, GOOD, PAPER, POOR
from ...sheets.thumbnails import thumbnail_name
from .folder import OutputFolder
from .record import Record

if TYPE_CHECKING:
    import PIL.Image
    import PIL.ImageDraw

COLUMNS = 10
SHEET_PICTURES = 120
MAX_SHEETS = 10

_SIDE = 192  # pixels of a picture on the sheet, at most
_GAP = 18
_LINE = line_height()
_PROMPT_LINES = 2
_FOOT = 34


def write_sheets(
    records: Iterable[Record], folder: OutputFolder, *, done: int | None = None, since: int = 1
) -> list[str]:
    """Write the sheets of a batch, and take away those of a longer one that lay there.

    Args:
        records: by row.
        done: how many have pictures; without it, all `records` are read to know.
        since: the first row that is not as the sheets that lie there show it.

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
        more = _rest(shown, done) if number == MAX_SHEETS else 0
        names.append(sheet_name(number))
        untouched = len(page) == SHEET_PICTURES and page[-1].row < since and not more
        if not untouched or not (folder.path / names[-1]).is_file():
            folder.write(names[-1], contact_sheet(page, folder.path, more=more), sync=False)
    for path in folder.path.glob("contact_sheet*.png"):
        if re.fullmatch(r"contact_sheet(-\d+)?\.png", path.name) and path.name not in names:
            path.unlink(missing_ok=True)
    return names


def _rest(shown: Iterable[Record], done: int | None) -> int:
    """The pictures that the sheets have no room for."""
    return sum(1 for _ in shown) if done is None else max(0, done - MAX_SHEETS * SHEET_PICTURES)


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

    columns = min(len(records), max(3, min(COLUMNS, math.ceil(math.sqrt(1.5 * len(records))))))
    lines = math.ceil(len(records) / columns)
    width = _GAP + columns * (_SIDE + _GAP)
    label = _label_height(records)
    height = _GAP + lines * (_SIDE + label + _GAP)
    sheet = PIL.Image.new("RGB", (width, height + (_FOOT if more else 0)), PAPER)
    draw = PIL.ImageDraw.Draw(sheet)
    for place, record in enumerate(records):
        x = _GAP + place % columns * (_SIDE + _GAP)
        y = _GAP + place // columns * (_SIDE + label + _GAP)
        if (picture := _small(record, out)) is not None:
            sheet.paste(picture, (x + (_SIDE - picture.width) // 2, y + _SIDE - picture.height))
        _label(draw, record, (x, y + _SIDE + 5))
    if more:
        draw.text((_GAP, height), f"and {more} more: see {GALLERY}", fill=FAINT, font=font())
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
        with opened(file, follow=False) as data:
            small = rgb_of(data.read())
    except (InputError, OSError):
        return None
    small.thumbnail((_SIDE, _SIDE), PIL.Image.Resampling.LANCZOS)
    return small


def _label_height(records: list[Record]) -> int:
    """Pixels of what stands below each picture: a line more, where one of them has something to say in it."""
    lines = 1 + _PROMPT_LINES + any(record.left_out for record in records)
    return lines * _LINE + 8


def _label(draw: "PIL.ImageDraw.ImageDraw", record: Record, place: tuple[int, int]) -> None:
    x, y = place
    write(draw, f"{record.row}", (x, y), _SIDE // 2, fill=FAINT)
    if record.score is not None:
        colour = GOOD if record.accepted else POOR
        draw.text(
            (x + _SIDE, y),
            scored(record.score, record.left_out, percent=True),
            fill=colour,
            font=font(),
            anchor="ra",
        )
    taken = write(draw, record.prompt, (x, y + _LINE), _SIDE, lines=_PROMPT_LINES)
    if record.left_out:
        write(draw, f"not drawn: {record.not_drawn}", (x, y + _LINE * (taken + 1)), _SIDE, fill=POOR)
