"""JSON (RFC 8259): one value, or several one after the other; see `structure` for what they may be.

The file is read piece by piece, so a list of a hundred thousand rows gives its first at once; only one entry of
it is held at a time, and it may take 4 MiB. Numbers that JSON does not have (NaN, Infinity) are read as text.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Literal

from ..entry import Place
from ..row import PromptFileError, Row
from ..text import Text
from .structure import read_structure

MAX_VALUE_CHARACTERS = 4 * 2**20
_SPACE = re.compile(r"[ \t\n\r]*")


def decoder() -> json.JSONDecoder:
    """A decoder whose numbers are all finite."""

    def finite(text: str) -> float | str:
        return number if math.isfinite(number := float(text)) else text

    return json.JSONDecoder(parse_float=finite, parse_constant=str)


def read_json(text: Text) -> Iterator[Row]:
    """The rows of `text`, in order.

    Raises:
        PromptFileError: it is no JSON, or an entry is too large.
    """
    cursor = _JsonCursor(text)
    while cursor.next_character():
        yield from read_structure(cursor)


class _JsonCursor:
    """A window on the text, which moves on as values are read."""

    def __init__(self, text: Text) -> None:
        self.source = text.source
        self._chunks = text.chunks()
        self._decode = decoder().raw_decode
        self._window = ""
        self._at = 0
        self._line, self._counted = 1, 0  # the line of the window's place `_counted`

    @property
    def line(self) -> int:
        self.next_character()
        self._line, self._counted = self._line_at(self._at), self._at
        return self._line

    def next_character(self) -> str:
        """The character that comes next, blanks apart; empty at the end."""
        while True:
            found = _SPACE.match(self._window, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._window):
                return self._window[self._at]
            if not self._grow():
                return ""

    def kind(self) -> Literal["list", "object", "value"]:
        match self.next_character():
            case "[":
                return "list"
            case "{":
                return "object"
            case _:
                return "value"

    def elements(self) -> Iterator[None]:
        self._take("[")
        while self.next_character() != "]":
            yield
            if self.next_character() != "]":
                self._take(",")
        self._take("]")

    def names(self) -> Iterator[str]:
        self._take("{")
        while self.next_character() != "}":
            key = self.value()
            if not isinstance(key, str):
                raise self._error("expected a name in double quotes")
            self._take(":")
            yield key
            if self.next_character() != "}":
                self._take(",")
        self._take("}")

    def value(self) -> object:
        self.next_character()
        while True:
            try:
                value, end = self._decode(self._window, self._at)
            except json.JSONDecodeError as error:
                if not self._grow_far():
                    raise self._error(error.msg, error.pos) from None
                continue
            except RecursionError:
                raise self._error("is nested too deep") from None
            except ValueError:  # a number of thousands of digits
                raise self._error("has a number that is too long") from None
            if end == len(self._window) and self._grow_far():
                continue  # a number may go on
            self._at = end
            return value

    def _take(self, character: str) -> None:
        if (found := self.next_character()) != character:
            raise self._error(
                f"expected {character!r}, found {found!r}" if found else f"{character!r} is missing"
            )
        self._at += 1

    def _grow(self) -> bool:
        """Append a chunk to the window, and drop what is behind; false at the end."""
        chunk = next(self._chunks, "")
        self._line, self._counted = self._line_at(self._at), 0
        self._window = self._window[self._at :] + chunk
        self._at = 0
        return bool(chunk)

    def _grow_far(self) -> bool:
        """Double what lies before the cursor, so that trying again costs no more than it has so far."""
        wanted = 2 * (len(self._window) - self._at)
        if wanted > 2 * MAX_VALUE_CHARACTERS:
            return False
        grown = False
        while len(self._window) - self._at < wanted or not grown:
            if not self._grow():
                return grown
            grown = True
        return grown

    def _line_at(self, at: int) -> int:
        return self._line + self._window.count("\n", self._counted, at)

    def _error(self, message: str, at: int | None = None) -> PromptFileError:
        line = self._line_at(self._at if at is None else at)
        return Place(source=self.source, line=line).error(f"is no JSON here: {message}")
