"""Where each row's lines stand, in the results and in the index, and what a look at all rows asks of them.

64 bytes a row, whatever its line says: a folder may have any number of rows. What more is known of a row is
read from the index when it is asked for.
"""

import bisect
import heapq
from array import array
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

_DONE, _NAMED, _GONE = 1, 2, 4
_CELLS = 8  # of a row: row, start, length, at, size, flags, source, number (0 for none)
_FLAGS = 5


class Placed(NamedTuple):
    """What is kept of a row.

    Args:
        start, length: of its line in the results.
        at, size: of its line in the index; `at` is negative for one that could not be written there.
        done: it has a picture.
        named: it has an id.
        source, number: as `IndexLine` has them.
    """

    row: int
    start: int
    length: int
    at: int
    size: int
    done: bool
    named: bool
    source: str | None
    number: int | None


class Positions:
    """A table of rows. Most rows come in order; those that do not are found by a table of their own.

    Attributes:
        done: rows that are.
    """

    def __init__(self) -> None:
        self._cells = array("q")
        self._sources: list[str | None] = []
        self._source_slots: dict[str | None, int] = {}
        self._in_order = 0  # so many rows came in order, first
        self._last = 0  # of these
        self._late: dict[int, int] = {}  # slots of the others
        self._gone = 0
        self.done = 0

    def __len__(self) -> int:
        return len(self._cells) // _CELLS - self._gone

    def put(self, placed: Placed) -> None:
        """A row, in the place of what was known of it."""
        row, start, length, at, size, done, named, name, number = placed
        source = self._source_slots.get(name)
        if source is None:
            source = self._source_slots[name] = len(self._sources)
            self._sources.append(name)
        cells = (row, start, length, at, size, done * _DONE | named * _NAMED, source, number or 0)
        self.done += done
        slot = None if row > self._last and not self._late else self._slot(row)
        if slot is None:
            self._append(row, cells)
            return
        flags = self._cells[slot * _CELLS + _FLAGS]
        self.done -= flags & _DONE
        self._gone -= bool(flags & _GONE)
        self._cells[slot * _CELLS : slot * _CELLS + _CELLS] = array("q", cells)

    def get(self, row: int) -> Placed | None:
        slot = self._slot(row)
        return None if slot is None or self._is_gone(slot) else self._placed(slot)

    def drop(self, row: int) -> None:
        """Forget a row that is there."""
        slot = self._slot(row)
        assert slot is not None and not self._is_gone(slot), row
        self.done -= self._cells[slot * _CELLS + _FLAGS] & _DONE
        self._cells[slot * _CELLS + _FLAGS] = _GONE
        self._gone += 1

    def in_order(self) -> Iterator[Placed]:
        """All rows, by row. Rows that are there may be put again meanwhile."""
        late = sorted(self._late.values(), key=self._row)
        slots = heapq.merge(range(self._in_order), late, key=self._row) if late else range(self._in_order)
        return (self._placed(slot) for slot in slots if not self._is_gone(slot))

    def groups(self) -> Counter[tuple[str | None, int]]:
        """How many rows there are of each source, and of each difference between a row and its number in it;
        that is 0 where the number is not known."""
        found: Counter[tuple[int, int]] = Counter()
        columns = (self._cells[first::_CELLS] for first in (0, _FLAGS, _FLAGS + 1, _FLAGS + 2))
        for row, flags, source, number in zip(*columns, strict=True):
            if not flags & _GONE:
                found[source, row - number if number else 0] += 1
        return Counter({(self._sources[source], offset): count for (source, offset), count in found.items()})

    def _append(self, row: int, cells: tuple[int, ...]) -> None:
        slot = len(self._cells) // _CELLS
        if slot == self._in_order and row > self._last:
            self._in_order, self._last = slot + 1, row
        else:
            self._late[row] = slot
        self._cells.extend(cells)

    def _row(self, slot: int) -> int:
        return self._cells[slot * _CELLS]

    def _is_gone(self, slot: int) -> bool:
        return bool(self._cells[slot * _CELLS + _FLAGS] & _GONE)

    def _placed(self, slot: int) -> Placed:
        row, start, length, at, size, flags, source, number = self._cells[slot * _CELLS : (slot + 1) * _CELLS]
        named = bool(flags & _NAMED)
        return Placed(
            row, start, length, at, size, bool(flags & _DONE), named, self._sources[source], number or None
        )

    def _slot(self, row: int) -> int | None:
        if 0 < row <= self._in_order and self._row(row - 1) == row:  # most folders have all rows from 1 on
            return row - 1
        slot = bisect.bisect_left(range(self._in_order), row, key=self._row)
        if slot < self._in_order and self._row(slot) == row:
            return slot
        return self._late.get(row)
