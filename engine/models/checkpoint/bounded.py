"""Files of unknown origin, read within bounds: of size, of depth, of the number of values. Nothing else than a
file is read, for a pipe or a device would be waited for, or read, without end.
"""

import json
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MOST_BYTES = 16 * 2**20
MOST_VALUES = 1_000_000  # a list or a table takes some 64 bytes at least, however few its text has
MOST_DEPTH = 64


class Unfit(ValueError):
    """What was read lies outside of its bounds, or is no file; the message says in what way."""


def read_bounded(path: Path, *, most: int = MOST_BYTES) -> bytes:
    """All bytes of a file.

    Raises:
        OSError: it cannot be read.
        Unfit: it is no file, or larger than `most` bytes; or its name cannot be one.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Unfit("is no file" if not stat.S_ISDIR(status.st_mode) else "is a folder, not a file")
        if status.st_size > most:
            raise Unfit(f"has {status.st_size} bytes, of at most {most}")
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError:
        raise
    except Unfit:
        raise
    except (ValueError, RuntimeError) as error:  # a NUL in its name, or links that lead in a circle
        raise Unfit(f"cannot be a file's name ({error})") from None
    if len(data) > most:  # of files that the system makes as they are read
        raise Unfit(f"has more than {most} bytes")
    return data


def is_file(path: Path) -> bool:
    """Whether it is a file, and no folder, pipe or device; a name that can be none is no file."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError, RuntimeError):
        return False


def parse_bounded(
    data: bytes, *, values: int = MOST_VALUES, depth: int = MOST_DEPTH, unique: bool = False
) -> Any:
    """The value that a JSON text holds.

    Args:
        values: that it may hold at most, those within others included.
        depth: of lists and tables in each other.
        unique: refuse tables in which a name stands twice.

    Raises:
        Unfit: it is no JSON, or holds more.
    """
    if data.count(b",") + data.count(b"[") + data.count(b"{") > values:
        raise Unfit(f"holds more than {values} values")
    try:
        value = json.loads(data, object_pairs_hook=_each_once if unique else None)
    except Unfit:
        raise
    except RecursionError:
        raise Unfit(f"is nested deeper than {depth}") from None
    except ValueError as error:  # no JSON, no UTF-8, a number of thousands of digits
        raise Unfit(f"is no JSON: {error}") from None
    if is_deeper(value, depth):
        raise Unfit(f"is nested deeper than {depth}")
    return value


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        seen = set[str]()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise Unfit(f"has two entries of the name {twice!r}")
    return table


def is_deeper(value: Any, most: int) -> bool:
    """Whether lists and tables lie in each other more than so many times."""
    level = [value]
    for _ in range(most + 1):
        level = [each for item in level if isinstance(item, (Mapping, list)) for each in children(item)]
        if not level:
            return False
    return True


def children(value: Mapping[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, Mapping) else value


def tables_in(value: Any) -> Iterator[dict[str, Any]]:
    """A JSON value's tables, at whatever depth, the outer ones first."""
    level = [value]
    while level:
        yield from (each for each in level if isinstance(each, dict))
        level = [each for item in level if isinstance(item, (dict, list)) for each in children(item)]
