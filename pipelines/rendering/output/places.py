"""Which row of the folder a row of a source is. A folder only grows: nothing that another source made is
written over.

A prompt file's rows have their own numbers in a folder of their own. Where rows of other sources are there
already, they come behind these, and are found there again by the name of the file and their numbers in it: so
a file that was edited, or is rendered with other settings, takes the place of what it made before. Where rows
are rendered more or less often than before, numbers mean other rows: several rows of the folder may then have
one number, and a picture of another line of the file is never in anybody's place (`anew`).

What has no name to be known by (text behind -p, a picture, a folder's own results) is known by what it asks
for: a row that is there already is that row, and any other comes at the end. Standard input is a file if it
begins as one did that was rendered before, and else comes at the end, too.
"""

from collections.abc import Callable
from typing import Protocol

from ....prompts.row import STANDARD_INPUT
from .journal import Entry, Journal


class Places(Protocol):
    """Finds the rows of the folder for the rows of a source."""

    @property
    def by_content(self) -> bool:
        """Whether the next row's id must be known to find it."""
        ...

    def row_of(self, number: int, id: str | None, *, fits: Callable[[int], int] = ...) -> int:
        """The row of the folder that row `number` of the source is; none is given out twice.

        Args:
            fits: how well a row that is there fits; it is asked where several have this number.
        """
        ...

    def anew(self, number: int) -> int:
        """A row at the end, for one that is none of those that are there."""
        ...

    def is_behind(self, row: int, entry: Entry, last: int) -> bool:
        """Whether an entry is of a row behind the last of the source."""
        ...


def _all_alike(row: int) -> int:
    return 0


def places_for(journal: Journal, source: str, *, by_content: bool) -> Places:
    """The places of a source.

    Args:
        source: as it was named.
        by_content: its rows are known by what they ask for.
    """
    return ByContent(journal) if by_content else ByNumber(journal, source)


class ByContent:
    """Places of rows that are known by what they ask for: their ids."""

    by_content = True

    def __init__(self, journal: Journal) -> None:
        self._rows = {entry.id: row for row, entry in journal.entries() if entry.id is not None}
        self._last = journal.last
        self._given: set[int] = set()

    def row_of(self, number: int, id: str | None, *, fits: Callable[[int], int] = _all_alike) -> int:
        row = None if id is None else self._rows.get(id)
        if row is None or row in self._given:
            return self.anew(number)
        self._given.add(row)
        return row

    def anew(self, number: int) -> int:
        self._last += 1
        self._given.add(self._last)
        return self._last

    def is_behind(self, row: int, entry: Entry, last: int) -> bool:
        return False


class ByNumber:
    """Places of rows that are known by their numbers in a source. The difference between a row and its number
    is the same for all of them, unless rows of others were in the way."""

    def __init__(self, journal: Journal, source: str) -> None:
        self._journal = journal
        self._source = source
        self._given: set[int] = set()
        self._highest = journal.last
        own = [(row, entry.number or row) for row, entry in journal.entries() if self._is_own(entry)]
        others = any(entry.source is not None for _, entry in journal.entries())
        self._offsets = sorted({row - number for row, number in own}) or ([] if others else [0])
        self._moved: dict[int, list[int]] = {}  # rows by their numbers, where it is another
        for row, number in own:
            if row - number != self._offsets[0]:
                self._moved.setdefault(number, []).append(row)
        self.by_content = source == STANDARD_INPUT and bool(own)
        self._alone = True  # all rows under this name are of this source

    def row_of(self, number: int, id: str | None, *, fits: Callable[[int], int] = _all_alike) -> int:
        if self.by_content:
            self._choose(number, id)
        row = self._own_row(number, fits)
        if row < 1:
            if not self._offsets:
                self._offsets.append(self._highest)
            places = (offset + number for offset in self._offsets)
            row = next((place for place in places if self._is_free(place, number)), 0)
        if row < 1:
            row = self._highest + 1
            self._offsets.append(row - number)
        self._given.add(row)
        self._highest = max(self._highest, row)
        return row

    def anew(self, number: int) -> int:
        self._highest += 1
        self._given.add(self._highest)
        return self._highest

    def _own_row(self, number: int, fits: Callable[[int], int]) -> int:
        """The one of several rows of this number that fits best; 0 where there are not several, and it is where
        most are."""
        if number not in self._moved:
            return 0
        usual = self._offsets[0] + number
        rows = [*self._moved[number], *([usual] if self._has_number(usual, number) else [])]
        rows = [row for row in rows if row >= 1 and row not in self._given]
        return rows[0] if len(rows) == 1 else max(rows, key=fits, default=0)

    def _has_number(self, row: int, number: int) -> bool:
        entry = self._journal.entry(row)
        return entry is not None and self._is_own(entry) and (entry.number or row) == number

    def is_behind(self, row: int, entry: Entry, last: int) -> bool:
        return self._alone and self._is_own(entry) and (entry.number or row) > last

    def _is_own(self, entry: Entry) -> bool:
        name = entry.source
        return name is not None and (name == self._source or name.startswith(f"{self._source}/"))

    def _is_free(self, row: int, number: int) -> bool:
        """Whether nobody else's row is there."""
        if row < 1 or row in self._given:
            return False
        entry = self._journal.entry(row)
        if entry is None or entry.source is None:  # the first lines did not say whose they are
            return True
        return self._has_number(row, number)

    def _choose(self, number: int, id: str | None) -> None:
        """Find out which of the things that were read from standard input this is; a new one, if none."""
        self.by_content = False

        def begins_so(offset: int) -> bool:
            entry = self._journal.entry(offset + number)
            return entry is not None and self._is_own(entry) and entry.id == id

        chosen = [offset for offset in self._offsets if begins_so(offset)][:1]
        self._alone = chosen == self._offsets
        self._offsets, self._moved = chosen, {}
