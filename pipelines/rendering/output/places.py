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
from .journal import Journal
from .positions import Placed


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

    def row_of(self, number: int, id: str | None, *, fits: Callable[[int], int] = ...) -> int:
        """The row of the folder that row `number` of the source is; none is given out twice.

        Args:
            fits: how well a row that is there fits; it is asked where several have this number.
        """
        ...

    def anew(self, number: int) -> int:
        """A row at the end, for one that is none of those that are there."""
        ...

    def is_behind(self, placed: Placed, last: int) -> bool:
        """Whether a row of the folder is one behind the last of the source."""
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
        self._rows = {entry.id: entry.row for entry in journal.entries() if entry.id is not None}
        self._last = journal.last
        self._given: set[int] = set()

    def has(self, name: str | None) -> bool:
        return False

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

    def is_behind(self, placed: Placed, last: int) -> bool:
        return self._alone and is_of(placed.source, self._source) and (placed.number or placed.row) > last

    def begin_behind(self, rows: int, offset: int) -> range:
        """The first rows of the source are given out, with this difference between a row and its number; they
        are returned."""
        self._before = range(offset + 1, offset + rows + 1)
        return self._before

    def _found_elsewhere(self) -> dict[int, list[int]]:
        """The rows, by number, of which the difference between the two is not the first."""
        found: dict[int, list[int]] = {}
        for each in self._journal.placed():
            number = each.number or each.row
            if is_of(each.source, self._source) and each.row - number != self._offsets[0]:
                found.setdefault(number, []).append(each.row)
        return found

    def _is_free(self, row: int, number: int) -> bool:
        """Whether nobody else's row is there."""
        if row < 1 or self._is_given(row):
            return False
        placed = self._journal.place(row)
        if placed is None or placed.source is None:  # the first lines did not say whose they are
            return True
        return self._has_number(row, number)

    def _has_number(self, row: int, number: int) -> bool:
        placed = self._journal.place(row)
        return placed is not None and is_of(placed.source, self._source) and (placed.number or row) == number

    def _own_row(self, number: int, fits: Callable[[int], int]) -> int:
        """The one of several rows of this number that fits best; 0 where there are not several, and it is where
        most are."""
        if number not in self._moved:
            return 0
        usual = self._offsets[0] + number
        rows = [*self._moved[number], *([usual] if self._has_number(usual, number) else [])]
        rows = [row for row in rows if row >= 1 and not self._is_given(row)]
        return rows[0] if len(rows) == 1 else max(rows, key=fits, default=0)

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
