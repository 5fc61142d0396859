"""Renders the rows of a source into a folder, and goes on where an earlier run into it was stopped.

A row's picture is safely on disk before its line is in the journal. A row that is no valid request, that a
stage cannot carry out, or whose picture cannot be written, is a line that says so; the others go on. Rows are
read as they are asked for.
"""

import contextlib
import dataclasses
import functools
import itertools
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...engine.errors import DiptychError, InputError
from ...engine.messages import first_line, reason_of
from ...engine.values import Failure, Outcome, Request
from ...engine.watch import Watcher
from ...prompts.row import PromptFileError
from ..files import picture_name, preview_bytes, preview_name
from ..sheets.thumbnails import small_pictures
from .earlier import Earlier
from .output import record as records
from .output.folder import FolderLostError, OutputFolder
from .output.index import IndexLine, Settled
from .output.journal import Journal
from .output.places import ByNumber, Places, places_for
from .output.positions import Placed
from .output.record import Record
from .output.tally import MOST_PLACED, MOST_TOLD, Tally
from .pages import Pages, shown_title
from .provenance.identity import context_of, identity
from .provenance.provenance import picture_bytes
from .renderer import Renderer
from .row_files import RowFiles, Written
from .rows.tasks import Task
from .settled import Shortcut, Statement, are_settled, as_settled, count
from .source import Again as Again
from .source import Source as Source

PATIENCE = 64  # files, one after the other, that cannot be written, after which no more rows are rendered
_LOOK_AHEAD = 1000  # rows without a valid request, after which one is hoped for no more before work begins


def render_tasks(
    pipe: Renderer,
    tasks: Iterable[Task],
    out: Path,
    *,
    source: Source,
    again: Again | None = None,
    statement: Statement | None = None,
    shortcut: Shortcut | None = None,
    watch: Watcher | None = None,
    on_row: Callable[[Record | None], None] = lambda record: None,
    beside: Callable[[Outcome], Mapping[str, bytes]] = lambda outcome: {},
) -> Tally:
    """Render tasks into the folder `out`, but for those that an earlier run into it settled.

    The journal is put in order, and gallery and contact sheet are finished, at the end; also when the work is
    stopped half-way.

    Args:
        statement: what decides all rows of the source, where that can be told.
        shortcut: rows of it that need not be looked at one by one, if they are as the index says.
        on_row: is told of each row's record as soon as it is on disk, and `None` for a row that was skipped.
        beside: further files of an outcome, by their names in `out`; they are written before its picture.

    Raises:
        InputError: there is no task, or none that is a valid request (the message says what is the matter with
            the first); `out` cannot be written, or another run holds it.
        PromptFileError: the source could not be read to its end; the rows before that are done.
        FolderLostError: nothing can be written any more.
        Cancelled: the watcher said so; what was finished is on disk.
    """
    batch = _Batch(pipe, _begun(iter(tasks)), source, again or Again(), statement, on_row, beside)
    results = pipe.run(batch.requests(), watch=watch, in_order=False)
    with OutputFolder(out) as folder:
        batch.open(folder, shortcut)
        try:
            for result in results:
                batch.keep(result)
        except BaseException:
            with contextlib.suppress(OSError, FolderLostError):
                batch.close()
            raise
        batch.close()
    if batch.broken_off is not None:
        raise batch.broken_off
    return batch.tally


def _begun(tasks: Iterator[Task]) -> Iterator[Task]:
    """The same tasks, after a look at whether there is anything to do."""
    head: list[Task] = []
    for task in itertools.islice(tasks, _LOOK_AHEAD):
        head.append(task)
        if task.request is not None:
            return itertools.chain(head, tasks)
    if len(head) == _LOOK_AHEAD:
        return itertools.chain(head, tasks)
    raise InputError(head[0].fault if head else "there is nothing to render: the source has no such row")


