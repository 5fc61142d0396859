"""The inspector's readings of pictures, for a person to check: a sheet to look at, a table to fill in."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ...engine.errors import InputError
from ..files import write_atomically
from .alignment import Judged
from .figures import Share
from .sheet import judged_sheet

CHECKED = 60  # pictures, at most: what a person does in ten minutes
COLUMNS = ("number", "prompt", "reading", "agrees")
_ANSWERS = {"yes": True, "y": True, "1": True, "no": False, "n": False, "0": False}


def write_check(path: Path, judged: Sequence[Judged]) -> Path:
    """Write a numbered sheet of pictures to `path`, and beside it a table of what the inspector reads in each.

    Who checks writes `yes` or `no` into the table's last column: whether the things, their number and colours,
    the setting and the style are what the picture shows, whatever the prompt was.

    Returns:
        the table's path.
    """
    rows = [row for row in judged if row.seen is not None]
    chosen = rows[:: max(1, -(-len(rows) // CHECKED))]
    stream = io.StringIO(newline="")
    table = csv.writer(stream)
    table.writerow(COLUMNS)
    table.writerows([number, row.prompt, row.seen, ""] for number, row in enumerate(chosen, start=1))
    write_atomically(path, judged_sheet(chosen, numbered=True))
    write_atomically(path.with_suffix(".csv"), stream.getvalue().encode())
    return path.with_suffix(".csv")


def read_check(path: Path) -> Share:
    """How many of the checked readings are right; rows without an answer are not counted.

    Raises:
        InputError: the table cannot be read, or an answer is neither yes nor no.
    """
    truths: list[bool] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error}): name the table of --check-sheet") from None
    for line, row in enumerate(rows, start=2):
        answer = (row.get("agrees") or "").strip().lower()
        if answer and answer not in _ANSWERS:
            raise InputError(f"{path}:{line}: {answer!r}: write yes or no in the column 'agrees'")
        if answer:
            truths.append(_ANSWERS[answer])
    if not truths:
        raise InputError(f"{path}: nothing is checked: write yes or no in the column 'agrees'")
    return Share.of_truths(truths)
