"""What JSON and YAML files of prompts have in common: a list, or an object that holds one.

    ["a boat", {"prompt": "a cat", "seed": 7}]
    {"defaults": {"steps": 20}, "rows": [...]}          (also "prompts", "items", "data")
    {"17": {"prompt": "a boat"}, "18": "a cat"}         (each a row; its key becomes a note)
    {"prompt": "a boat", "seed": 7}                     (several of them may follow each other)
    {"3": {"class_type": "KSampler", ...}, ...}         (what ComfyUI, SwarmUI, Fooocus and Civitai write)

The file is walked with a `Cursor`, which holds one entry at a time.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, Protocol

from ...engine.messages import nearest, shown
from ..entry import Place, defaults_of, rows_of
from ..other_tools.known import SWARM, said_in_file
from ..other_tools.said import ToolError
from ..row import Row
from ..settings import KNOWN_NAMES, FieldError, Fields, has_prompt, plain_name, refuse_misspelt

_ABOUT = frozenset(  # names of text that is about a file, not a row of it
    plain_name(name)
    for name in (
        *("title", "name", "version", "author", "authors", "licence", "license", "comment", "comments", "note"),
        *("notes", "date", "created", "url", "source", "schema", "$schema", "id", "category", "tags", "model"),
    )
)
LISTS = ("rows", "prompts", "items", "data", "images")
_DEFAULTS = "defaults"
_KEY = "key"


class Cursor(Protocol):
    """Stands before a value of a file, and moves on as it is asked; raises PromptFileError where it cannot."""

    source: str

    @property
    def line(self) -> int:
        """The line on which the value begins."""
        ...

    def kind(self) -> Literal["list", "object", "value"]: ...

    def elements(self) -> Iterator[None]:
        """Step through a list; after each step the cursor stands before an element, which must be read."""
        ...

    def names(self) -> Iterator[str]:
        """Step through an object; after each step the cursor stands before the key's value, likewise."""
        ...

    def value(self) -> object:
        """Read the value: text, numbers, `None`, lists and dicts of these."""
        ...


def read_structure(cursor: Cursor) -> Iterator[Row]:
    """The rows of the value before the cursor."""
    match cursor.kind():
        case "list":
            yield from _elements(cursor, Fields())
        case "object":
            yield from _object(cursor)
        case "value":
            place = _place(cursor)
            yield from _entry(cursor.value(), place, Fields())


def _elements(cursor: Cursor, defaults: Fields) -> Iterator[Row]:
    for _ in cursor.elements():
        place = _place(cursor)
        yield from _entry(cursor.value(), place, defaults)


def _object(cursor: Cursor) -> Iterator[Row]:
    whole = _place(cursor)
    defaults, fields, rows = Fields(), dict[str, object](), False
    texts: list[tuple[str, str, Place]] = []  # rows, if there is one that is an object
    keyed = False
    for key in cursor.names():
        place = _place(cursor)
        if plain_name(key) in LISTS and cursor.kind() == "list":
            rows = True
            yield from _elements(cursor, defaults)
            continue
        value = cursor.value()
        _refuse_misspelt_defaults(key, value, place)
        if plain_name(key) == _DEFAULTS:
            if rows:
                raise place.error("defaults stand behind the rows that they are for: put them first")
            defaults = defaults_of(value, place)
        elif isinstance(value, Mapping) and has_prompt(value) and key != SWARM:
            rows = keyed = True
            yield from _texts(texts, defaults)
            texts.clear()
            yield from _entry({_KEY: key, **value}, place, defaults)
        elif isinstance(value, str) and plain_name(key) not in _ABOUT | KNOWN_NAMES:
            texts.append((key, value, place))
            if keyed:
                yield from _texts(texts, defaults)
                texts.clear()
        else:
            fields[key] = value
    fields |= {key: text for key, text, _ in texts}
    if has_prompt(fields) or not rows:
        yield from _entry(fields, whole, defaults)


def _texts(texts: Iterable[tuple[str, str, Place]], defaults: Fields) -> Iterator[Row]:
    """The rows of texts beside objects: each is a prompt under a key."""
    for key, text, place in texts:
        yield from _entry({_KEY: key, "prompt": text}, place, defaults)


def row_of_a_tool(value: object, place: Place) -> Row | None:
    """The row of a value that another tool wrote of a picture that it makes; `None` of other values."""
    try:
        said = said_in_file(value)
    except ToolError as error:
        return place.fault(str(error))
    return said and said.row(place)


def _entry(value: object, place: Place, defaults: Fields) -> Iterator[Row]:
    if row := row_of_a_tool(value, place):
        yield row
        return
    if isinstance(value, str):
        value = {"prompt": value}
    if not isinstance(value, Mapping):
        yield place.fault("is neither text nor names with values, e.g. prompt and seed")
        return
    try:
        refuse_misspelt(value)
    except FieldError as error:
        yield place.fault(str(error))
        return
    yield from rows_of(value, place, defaults=defaults)


def _refuse_misspelt_defaults(key: str, value: object, place: Place) -> None:
    if key != _DEFAULTS and isinstance(value, Mapping) and nearest(key, [_DEFAULTS], cutoff=0.7):
        raise place.error(f"{shown(key)}: did you mean {_DEFAULTS!r}?")


def _place(cursor: Cursor) -> Place:
    return Place(source=cursor.source, line=cursor.line)
