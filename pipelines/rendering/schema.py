"""JSON of unknown origin, read by a declared type: lines of results, what a picture's file says of itself.

The types are dataclasses and TypedDicts, which `msgspec` holds values against, strictly: a number that is
written as text is none. What does not fit is said in one line: where, which key, what must be there, what is.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn, TypeVar

import msgspec

from ...engine.errors import InputError
from ...engine.messages import first_line, shown

MAX_CHARACTERS = 64 * 2**20  # of a JSON text: a start may hold a picture of 4096 x 4096 pixels
MAX_PARTS = 1_000_000
MAX_DEPTH = 100  # of tables and lists in each other

T = TypeVar("T")

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "null": "null",
    "array": "a list",
    "object": "a table",
}


class SchemaError(InputError):
    """A JSON text is none, or does not say what it should."""


def bounded_lines(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """The lines of a file, each with its length in bytes. One that is too long for `parse_json` is given as its
    line end alone, if it has one."""
    while line := file.readline(MAX_CHARACTERS):
        length = len(line)
        while len(line) == MAX_CHARACTERS and not line.endswith(b"\n"):
            line = file.readline(MAX_CHARACTERS)
            length += len(line)
        if length > MAX_CHARACTERS:
            line = b"\n" if line.endswith(b"\n") else b""
        yield line, length


def parse_json(text: str | bytes, *, where: str = "") -> Any:
    """The value that a JSON text holds.

    Args:
        where: the text stands, for the message: a file, and the line in it.

    Raises:
        SchemaError: it is no JSON, is too long, too much or nested too deep, or holds a number that is too
            large.
    """
    if len(text) > MAX_CHARACTERS:
        raise SchemaError(_at(where, f"is longer than {MAX_CHARACTERS // 2**20} MiB: nothing of ours is"))
    openings = _openings(text)
    if openings > MAX_PARTS:
        raise SchemaError(_at(where, f"holds more than {MAX_PARTS} lists and tables: nothing of ours does"))
    try:
        value = json.loads(text, parse_float=_finite, parse_constant=_refuse_constant)
    except RecursionError:
        raise SchemaError(_at(where, f"is nested deeper than {MAX_DEPTH}: nothing of ours is")) from None
    except ValueError as error:
        raise SchemaError(_at(where, f"is no JSON ({first_line(error)})")) from None
    if openings > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise SchemaError(_at(where, f"is nested deeper than {MAX_DEPTH}: nothing of ours is"))
    return value


def fit(value: Any, kind: type[T], *, where: str = "") -> T:
    """The value as what `kind` declares.

    Raises:
        SchemaError: it does not fit; the message names the key, what must be there and what is.
    """
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise SchemaError(_at(where, _plainly(str(error)))) from None
    except UnicodeEncodeError:
        raise SchemaError(_at(where, "has half a character where none can be")) from None
    except (ArithmeticError, ValueError) as error:  # a whole number that no float can hold
        raise SchemaError(_at(where, f"holds a number that is too large ({first_line(error)})")) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    """A number with a point or an exponent; 1e999 would be infinite, which no JSON that we write can hold."""
    if math.isinf(value := float(text)):
        raise ValueError(f"{text[:20]} is too large a number")
    return value


def _openings(text: str | bytes) -> int:
    """How many tables and lists a JSON text can hold at most, which is quick to tell; so deep it may be."""
    if isinstance(text, str):
        return text.count("{") + text.count("[")
    return text.count(b"{") + text.count(b"[")


def _is_deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most + 1):
        level = [each for item in level if isinstance(item, (dict, list)) for each in _items(item)]
        if not level:
            return False
    return True


def _items(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _at(where: str, said: str) -> str:
    return f"{where}: {said}" if where else said


def _plainly(said: str) -> str:
    """What `msgspec` says, in the words of our messages: `facts[0].text: must be text, is a whole number`."""
    what, _, path = said.partition(" - at `$")
    key = path.rstrip("`").lstrip(".")
    what = re.sub(r"Object missing required field `(.+?)`", r"\1 is missing", what)
    what = re.sub(r"Invalid enum value (.+)", _unknown_value, what, flags=re.DOTALL)
    what = re.sub(r"Expected `(.+?)`", lambda found: f"must be {_word(found[1])}", what)
    what = re.sub(r", got `(.+?)`", lambda found: f", is {_word(found[1])}", what)
    return f"{key}: {what}" if key else what


def _unknown_value(found: re.Match[str]) -> str:
    value = found[1]
    quoted = len(value) > 1 and value[0] == value[-1] == "'"
    return f"{shown(value[1:-1]) if quoted else shown(value, quoted=False)} is none of its values"


def _word(types: str) -> str:
    return " or ".join(_WORDS.get(each, each) for each in types.split(" | "))
