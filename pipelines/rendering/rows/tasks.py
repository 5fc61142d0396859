"""Rows of a source become tasks: numbered, with a seed and a request, or with the reason why there is none.

Everything here is lazy: a source may have any number of rows.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from ....engine.errors import InputError
from ....engine.randomness import derive_seed
from ....engine.values import Request
from ....prompts.row import Row
from ...text_to_image import TextToImage
from .image_rows import check_fields, has_image_input, image_request

MAX_ROW = 10**9


class Requester(Protocol):
    """What makes a request of a row's words: `TextToImage`, or anything like it."""

    def request(self, prompt: str, *, seed: int = 0, row: int = 0, **wishes: Any) -> Request: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One row of a batch, as it is to be carried out.

    Args:
        number: of the row in its source, from 1.
        seed: the row's own, or one made of the batch's seed and the row's number.
        request: `None` for a row that is no valid request.
        fault: why there is no request.
    """

    number: int
    row: Row
    seed: int
    request: Request | None = None
    fault: str = ""

    @property
    def template(self) -> str | None:
        """The prompt as it was written, if something was filled in."""
        return self.row.template if self.row.template != self.row.prompt else None

    def place(self) -> dict[str, Any]:
        """Where the row stands and what else it says, for its record."""
        notes = {str(name): _plain(value) for name, value in self.row.notes.items()}
        return {"source": self.row.source, "line": self.row.line, "template": self.template, "notes": notes}


def tasks_of(
    requester: Requester,
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
        alone: the one row is a single prompt, not part of a file, and gets `seed` itself.
        wishes: settings for all rows; a row's own come first.
        only: the numbers of the rows to carry out; the others are left out.
    """
    for number, row in enumerate(rows, start=1):
        if only is not None and number not in only:
            if number >= only.last:
                return
            continue
        yield _task(requester, number, row, seed if alone else derive_seed(seed, number), wishes or {})


def _task(requester: Requester, number: int, row: Row, seed: int, wishes: Mapping[str, Any]) -> Task:
    settings = {**wishes, **row.settings}
    own_seed = settings.pop("seed", seed)
    try:
        if row.fault is not None:
            raise InputError(row.fault)
        request = _request(requester, row, settings, seed=own_seed, number=number)
    except InputError as error:
        shown_seed = own_seed if type(own_seed) is int else seed
        return Task(number=number, row=row, seed=shown_seed, fault=f"{row.place}: {error}")
    return Task(number=number, row=row, seed=request.seed, request=request)


def _request(requester: Requester, row: Row, settings: dict[str, Any], *, seed: int, number: int) -> Request:
    if not has_image_input(settings):
        return requester.request(row.prompt, seed=seed, row=number, **settings)
    folder = Path(row.source).parent  # of standard input, that at hand
    if isinstance(requester, TextToImage):
        return image_request(requester, row.prompt, settings, folder, seed=seed, row=number)
    check_fields(settings, folder)  # without models no more can be said of it
    plain = {name: value for name, value in settings.items() if not has_image_input([name])}
    return requester.request(row.prompt, seed=seed, row=number, **plain)


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


def _plain(value: Any) -> Any:
    """A note as JSON has it: what is no number, text, list or table becomes text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return value if isinstance(value, float) and abs(value) < float("inf") else str(value)
