"""YAML 1.1: see `structure` for what it may hold, e.g.

    defaults: {steps: 20, negative: blurry}
    rows:
      - a red boat at sunset
      - prompt: "{red|blue} boat"
        seed: 7

Read event by event (libyaml), so one entry is held at a time. All values are text, as in a table: `no` is no
truth value, `010` is ten. Anchors and aliases, with which a small file can grow without end, are refused; tags
are ignored.
"""

from collections.abc import Iterator
from typing import Literal

import yaml

from ...engine.messages import shown
from ..entry import Place
from ..row import PromptFileError, Row
from ..text import Text
from .structure import read_structure

MAX_DEPTH = 20
MAX_VALUES = 100_000  # in an entry
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: Text) -> Iterator[Row]:
    """The rows of `text`, in order.

    Raises:
        PromptFileError: it is no YAML, or has aliases; an entry is too large.
    """
    cursor = _YamlCursor(text)
    while cursor.find_document():
        yield from read_structure(cursor)


def yaml_values(text: Text) -> Iterator[object]:
    """The value of each document of a YAML text; all in it is text, lists and tables.

    Raises:
        PromptFileError: as `read_yaml`.
    """
    cursor = _YamlCursor(text)
    while cursor.find_document():
        yield cursor.value()


class _Stream:
    """Chunks of text as a file, which is what the library reads from."""

    def __init__(self, text: Text) -> None:
        self._chunks = text.chunks()
        self._rest = ""

    def read(self, size: int = 16_384, /) -> str:
        """At most `size` characters; none at the end."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return ""
            self._rest = chunk
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


class _YamlCursor:
    def __init__(self, text: Text) -> None:
        self.source = text.source
        self._text = text
        try:
            self._loader = _Loader(_Stream(text))
        except yaml.YAMLError as error:
            raise self._error(error) from None

    @property
    def line(self) -> int:
        return self._peek().start_mark.line + 1

    def find_document(self) -> bool:
        """Go to the next document's value, past what stands between documents; false at the end."""
        while isinstance(self._peek(), yaml.DocumentStartEvent | yaml.DocumentEndEvent | yaml.StreamStartEvent):
            self._next()
        return not isinstance(self._peek(), yaml.StreamEndEvent)

    def kind(self) -> Literal["list", "object", "value"]:
        match self._peek():
            case yaml.SequenceStartEvent():
                return "list"
            case yaml.MappingStartEvent():
                return "object"
            case _:
                return "value"

    def elements(self) -> Iterator[None]:
        self._next()
        while not isinstance(self._peek(), yaml.SequenceEndEvent):
            yield
        self._next()

    def names(self) -> Iterator[str]:
        self._next()
        while not isinstance(self._peek(), yaml.MappingEndEvent):
            yield self._key()
        self._next()

    def value(self) -> object:
        left = MAX_VALUES

        def read(depth: int) -> object:
            nonlocal left
            left -= 1
            event = self._next()
            if depth > MAX_DEPTH or left < 0:
                raise self._place(event).error("is nested too deep or too large for an entry of a prompt file")
            if isinstance(event, yaml.ScalarEvent):
                return None if event.implicit[0] and event.value in _NULLS else event.value
            if isinstance(event, yaml.SequenceStartEvent):
                values = []
                while not isinstance(self._peek(), yaml.SequenceEndEvent):
                    values.append(read(depth + 1))
                self._next()
                return values
            named: dict[str, object] = {}
            while not isinstance(self._peek(), yaml.MappingEndEvent):
                place = self._place(self._peek())
                if (key := self._key()) in named:
                    raise place.error(f"{shown(key)} is set twice: keep one of them")
                named[key] = read(depth + 1)
            self._next()
            return named

        return read(0)

    def _key(self) -> str:
        event = self._next()
        if not isinstance(event, yaml.ScalarEvent):
            raise self._place(event).error("a name must be text")
        return event.value

    def _peek(self) -> yaml.Event:
        try:
            event = self._loader.peek_event()
        except yaml.YAMLError as error:
            raise self._error(error) from None
        if getattr(event, "anchor", None) is not None:
            raise self._place(event).error("anchors and aliases (&, *) are not read: write the values out")
        return event

    def _next(self) -> yaml.Event:
        event = self._peek()
        self._loader.get_event()
        return event

    def _place(self, event: yaml.Event) -> Place:
        return Place(source=self.source, line=event.start_mark.line + 1)

    def _error(self, error: yaml.YAMLError) -> PromptFileError:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else max(self._text.line, 1)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be understood"
        return Place(source=self.source, line=line).error(f"is no YAML here: {problem}")
