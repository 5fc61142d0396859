"""Where each row's lines stand, in the results and in the index, and what a look at all rows asks of them.

Fifty bytes a row, whatever its line says: a folder may have any number of rows. What more is known of a row is
read from the index when it is asked for.
"""

import bisect
import heapq
from array import array
from collections.abc import Iterator
from typing import NamedTuple

_DONE, _NAMED, _GONE = 1, 2, 4


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
    """A table of rows. Most rows come in order; those that do not are found by a table of their own."""

    def __init__(self) -> None:
        self._rows = array("q")
        self._starts = array("q")
        self._lengths = array("q")
        self._at = array("q")
        self._sizes = array("l")
        self._numbers = array("q")  # 0 for none
        self._flags = bytearray()
        self._source = array("l")
        self._sources: list[str | None] = []
        self._source_slots: dict[str | None, int] = {}
        self._in_order = 0  # so many slots hold rows that came in order
        self._late: dict[int, int] = {}  # slots of the others
        self._gone = 0
        self.done = 0

    def __len__(self) -> int:
        return len(self._rows) - self._gone

    def put(self, placed: Placed) -> None:
        """A row, in the place of what was known of it."""
        slot = self._slot(placed.row)
        if slot is None:
            slot = self._new_slot(placed.row)
        elif self._flags[slot] & _GONE:
            self._gone -= 1
        else:
            self.done -= self._flags[slot] & _DONE
        self._starts[slot] = placed.start
        self._lengths[slot] = placed.length
        self._at[slot] = placed.at
        self._sizes[slot] = placed.size
        self._numbers[slot] = placed.number or 0
        self._source[slot] = self._source_slot(placed.source)
        self._flags[slot] = placed.done * _DONE | placed.named * _NAMED
        self.done += placed.done

    def get(self, row: int) -> Placed | None:
        slot = self._slot(row)
        return None if slot is None or self._flags[slot] & _GONE else self._placed(slot)

    def move(self, row: int, *, start: int | None = None, at: int | None = None, size: int = 0) -> None:
        """Lines of a row that is there stand elsewhere now, or have another size."""
        slot = self._slot(row)
        assert slot is not None, row
        if start is not None:
            self._starts[slot] = start
        if at is not None:
            self._at[slot], self._sizes[slot] = at, size

    def drop(self, row: int) -> None:
        """Forget a row that is there."""
        slot = self._slot(row)
        assert slot is not None and not self._flags[slot] & _GONE, row
        self.done -= self._flags[slot] & _DONE
        self._flags[slot] = _GONE
        self._gone += 1

    def in_order(self) -> Iterator[Placed]:
        """All rows, by row. Rows may be moved meanwhile, not put or dropped."""
        late = sorted(self._late.values(), key=self._rows.__getitem__)
        slots = heapq.merge(range(self._in_order), late, key=self._rows.__getitem__) if late else None
        for slot in slots or range(self._in_order):
            if not self._flags[slot] & _GONE:
                yield self._placed(slot)

    def _placed(self, slot: int) -> Placed:
        flags = self._flags[slot]
        return Placed(
            self._rows[slot],
            self._starts[slot],
            self._lengths[slot],
            self._at[slot],
            self._sizes[slot],
            bool(flags & _DONE),
            bool(flags & _NAMED),
            self._sources[self._source[slot]],
            self._numbers[slot] or None,
        )

    def _slot(self, row: int) -> int | None:
        if 0 < row <= self._in_order and self._rows[row - 1] == row:  # most folders have all rows from 1 on
            return row - 1
        slot = bisect.bisect_left(self._rows, row, 0, self._in_order)
        if slot < self._in_order and self._rows[slot] == row:
            return slot
        return self._late.get(row)

    def _new_slot(self, row: int) -> int:
        slot = len(self._rows)
        if self._in_order == slot and (not slot or self._rows[-1] < row):
            self._in_order += 1
        else:
            self._late[row] = slot
        for column in (self._rows, self._starts, self._lengths, self._at, self._numbers):
            column.append(row)
        self._sizes.append(0)
        self._source.append(0)
        self._flags.append(0)
        return slot

    def _source_slot(self, source: str | None) -> int:
        slot = self._source_slots.setdefault(source, len(self._sources))
        if slot == len(self._sources):
            self._sources.append(source)
        return slot