class _Batch:
    """One run: what is under way, and where it goes."""

    folder: OutputFolder
    journal: Journal
    pages: Pages
    places: Places
    files: RowFiles
    earlier: Earlier

    def __init__(
        self,
        pipe: Renderer,
        tasks: Iterator[Task],
        source: Source,
        again: Again,
        statement: Statement | None,
        on_row: Callable[[Record | None], None],
        beside: Callable[[Outcome], Mapping[str, bytes]],
    ) -> None:
        self.tally = Tally(judged=pipe.local.runner.chain.judges)
        self.broken_off: PromptFileError | None = None
        self._tasks = tasks
        self._environment = pipe.environment()
        self._context = context_of(pipe.local.recipe, self._environment)
        self._source = source
        self._again = again
        self._statement = statement
        self._on_row = on_row
        self._beside = beside
        self._started = time.perf_counter()
        self._under_way: dict[int, tuple[Task, str]] = {}  # by row, with the id
        self._unwritten: list[tuple[Record, Written]] = []  # what the journal could not take yet
        self._trouble = ""  # why the latest file could not be written
        self._misses = 0  # files, one after the other, that could not be written
        self._before = 0  # rows of the source that were not looked at one by one
        self._last: int | None = None  # the number of the source's last row, once that is known
        self._offsets: set[int | None] = set()  # rows less their numbers; `None` for what the next run must ask

    def open(self, folder: OutputFolder, shortcut: Shortcut | None = None) -> None:
        self.folder = folder
        try:
            self.journal = Journal(folder)
        except OSError as error:
            reason = reason_of(error)
            raise InputError(f"{folder.path}: the results in it cannot be read ({reason})") from None
        self.places = places_for(self.journal, self._source.name, by_content=self._source.by_content)
        self.files = RowFiles(folder, self.journal, verify=self._again.verify)
        self.earlier = Earlier(self.journal, self._source)
        others = sum(rows for (name, _), rows in self.journal.groups().items() if not self.places.has(name))
        title, total = shown_title(folder, self._source, others)
        self.pages = Pages(folder, self.journal, title=title, total=total)
        if self._again.fresh:
            self._drop([each.row for each in self.journal.placed() if self._is_own(each)], with_first=True)
        elif shortcut is not None and self._again == Again():
            self._take(shortcut)

    def _take(self, shortcut: Shortcut) -> None:
        """Go on behind the rows that are settled, if they still are."""
        settled = shortcut.settled
        there = are_settled(settled, self.folder, self.journal, self._source)
        if there and isinstance(self.places, ByNumber):
            count(settled, self.tally)
            self.earlier.ask_all(self.places.begin_behind(settled.rows, settled.offset))
            self._offsets.add(settled.offset)
            self._before, self._tasks = settled.rows, shortcut.rest

    def requests(self) -> Iterator[Request]:
        """What is to be rendered; rows that need no rendering are dealt with on the way."""
        number = self._before
        try:
            for task in self._tasks:
                number = task.number
                if (request := self._request(task)) is not None:
                    yield request
            self._last = number
        except PromptFileError as error:  # raised in the end: what was read before is still rendered
            self.broken_off = error
        except (DiptychError, GeneratorExit):
            raise
        except Exception as error:  # of a reader that no such file was ever tried on
            said = first_line(error, named=True)
            self.broken_off = PromptFileError(
                f"{self._source.name}: reading stopped after {number} rows ({said})"
            )

    def keep(self, result: Outcome | Failure) -> None:
        """Put a row's pictures on disk, then say so."""
        task, name = self._under_way.pop(result.request.row)
        place = self._place(task, result.request.row) | {"id": name}
        started, misses = time.perf_counter(), self._misses
        written = Written(asked=task.asked(self._context))
        if isinstance(result, Outcome):
            result = self._pictured(result, task, written)
        if isinstance(result, Failure):
            row = self._place_of_failure(task, result.request.row, name)
            result = dataclasses.replace(result, request=dataclasses.replace(result.request, row=row))
        try:
            made = records.done if isinstance(result, Outcome) else records.failed
            record = made(result, **place)  # pyright: ignore[reportArgumentType]
            record.to_json()
        except Exception as error:  # a number that is none, say
            fault = f"writing: {first_line(error, named=True)}"
            row = self._place_of_failure(task, result.request.row, name)
            record = records.refused(row, task.row.prompt, task.seed, fault, id=name)
        self._write(record, written)
        if self._misses == misses:
            self._misses = 0
        self.tally.stage_seconds["writing"] += time.perf_counter() - started

    def close(self) -> None:
        """Finish the files; raises `FolderLostError` where that is not possible."""
        self._flush()
        try:
            if self._unwritten:
                raise OSError(self._trouble)
            if not len(self.journal) or self.journal.undecided:
                return
            if (last := self._last) is not None and self._source.whole:
                behind = (each for each in self.journal.placed() if self.places.is_behind(each, last))
                self.tally.kept = sum(each.done for each in behind)  # a folder only grows
                self.tally.dropped = self._drop(self.earlier.failures_not_asked_for(self._is_own))
            self.tally.superseded = self._drop(self.earlier.superseded())
            self.pages.close(self._settled())
        except OSError as error:
            raise self._lost(reason_of(error)) from None
        finally:
            self.tally.seconds = time.perf_counter() - self._started

    def _request(self, task: Task) -> Request | None:
        """What a row asks for, if it is to be rendered."""
        asked = task.asked(self._context)
        name = self._identity(task) if self.places.by_content else ""
        if name is None:
            before = self.earlier.refused_before(task)
            return self._refuse(task, before or self.places.row_of(task.number, None))
        own_id = functools.partial(self._identity, task)
        row = self.places.row_of(
            task.number, name, fits=lambda row: self.earlier.fits(task, row, asked, own_id)
        )
        self._ask(task, row)
        if asked is None and task.row.fault is None:
            self._offsets.add(None)
        entry = self.journal.entry(row)
        as_asked_before = entry is not None and asked is not None and entry.asked == asked
        if entry is not None and as_asked_before and self._is_settled(entry, asked):
            return self._skip(task, entry)
        name = name or self._identity(task)
        if name is None or task.request is None:
            return self._refuse(task, row)
        if entry is not None and entry.id == name and self._is_settled(entry, asked):
            return self._skip(task, entry)
        if not self.places.by_content and self.earlier.is_in_the_way(task, row):
            row = self.places.anew(task.number)
            self._ask(task, row)
        with contextlib.suppress(OSError):
            self.journal.keep_copy()
        self._under_way[row] = (task, name)
        return task.request if task.request.row == row else dataclasses.replace(task.request, row=row)

    def _settled(self) -> Settled | None:
        """The source, if all of it is settled, and nothing but its bytes and `asked` decides that."""
        statement, (offset, *others) = self._statement, self._offsets or (None,)
        if statement is None or not self._last or offset is None or others or not self._source.whole:
            return None
        if self._under_way or self.tally.goes_on or self.broken_off is not None or not statement.holds_still():
            return None
        failures = self.earlier.first_failures(range(offset + 1, offset + self._last + 1), MOST_TOLD)
        return as_settled(self.tally, statement, self._last, offset, failures)

    def _ask(self, task: Task, row: int) -> None:
        """Note which row a task is."""
        self.earlier.ask(row)
        self._offsets.add(row - task.number)
        if task.number <= MOST_PLACED:
            self.tally.placed[task.number] = row

    def _place_of_failure(self, task: Task, row: int, name: str | None) -> int:
        """Where it is written down that a task failed: not in the place of a picture of another request."""
        entry = self.journal.entry(row)
        if entry is not None and entry.done and entry.id != name:
            row = self.places.anew(task.number)
        self._ask(task, row)
        return row

    def _identity(self, task: Task) -> str | None:
        """The id of a row; `None` for what is no request."""
        if task.request is None:
            return None
        try:
            return identity(task.request, self._environment)
        except Exception as error:  # a value that no JSON can hold
            task.refuse(first_line(error, named=True))
            return None

    def _place(self, task: Task, row: int) -> dict[str, Any]:
        """Where a row stands and what else it says. Of one that is known by what it asks for, and is there
        already, what was said first: a file's row stays that file's."""
        said = self.earlier.record(row) if self.places.by_content else None
        if said is not None:
            return {name: getattr(said, name) for name in ("source", "line", "number", "template", "notes")}
        return task.place()

    def _is_settled(self, entry: IndexLine, asked: str | None) -> bool:
        """Whether an earlier run dealt with just this row, and its files are there."""
        if self._again.all:
            return False
        if not entry.done:
            return not (self._again.failed or self.earlier.goes_on(entry.row))
        return self.files.are_sound(entry, asked=asked)

    def _skip(self, task: Task, entry: IndexLine) -> None:
        if not entry.done:
            return self._skip_failed(entry.row)
        self.tally.skip(done=True, accepted=entry.accepted, partial=entry.partial, older=entry.older)
        if self._source.by_content:
            self.tally.found(task.row.prompt)
            self.earlier.came_to_a_picture(task.row.prompt, task.template)
        self._on_row(None)

    def _skip_failed(self, row: int) -> None:
        self.tally.skip(done=False, accepted=False)
        if (record := self.earlier.record(row)) is not None:
            self.tally.failed_again(record.prompt, record.error or "")
        self._on_row(None)

    def _refuse(self, task: Task, row: int) -> None:
        """Write down a row that is no request, unless an earlier run did."""
        row = self._place_of_failure(task, row, None)
        if self.earlier.refused_before(task, row) is not None:
            return self._skip_failed(row)
        record = records.refused(row, task.row.prompt, task.seed, task.fault, **task.place())
        self._write(record, Written())

    def _pictured(self, outcome: Outcome, task: Task, written: Written) -> Outcome | Failure:
        """The outcome, its pictures on disk; the row's own must outlive a power cut. Or why they are not:
        then what an earlier run left there is as it was."""
        request = outcome.request
        try:
            data = picture_bytes(outcome, self._environment, template=task.template)
            small = small_pictures(outcome)
            if outcome.draft is not None:
                small[preview_name(request.row)] = preview_bytes(outcome.draft.image)
            for file, content in self._beside(outcome).items():
                self.folder.write(file, content, sync=False)
            own = {picture_name(request.row, request.prompt): data}
            written.files = self.folder.write_together(own | small)
            return outcome
        except OSError as error:
            reason = f"{reason_of(error)}: make room in {self.folder.path}, or bring it back"
            self._missed(reason_of(error))
        except Exception as error:  # no room in memory, a picture library that lacks a format
            reason = f"{type(error).__name__}: {error}"
        return Failure(request=request, stage="writing", reason=reason)

    def _write(self, record: Record, written: Written) -> None:
        self._unwritten.append((record, written))
        self._flush()

    def _flush(self) -> None:
        """Write down what the journal can take; what it cannot is tried again with the next row."""
        try:
            while self._unwritten:
                record, written = self._unwritten[0]
                self.journal.add(record, written.files, asked=written.asked)
                self._unwritten.pop(0)
                self.tally.add(record)
                self.earlier.settle(record)
                self.pages.show(record)
                self._on_row(record)
        except OSError as error:
            self._missed(reason_of(error))

    def _missed(self, reason: str) -> None:
        self._misses += 1
        self._trouble = reason
        if self._misses >= PATIENCE:
            raise self._lost(reason)

    def _lost(self, reason: str) -> FolderLostError:
        return FolderLostError(
            f"{self.folder.path}: cannot be written any more ({reason}): make room or bring it back;"
            " the same command with --retry-failed goes on"
        )

    def _is_own(self, placed: Placed) -> bool:
        return self.places.is_behind(placed, 0)

    def _drop(self, rows: Collection[int], *, with_first: bool = False) -> int:
        """Forget rows; returns how many."""
        if rows:
            self.journal.drop(rows, with_first=with_first)
            self.pages.begin_anew(min(rows))
        return len(rows)
