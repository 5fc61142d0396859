"""What earlier runs left in a folder, held against the rows of this one: which of them is meant, which must not
be written over, and which failures are out of date. Decides nothing about files.
"""

from collections.abc import Callable

from .output import record as records
from .output.journal import Entry, Journal
from .output.record import Record
from .rows.tasks import Task
from .schema import SchemaError

SAME, SAME_LINE, OTHER = 2, 1, 0
"""How well a row of the folder fits one of a source: it is that row; it was made of the same line, which was
edited or has other settings now; it is of another line."""


class Earlier:
    """The rows that are in a folder when a run begins.

    Args:
        source: of this run, as it was named.
    """

    def __init__(self, journal: Journal, source: str) -> None:
        self._journal = journal
        self._source = source
        self._asked: set[int] = set()  # rows of this run
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
        if (asked is not None and entry.known().asked == asked) or (entry.id and entry.id == identity()):
            return SAME
        if self.refused_before(task, row) is not None:
            return SAME
        return SAME_LINE if self._is_of_its_line(row, task) else OTHER

    def is_in_the_way(self, task: Task, row: int, entry: Entry | None) -> bool:
        """Whether an entry that is not this task has a picture of another line of the source: the task came to
        its number because rows are rendered more or less often now, and must not take its place."""
        return entry is not None and entry.done and not self._is_of_its_line(row, task)

    def refused_before(self, task: Task, candidate: int | None = None) -> int | None:
        """The row, or this one alone, that says already that this task is no request; `None` for none."""
        rows = [candidate] if candidate is not None else [row for row, _ in self._journal.entries()]
        for row in rows:
            entry = self._journal.entry(row)
            if entry is None or entry.id is not None or entry.done:
                continue
            record = records.refused(row, task.row.prompt, task.seed, task.fault, **task.place())
            if self.record(row) == record:
                return row
        return None

    def ask(self, row: int) -> None:
        """This run has a task for this row."""
        self._asked.add(row)

    def failures_not_asked_for(self, is_own: Callable[[int, Entry], bool]) -> list[int]:
        """Rows of this source that failed, and that this run, which is over, was not asked for."""
        entries = self._journal.entries()
        return [row for row, e in entries if not e.done and row not in self._asked and is_own(row, e)]

    def came_to_a_picture(self, *prompts: str | None) -> None:
        """One of this run's prompts did, or has one already; as it was carried out, and as it was written."""
        self._shown |= {prompt for prompt in prompts if prompt is not None}

    def settle(self, record: Record) -> None:
        """A row of this run is in the journal."""
        if record.status == "done":
            self.came_to_a_picture(record.prompt, record.template)
        else:
            self._missed.add((record.prompt, record.seed))

    def superseded(self) -> frozenset[int]:
        """Rows of the same source that failed in earlier runs, whose prompt has come to a picture in this one,
        or has failed anew with the same seed and other settings: nobody waits for them any more. None that this
        run was asked for is among them."""
        if not self._shown and not self._missed:
            return frozenset()
        return frozenset(
            row
            for row, record in self._failures().items()
            if row not in self._asked
            and (self._shown & {record.prompt, record.template} or (record.prompt, record.seed) in self._missed)
        )

    def why(self, row: int) -> str:
        """Why a row failed; empty where that cannot be read."""
        record = self.record(row)
        return record.error or "" if record else ""

    def record(self, row: int) -> Record | None:
        """What the journal says of a row; `None` where it says nothing that can be read."""
        try:
            return self._journal.record(row)
        except (SchemaError, KeyError):
            return None

    def _failures(self) -> dict[int, Record]:
        entries = [(row, entry) for row, entry in self._journal.entries() if entry.source == self._source]
        failed = ((row, self.record(row)) for row, entry in entries if not entry.done)
        return {row: record for row, record in failed if record is not None}

    def _is_of_its_line(self, row: int, task: Task) -> bool:
        """Whether a row was made of the task's line; so counts one of which that is not known."""
        record = self.record(row)
        place = (task.row.source, task.row.line)
        return record is None or record.source is None or (record.source, record.line) == place
