"""Plain text: one prompt a line. Blank lines are skipped, and comments: lines that begin with `#`.

A prompt may stand in double quotes, say to begin with `#`; inside, a quote is written `\\"` or `""`. A line
that begins with `--` is a line of options (see `option_line`); both kinds may stand in one file. Options may
also stand at a line's end (see `line_end`): `a red cat --seed 5 --steps 2`. A line that is all in quotes is all
prompt.
"""

import re
from collections.abc import Iterator

from ..entry import Place, prompt_row, rows_of
from ..row import Row
from ..settings import FieldError
from ..text import Text
from .line_end import split_options
from .option_line import read_options

_QUOTED = re.compile(r'"((?:[^"\\]|\\.|"")*+)"')
_OPTION = re.compile(r"--[A-Za-z]")


def read_plain(text: Text) -> Iterator[Row]:
    """The rows of `text`, in order."""
    for raw in text.lines():
        line = raw.strip()
        place = Place(source=text.source, line=text.line)
        if not line or line.startswith("#"):
            continue
        if _OPTION.match(line):
            yield from read_options(line, place)
        elif "--" not in line or _QUOTED.fullmatch(line):
            yield prompt_row(_unquoted(line), place)
        else:
            yield from _with_options(line, place)


def _with_options(line: str, place: Place) -> Iterator[Row]:
    try:
        prompt, fields = split_options(line)
    except FieldError as error:
        yield place.fault(str(error), line)
    else:
        yield from rows_of({"prompt": _unquoted(prompt), **fields}, place)


def _unquoted(line: str) -> str:
    found = _QUOTED.fullmatch(line)
    return re.sub(r'\\"|""', '"', found[1]) if found else line
