"""Plain text: one prompt a line. Blank lines are skipped, and comments: lines that begin with `#`.

A prompt may stand in double quotes, say to begin with `#`; inside, a quote is written `\\"` or `""`. A line
that begins with `--` is a line of options (see `option_line`); both kinds may stand in one file.
"""

import re
from collections.abc import Iterator

from .entry import Place, rows_of
from .option_line import read_options
from .row import Row
from .text import Text

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
        elif found := _QUOTED.fullmatch(line):
            yield from rows_of({"prompt": re.sub(r'\\"|""', '"', found[1])}, place)
        else:
            yield from rows_of({"prompt": line}, place)
