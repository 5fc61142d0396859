"""Which row of the folder a row of a source is. A folder only grows: nothing that another source made is
written over.

A prompt file's rows have their own numbers in a folder of their own. Where rows of other sources are there
already, they come behind these, and are found there again by the name of the file and their numbers in it: so
a file that was edited, or is rendered with other settings, takes the place of what it made before.

What has no name to be known by (text behind -p, a picture, a folder's own results) is known by what it asks
for: a row that is there already is that row, and any other comes at the end. Standard input is a file if it
begins as one did that was rendered before, and else comes at the end, too.
"""

from typing import Protocol

from .journal import Journal
from .positions import Placed

STANDARD_INPUT = "-"


def is_of(name: str | None, source: str) -> bool:
    """Whether a row that says this name is of the source, or of a file in it."""
    return name is not None and (name == source or name.startswith(f"{source}/"))


class Places(Protocol):
    """Finds the rows of the folder for the rows of a source."""

    @property
    def by_content(self) -> bool:
        """Whether the next row's id must be known to find it."""
        ...

    def has(self, name: str | None) -> bool:
        """Whether a row that says this name is of the source."""
        ...

    def row_of(self, number: int, id: str | None) -> int:
        """The row of the folder that row `number` of the source is; none is given out twice."""
        ...

    def is_behind(self, placed: Placed, last: int) -> bool:
        """Whether a row of the folder is one behind the last of the source."""
        ...


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
        self._rows = {entry.id: entry.row for entry in journal.entries() if entry.id is not None}
        self._last = journal.last
        self._given: set[int] = set()

    def has(self, name: str | None) -> bool:
        return False

    def row_of(self, number: int, id: str | None) -> int:
        row = None if id is None else self._rows.get(id)
        if row is None or row in self._given:
            self._last += 1
            row = self._last
        self._given.add(row)
        return row

    def is_behind(self, placed: Placed, last: int) -> bool:
        return False


class ByNumber:
    """Places of rows that are known by their numbers in a source. The difference between a row and its number
    is the same for all of them, unless rows of others were in the way."""

    def __init__(self, journal: Journal, source: str) -> None:
        self._journal = journal
        self._source = source
        self._before = range(0)  # rows that were given out all at once
        self._given: set[int] = set()
        self._highest = journal.last
        groups = journal.groups()
        own = {offset for name, offset in groups if is_of(name, source)}
        others = any(name is not None for name, _ in groups)
        self._offsets = sorted(own) or ([] if others else [0])
        self._moved = self._found_elsewhere() if len(own) > 1 else {}
        self.by_content = source == STANDARD_INPUT and bool(own)
        self._alone = True  # all rows under this name are of this source

    def has(self, name: str | None) -> bool:
        return is_of(name, self._source)

    def row_of(self, number: int, id: str | None) -> int:
        if self.by_content:
            self._choose(number, id)
        row = self._moved.get(number, 0)
        if row < 1 or self._is_given(row):
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

    def is_behind(self, placed: Placed, last: int) -> bool:
        return self._alone and is_of(placed.source, self._source) and (placed.number or placed.row) > last

    def begin_behind(self, rows: int, offset: int) -> None:
        """The first rows of the source are given out, with this difference between a row and its number."""
        self._before = range(offset + 1, offset + rows + 1)

    def _found_elsewhere(self) -> dict[int, int]:
        """The rows, by number, of which the difference between the two is not the first."""
        own = (each for each in self._journal.placed() if is_of(each.source, self._source))
        numbers = ((each.row, each.number or each.row) for each in own)
        return {number: row for row, number in numbers if row - number != self._offsets[0]}

    def _is_free(self, row: int, number: int) -> bool:
        """Whether nobody else's row is there."""
        if row < 1 or self._is_given(row):
            return False
        placed = self._journal.place(row)
        if placed is None or placed.source is None:  # the first lines did not say whose they are
            return True
        return is_of(placed.source, self._source) and (placed.number or row) == number

    def _is_given(self, row: int) -> bool:
        return row in self._before or row in self._given

    def _choose(self, number: int, id: str | None) -> None:
        """Find out which of the things that were read from standard input this is; a new one, if none."""
        self.by_content = False

        def begins_so(offset: int) -> bool:
            entry = self._journal.entry(offset + number)
            return entry is not None and is_of(entry.source, self._source) and entry.id == id

        chosen = [offset for offset in self._offsets if begins_so(offset)][:1]
        self._alone = chosen == self._offsets
        self._offsets, self._moved = chosen, {}
