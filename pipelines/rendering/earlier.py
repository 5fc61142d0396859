"""What earlier runs left in a folder, held against the rows of this one: which of them is meant, which must not
be written over, and which failures are out of date. Decides nothing about files.
"""

import itertools
from collections.abc import Callable, Iterator

from .output import record as records
from .output.journal import Journal
from .output.positions import Placed
from .output.record import Record
from .rows.tasks import Task
from .schema import SchemaError
from .source import Source

SAME, SAME_LINE, OTHER = 2, 1, 0
"""How well a row of the folder fits one of a source: it is that row; it was made of the same line, which was
edited or has other settings now; it is of another line."""


class Earlier:
    """The rows that are in a folder when a run begins.

    Args:
        source: of this run.
    """

    def __init__(self, journal: Journal, source: Source) -> None:
        self._journal = journal
        self._source = source
        self._asked: set[int] = set()  # rows of this run that failed, in this run or before
        self._before = range(0)  # rows of this run that were not asked for one by one
        self._shown: set[str] = set()  # prompts that came to a picture
        self._missed: set[tuple[str, int]] = set()  # prompts and seeds that failed once more

    def fits(self, task: Task, row: int, asked: str | None, identity: Callable[[], str | None]) -> int:
        """How well a row of the folder fits a task: `SAME`, `SAME_LINE` or `OTHER`.

        Args:
            asked: the task's checksum, where it has one.
            identity: gives its id.
        """
        entry = self._journal.entry(row)
        if entry is None:
            return SAME_LINE
        if (asked is not None and entry.asked == asked) or (entry.id and entry.id == identity()):
            return SAME
        if self.refused_before(task, row) is not None:
            return SAME
        return SAME_LINE if self._is_of_its_line(row, task) else OTHER

    def is_in_the_way(self, task: Task, row: int) -> bool:
        """Whether what is in a row, which is not this task, is a picture of another line of the source: the
        task came to its number because rows are rendered more or less often now, and must not take its place.
        """
        placed = self._journal.place(row)
        return placed is not None and placed.done and not self._is_of_its_line(row, task)

    def refused_before(self, task: Task, candidate: int | None = None) -> int | None:
        """The row, or this one alone, that says already that this task is no request; `None` for none."""
        for placed in self._failed() if candidate is None else [self._journal.place(candidate)]:
            if placed is None or placed.named or placed.done:
                continue
            row = placed.row
            record = records.refused(row, task.row.prompt, task.seed, task.fault, **task.place())
            if self.record(row) == record:
                return row
        return None

    def ask(self, row: int) -> None:
        """This run has a task for this row."""
        placed = self._journal.place(row)
        if placed is not None and not placed.done:
            self._asked.add(row)

    def ask_all(self, rows: range) -> None:
        """This run has a task for each of these."""
        self._before = rows

    def failures_not_asked_for(self, is_own: Callable[[Placed], bool]) -> list[int]:
        """Rows of this source that failed, and that this run, which is over, was not asked for."""
        return [placed.row for placed in self._failed() if not self._is_asked(placed.row) and is_own(placed)]

    def first_failures(self, rows: range, most: int) -> list[tuple[str, str]]:
        """Prompts of the first of these rows that failed, each with the reason, where that can be read."""
        read = (self.record(placed.row) for placed in self._failed() if placed.row in rows)
        said = ((record.prompt, record.error) for record in read if record is not None and record.error)
        return list(itertools.islice(said, most))

    def came_to_a_picture(self, *prompts: str | None) -> None:
        """One of this run's prompts did, or has one already; as it was carried out, and as it was written."""
        if self._source.by_content:
            self._shown |= {prompt for prompt in prompts if prompt is not None}

    def settle(self, record: Record) -> None:
        """A row of this run is in the journal."""
        if record.status == "done":
            self.came_to_a_picture(record.prompt, record.template)
            return
        self._asked.add(record.row)
        if self._source.by_content:
            self._missed.add((record.prompt, record.seed))

    def superseded(self) -> frozenset[int]:
        """Rows of the same source that failed in earlier runs, whose prompt has come to a picture in this one,
        or has failed anew with the same seed and other settings: nobody waits for them any more. None that this
        run was asked for is among them."""
        if not self._shown and not self._missed:
            return frozenset()
        failed = (each.row for each in self._failed() if each.source == self._source.name)
        return frozenset(row for row in failed if not self._is_asked(row) and self._is_out_of_date(row))

    def goes_on(self, row: int) -> bool:
        """Whether a row that failed is to be tried again without being asked for, see `records.goes_on`."""
        record = self.record(row)
        return record is not None and records.goes_on(record.error or "")

    def record(self, row: int) -> Record | None:
        """What the journal says of a row; `None` where it says nothing that can be read."""
        try:
            return None if self._journal.place(row) is None else self._journal.record(row)
        except SchemaError:
            return None

    def _failed(self) -> Iterator[Placed]:
        """Rows that failed; of the others nothing is looked at."""
        if self._journal.done == len(self._journal):
            return iter(())
        return (placed for placed in self._journal.placed() if not placed.done)

    def _is_asked(self, row: int) -> bool:
        return row in self._asked or row in self._before

    def _is_out_of_date(self, row: int) -> bool:
        record = self.record(row)
        if record is None:
            return False
        shown = not self._shown.isdisjoint({record.prompt, record.template})
        return shown or (record.prompt, record.seed) in self._missed

    def _is_of_its_line(self, row: int, task: Task) -> bool:
        """Whether a row was made of the task's line; so counts one of which that is not known."""
        record = self.record(row)
        place = (task.row.source, task.row.line)
        return record is None or record.source is None or (record.source, record.line) == place
