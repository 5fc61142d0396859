"""Rows of a source become tasks: numbered, with a seed and a request, or with the reason why there is none.

Everything here is lazy: a source may have any number of rows.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ....engine.errors import InputError
from ....engine.randomness import derive_seed
from ....engine.values import Request
from ....prompts.row import Row
from ..schema import MAX_DEPTH
from .image_rows import FIELDS, with_wishes
from .request_makers import RequestMaker

MAX_ROW = 10**9
_NOTE_DEPTH = MAX_DEPTH // 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One row of a batch, as it is to be carried out.

    Args:
        number: of the row in its source, from 1.
        seed: the row's own, or one made of the batch's seed and the row's number.
        request: `None` for a row that is no valid request.
        fault: why there is no request.
        started_from: what its request was made of beside the prompt, by the names of columns.
    """

    number: int
    row: Row
    seed: int
    request: Request | None = None
    fault: str = ""
    started_from: frozenset[str] = frozenset()

    @property
    def template(self) -> str | None:
        """The prompt as it was written, if something was filled in."""
        return self.row.template if self.row.template != self.row.prompt else None

    def place(self) -> dict[str, Any]:
        """Where the row stands and what else it says, for its record."""
        notes = {str(name): _plain(value) for name, value in self.row.notes.items()}
        return {"source": self.row.source, "line": self.row.line, "template": self.template, "notes": notes}


def tasks_of(
    makes: RequestMaker,
    rows: Iterable[Row],
    *,
    seed: int = 0,
    alone: bool = False,
    wishes: Mapping[str, Any] | None = None,
    only: "Numbers | None" = None,
) -> Iterator[Task]:
    """The tasks of `rows`, read as they are asked for. Row i, from 1, gets a seed made of `seed` and i unless
    it names its own.

    Args:
        makes: the request of each row.
        alone: the one row is a single prompt, not part of a file, and gets `seed` itself.
        wishes: settings for all rows; a row's own come first.
        only: the numbers of the rows to carry out; the others are left out.
    """
    for number, row in enumerate(rows, start=1):
        if only is not None and number not in only:
            if number >= only.last:
                return
            continue
        yield _task(makes, number, row, seed if alone else derive_seed(seed, number), wishes or {})


def _task(makes: RequestMaker, number: int, row: Row, seed: int, wishes: Mapping[str, Any]) -> Task:
    settings = with_wishes(wishes, row.settings)
    own_seed = settings.pop("seed", seed)
    try:
        if row.fault is not None:
            raise InputError(row.fault)
        request = makes.request(row, settings, seed=own_seed, number=number)
    except InputError as error:
        shown_seed = own_seed if type(own_seed) is int else seed
        return Task(number=number, row=row, seed=shown_seed, fault=f"{row.place}: {error}")
    start = frozenset(name for name in settings if name in FIELDS)
    return Task(number=number, row=row, seed=request.seed, request=request, started_from=start)


class Numbers:
    """Numbers of rows, as people write them: `17,40-60`.

    Raises:
        InputError: they are not so written, or not from 1 on.
    """

    def __init__(self, text: str) -> None:
        self._ranges: list[range] = []
        for part in text.split(","):
            found = re.fullmatch(r"\s*(\d{1,10})\s*(?:-\s*(\d{1,10})\s*)?", part, re.ASCII)
            first = int(found[1]) if found else 0
            last = int(found[2] or first) if found else 0
            if not 1 <= first <= last <= MAX_ROW:
                raise InputError(
                    f"--only {text!r}: write rows as in 17,40-60, from 1 on, the smaller number first"
                )
            self._ranges.append(range(first, last + 1))

    @property
    def last(self) -> int:
        """The highest of them."""
        return max(numbers[-1] for numbers in self._ranges)

    def __contains__(self, number: int) -> bool:
        return any(number in numbers for numbers in self._ranges)


def _plain(value: Any, *, depth: int = 0) -> Any:
    """A note as JSON has it: what is no number, text, list or table becomes text, and so does what is nested
    deeper than results are read."""
    if isinstance(value, (Mapping, list, tuple)) and depth == _NOTE_DEPTH:
        return "nested too deep"
    if isinstance(value, Mapping):
        return {str(name): _plain(each, depth=depth + 1) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each, depth=depth + 1) for each in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return value if isinstance(value, float) and abs(value) < float("inf") else str(value)
