"""Rows of a source become tasks: numbered, with a seed and a request, or with the reason why there is none.

Everything here is lazy: a source may have any number of rows, and no request is made before it is asked for.
"""

import dataclasses
import functools
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ....engine.errors import Cancelled, InputError
from ....engine.messages import first_line
from ....engine.randomness import derive_seed
from ....engine.values import Request
from ....prompts.row import Row
from ..schema import MAX_DEPTH
from .image_rows import FIELDS, with_wishes
from .reference_rows import names_pictures
from .request_makers import RequestMaker

MAX_ROW = 10**9
_NOTE_DEPTH = MAX_DEPTH // 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One row of a batch, as it is to be carried out.

    Args:
        number: of the row in its source, from 1.
        makes: its request.
        settings: all that hold for it, its seed aside; its own are among them.
        given_seed: the row's own, or one made of the batch's seed and the row's number.
    """

    number: int
    row: Row
    makes: RequestMaker
    settings: Mapping[str, Any]
    given_seed: Any

    @property
    def is_made(self) -> bool:
        """Whether its request was asked for."""
        return "_made" in vars(self)

    @property
    def request(self) -> Request | None:
        """`None` for a row that is no valid request."""
        return self._made if isinstance(self._made, Request) else None

    @property
    def fault(self) -> str:
        """Why there is no request."""
        return "" if isinstance(self._made, Request) else self._made

    @property
    def seed(self) -> int:
        """As it is carried out."""
        if isinstance(self._made, Request):
            return self._made.seed
        return self.given_seed if type(self.given_seed) is int else 0

    @property
    def started_from(self) -> frozenset[str]:
        """What its request is made of beside the prompt, by the names of columns."""
        return frozenset(name for name in self.settings if name in FIELDS)

    @property
    def template(self) -> str | None:
        """The prompt as it was written, if something was filled in."""
        return self.row.template if self.row.template != self.row.prompt else None

    def place(self) -> dict[str, Any]:
        """Where the row stands and what else it says, for its record."""
        notes = {str(name): _plain(value) for name, value in self.row.notes.items()}
        place = {"source": self.row.source, "line": self.row.line, "number": self.number}
        return {**place, "template": self.template, "notes": notes}

    def asked(self, context: bytes) -> str | None:
        """A checksum of all that decides the request, which is much quicker than making it; `None` where files
        that the row names decide it, too.

        Args:
            context: what decides it beside the row: recipe, mode, version.
        """
        if names_pictures(self.settings) or self.row.fault is not None:
            return None
        said = repr((self.row.prompt, self.settings, self.given_seed)).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(said, digest_size=8, key=context).hexdigest()

    def refuse(self, why: str) -> None:
        """It is no valid request after all."""
        vars(self)["_made"] = f"{self.row.place}: {why}"

    @functools.cached_property
    def _made(self) -> Request | str:
        """The request, or why there is none. Whatever is the matter with a row does not stop the others."""
        try:
            if self.row.fault is not None:
                raise InputError(self.row.fault)
            return self.makes.request(self.row, self.settings, seed=self.given_seed, number=self.number)
        except InputError as error:
            return f"{self.row.place}: {error}"
        except Cancelled:
            raise
        except Exception as error:  # of a picture library, say, that no bad file was ever tried on
            return f"{self.row.place}: {first_line(error, named=True)}"


def tasks_of(
    makes: RequestMaker,
    rows: Iterable[Row],
    *,
    seed: int = 0,
    alone: bool = False,
    wishes: Mapping[str, Any] | None = None,
    only: "Numbers | None" = None,
    first: int = 1,
) -> Iterator[Task]:
    """The tasks of `rows`, read as they are asked for. Row i, from 1, gets a seed made of `seed` and i unless
    it names its own.

    Args:
        makes: the request of each row.
        alone: the one row is a single prompt, not part of a file, and gets `seed` itself.
        wishes: settings for all rows; a row's own come first.
        only: the numbers of the rows to carry out; the others are left out.
        first: the number of the first row.
    """
    for number, row in enumerate(rows, start=first):
        if only is not None and number not in only:
            if number >= only.last:
                return
            continue
        settings = with_wishes(wishes, row.settings) if wishes else {**row.settings}
        own = settings.pop("seed", None)
        if own is None:
            own = seed if alone else derive_seed(seed, number)
        yield Task(number=number, row=row, makes=makes, settings=settings, given_seed=own)


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
