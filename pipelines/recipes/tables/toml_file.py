"""Reads a TOML file that a user wrote, or says in one line what is wrong with it."""

import re
import tomllib
from pathlib import Path
from typing import Any

from ....engine.errors import InputError
from ....engine.messages import first_line, reason_of, shown_path
from ....engine.models.checkpoint.bounded import Unfit, is_deeper, read_bounded

MOST_BYTES = 256 * 1024
MOST_DEPTH = 32
MOST_PARTS = 16
"""Of a name with dots. What reading takes grows with the square of their number."""

_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
_MANY_PARTS = re.compile(rf"(?<![A-Za-z0-9_-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{MOST_PARTS}}}")


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The table in the file; `what` is what the file is, for messages: a recipe, a config.

    Raises:
        InputError: it cannot be read, is no TOML, or is larger or nested deeper than anybody writes.
    """
    try:
        text = read_bounded(path, most=MOST_BYTES).decode("utf-8-sig")  # some editors begin a file with a mark
        if found := _MANY_PARTS.search(text):
            raise Unfit(f"has a name of more than {MOST_PARTS} parts: {found[0][:20]}...")
        table = tomllib.loads(text)
        if is_deeper(table, MOST_DEPTH):
            raise Unfit(f"is nested deeper than {MOST_DEPTH}")
    except FileNotFoundError:
        raise InputError(f"{what} {shown_path(path)}: no such file: check the path") from None
    except OSError as error:
        raise InputError(f"{what} {shown_path(path)}: cannot be read ({reason_of(error)})") from None
    except Unfit as error:
        raise InputError(f"{what} {shown_path(path)}: {error}") from None
    except RecursionError:
        raise InputError(f"{what} {path}: is nested deeper than {MOST_DEPTH}") from None
    except ValueError as error:  # no UTF-8, no TOML, a number of thousands of digits
        raise InputError(f"{what} {path}: is not valid TOML: {first_line(error)}") from None
    return table


def path_of(text: str, folder: Path, where: str) -> Path:
    """The path that a file's text names, from that file's folder; `~` is somebody's home.

    Args:
        where: in the file the text stands, for the message.

    Raises:
        InputError: it can be none.
    """
    try:
        return (folder / Path(text).expanduser()).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # no such user, a circle of links, a NUL
        raise InputError(f"{where}: {shown_path(Path(text))}: can be no path ({first_line(error)})") from None
