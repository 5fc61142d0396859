"""What messages have in common: a hint at the name that was meant, values as they are shown, and what an error
says on its first line.

Imports nothing of the package, so that every room can import it.
"""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

LIKENESS = 0.6
"""From 0 to 1: how like a name must be to be hinted at, as `difflib` measures it."""
_MOST_CHARACTERS = 100  # of a name that is compared: time grows with the square
_MOST_SHOWN = 60  # characters of a value

_MOST_NAMED, _NAMED_OF_MANY = 40, 12  # kinds in a message: all of few, some of many
AGAIN = "then run the same command again"
"""What messages end with whose cause lies elsewhere, and may be gone next time (a server that is down, say): a
row that failed so is tried again by the same command."""


def some_of(names: Sequence[str]) -> str:
    """All names, or of very many some that stand far apart."""
    if len(names) <= _MOST_NAMED:
        return ", ".join(names)
    step = len(names) // _NAMED_OF_MANY
    return f"{len(names)} kinds, such as {', '.join(names[::step][:_NAMED_OF_MANY])}"


def nearest(name: str, known: Iterable[str], *, cutoff: float = LIKENESS) -> str | None:
    """The known name that is most like this one; `None` where none is like it enough.

    Args:
        cutoff: how like, from 0, where any name will do, to 1.
    """
    found = difflib.get_close_matches(name[:_MOST_CHARACTERS], list(known), n=1, cutoff=cutoff)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = LIKENESS) -> str:
    """A hint to put behind an unknown name: ` (did you mean 'draft'?)`; empty where none is like it; see
    `nearest`."""
    found = nearest(name, known, cutoff=cutoff)
    return f" (did you mean {found!r}?)" if found else ""


def shown(value: Any, *, quoted: bool = True, most: int = _MOST_SHOWN) -> str:
    """The value as a message shows it: on one line, and not too long.

    Args:
        quoted: text stands in quotes.
        most: characters, at most.
    """
    try:
        text = repr(value[: most + 1] if isinstance(value, str) else value)
    except (ValueError, RecursionError):  # a number of thousands of digits, a structure without end
        text = f"a huge {type(value).__name__}"
    if not isinstance(value, str):
        text = " ".join(text.split())
    elif not quoted:
        text = text[1:-1]
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= most else f"{text[: most - 3]}..."


def first_line(error: BaseException, *, named: bool = False) -> str:
    """What an error says on the first line that is not blank, or on the first two where the first ends with a
    colon; its type's name where it says nothing.

    Args:
        named: its type's name stands before that, as in `ValueError: not a number`.
    """
    name = type(error).__name__
    try:
        said = str(error)
    except Exception:  # whoever wrote this exception made a mistake, too
        said = ""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    text = " ".join(lines[: 2 if lines and lines[0].endswith(":") else 1])
    return f"{name}: {text}" if named and text else text or name


def shown_path(path: object) -> str:
    """A path as a message shows it: on one line, and not too long."""
    name = str(path) if str(path).isprintable() else repr(str(path))
    return name if len(name) <= 300 else f"{name[:297]}..."


def reason_of(error: BaseException) -> str:
    """Why the system refused something, or what another error says on its first line."""
    return getattr(error, "strerror", None) or first_line(error)
