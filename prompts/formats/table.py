"""Tables: CSV and TSV. The first row names the columns; one of them is the prompt's.

Cells of a CSV file (RFC 4180; `,`, `;` or `|` between them) may stand in quotes and span lines. In a TSV file a
quote is a character like any other, as PartiPrompts has it, unless quotes stand around the whole cell. Columns
that are no settings become notes.
"""

import csv
import re
from collections.abc import Iterable, Iterator

from ..entry import Place, rows_of
from ..row import Row
from ..settings import (
    KNOWN_NAMES,
    PROMPT_NAMES,
    FieldError,
    has_prompt,
    is_number,
    plain_name,
    prompt_of,
    refuse_misspelt,
    shown,
)
from ..text import Text

_DELIMITERS = "\t,;|"
_SEPARATOR = re.compile(r"sep=([,;|\t])", re.IGNORECASE)  # Excel's own first line
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+", re.ASCII)
_PER_QUESTION = ("itemid", "text", "propositionid", "questionnaturallanguage")
"""Columns of DPG-Bench, which has a row for each question about a picture, beside `text`."""
_OF_THE_QUESTION = (
    "propositionid",
    "dependency",
    "categorybroad",
    "categorydetailed",
    "tuple",
    _PER_QUESTION[3],
)
_QUOTED = re.compile(r'"((?:[^"]|"")*+)"')


def delimiter_of(header: str) -> str | None:
    """What stands between the cells of a header that names a prompt; `None` if it is no such header."""
    for delimiter in _DELIMITERS:
        if has_prompt(_unquoted(cell) for cell in header.rstrip("\r\n").split(delimiter)):
            return delimiter
    return None


def is_header(line: str) -> bool:
    """Whether a file that begins with this line can only be a table.

    It has more than one column, and they have names of ours, or are plain words beside a `prompt`.
    """
    delimiter = delimiter_of(line)
    cells = [_unquoted(cell) for cell in line.strip().split(delimiter)]
    if len(cells) < 2:
        return False
    sure = delimiter == "\t" or any(plain_name(cell) in ("prompt", "prompts") for cell in cells)
    words = all(re.fullmatch(r"\w[\w .-]{0,39}", cell) for cell in cells)
    return (sure and words) or all(plain_name(cell) in KNOWN_NAMES for cell in cells)


def is_separator_line(line: str) -> bool:
    """Whether a line is Excel's `sep=;`, which says what stands between cells."""
    return _SEPARATOR.fullmatch(line.strip("\r\n ")) is not None


def read_table(text: Text) -> Iterator[Row]:
    """The rows of `text`, in order.

    Raises:
        PromptFileError: the first row is no header with a prompt in it; quotes do not match.
    """
    lines = text.lines()
    header_line = next((line for line in lines if line.strip() and not is_separator_line(line)), "")
    place = Place(source=text.source, line=max(text.line, 1))
    delimiter = delimiter_of(header_line)
    if delimiter is None:
        names = ", ".join(PROMPT_NAMES[:3])
        raise place.error(f"no column is called {names} or the like: name the columns in the first row")
    read = _tab_cells if delimiter == "\t" else _cells
    header = next(read([header_line], place, delimiter))[1]
    if isinstance(header, str):
        raise place.error(header)
    _check_header(header, place)
    seen = _Once(header)
    for number, cells in read(lines, place, delimiter):
        here = Place(source=text.source, line=place.line + number)
        if isinstance(cells, str):
            yield here.fault(cells)
        elif len(cells) > len(header) and any(cells[len(header) :]):
            more = f"has {len(cells)} cells, the header {len(header)}"
            prompt = prompt_of(dict(zip(header, cells, strict=False)))
            yield here.fault(f"{more}: put text with {delimiter!r} in quotes", prompt)
        elif any(cells) and (fields := seen(dict(zip(header, cells, strict=False)))):
            yield from rows_of(_with_points(fields) if delimiter in ";\t" else fields, here)


class _Once:
    """Lets each prompt of a benchmark pass once where it has a row for each question about it; any other row as
    it is."""

    def __init__(self, header: list[str]) -> None:
        names = {plain_name(name): name for name in header}
        self._key = names["itemid"] if all(name in names for name in _PER_QUESTION) else None
        self._last: str | None = None

    def __call__(self, fields: dict[str, str]) -> dict[str, str]:
        """The row's fields without those of the question; none, if its prompt was there already."""
        if self._key is None:
            return fields
        if (item := fields.get(self._key, "")) == self._last:
            return {}
        self._last = item
        return {name: value for name, value in fields.items() if plain_name(name) not in _OF_THE_QUESTION}


def _with_points(fields: dict[str, str]) -> dict[str, str]:
    """`7,5` as `7.5` where a number is wanted: spreadsheets of many countries write it so."""
    return {
        name: value.replace(",", ".") if is_number(name) and _DECIMAL_COMMA.fullmatch(value) else value
        for name, value in fields.items()
    }


def _check_header(header: list[str], place: Place) -> None:
    seen: set[str] = set()
    for name in header:
        if (plain := plain_name(name)) in seen:
            raise place.error(f"two columns are called {shown(name)}: rename one of them")
        if plain:
            seen.add(plain)
    try:
        refuse_misspelt(header)
    except FieldError as error:
        raise place.error(str(error)) from None


def _cells(lines: Iterable[str], place: Place, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Each row and the line that it starts on, from 1; or, for a faulty row on a single line, what is wrong
    with it."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            fault = f"quotes do not match ({error}): a quote inside of quotes is written twice"
            if reader.line_num > number:  # where the next row begins is anybody's guess
                raise Place(source=place.source, line=place.line + number).error(fault) from None
            yield number, fault
            continue
        if cells is None:
            return
        yield number, [cell.strip() for cell in cells]


def _tab_cells(lines: Iterable[str], _place: Place, _delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    for number, line in enumerate(lines, start=1):
        yield number, [_unquoted(cell) for cell in line.rstrip("\r\n").split("\t")]


def _unquoted(cell: str) -> str:
    cell = cell.strip()
    found = _QUOTED.fullmatch(cell)
    return found[1].replace('""', '"') if found else cell
