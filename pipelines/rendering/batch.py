"""Renders the rows of a source into a folder, and goes on where an earlier run into it was stopped.

A row's picture is safely on disk before its line is in the journal. A row that is no valid request, that a
stage cannot carry out, or whose picture cannot be written, is a line that says so; the others go on. Rows are
read as the pipeline asks for them, so a source may have any number.
"""

import contextlib
import dataclasses
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from ...engine.errors import InputError
from ...engine.values import Failure, Outcome, Request
from ...engine.watch import Watcher
from ...prompts.row import PromptFileError
from ..files import picture_name, preview_bytes, preview_name
from ..recipes.environment import Environment
from ..sheets.thumbnails import small_pictures
from .gallery.gallery import Gallery
from .output import record as records
from .output.contact_sheet import write_sheets
from .output.folder import FolderLostError, OutputFolder
from .output.journal import Journal
from .output.record import Record
from .output.tally import Tally
from .provenance.identity import identity
from .provenance.provenance import picture_bytes, picture_id
from .renderer import Renderer
from .rows.tasks import Task

PATIENCE = 64  # files, one after the other, that cannot be written, after which no more rows are rendered
_LOOK_AHEAD = 1000  # rows without a valid request, after which one is hoped for no more before work begins


@dataclasses.dataclass(frozen=True, kw_only=True)
class Again:
    """Which rows that an earlier run settled are rendered once more.

    Args:
        failed: those that failed.
        all: all of them.
        fresh: all of them, and lines of other rows are forgotten, too.
    """

    failed: bool = False
    all: bool = False
    fresh: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """What the tasks were read from.

    Args:
        name: as it was named; rows carry it, or a name that lies in it.
        title: of the gallery.
        total: its rows, if that is known.
        whole: all of its rows are among the tasks.
    """

    name: str
    title: str
    total: int | None = None
    whole: bool = True


def render_tasks(
    pipe: Renderer,
    tasks: Iterable[Task],
    out: Path,
    *,
    source: Source,
    again: Again | None = None,
    watch: Watcher | None = None,
    on_row: Callable[[Record | None], None] = lambda record: None,
    beside: Callable[[Outcome], Mapping[str, bytes]] = lambda outcome: {},
) -> Tally:
    """Render tasks into the folder `out`, but for those that an earlier run into it settled.

    The journal is put in order, and gallery and contact sheet are finished, at the end; also when the work is
    stopped half-way.

    Args:
        on_row: is told of each row's record as soon as it is on disk, and `None` for a row that was skipped.
        beside: further files of an outcome, by their names in `out`; they are written before its picture.

    Raises:
        InputError: there is no task, or none that is a valid request (the message says what is the matter with
            the first); `out` cannot be written, or another run holds it.
        PromptFileError: the source could not be read to its end; the rows before that are done.
        FolderLostError: nothing can be written any more.
        Cancelled: the watcher said so; what was finished is on disk.
    """
    environment = pipe.environment()
    batch = _Batch(_begun(iter(tasks)), environment, source, again or Again(), on_row, beside)
    batch.tally.judged = pipe.local.runner.chain.judges
    results = pipe.run(batch.requests(), watch=watch)
    with OutputFolder(out) as folder:
        batch.open(folder)
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
    gallery: Gallery

    def __init__(
        self,
        tasks: Iterator[Task],
        environment: Environment,
        source: Source,
        again: Again,
        on_row: Callable[[Record | None], None],
        beside: Callable[[Outcome], Mapping[str, bytes]],
    ) -> None:
        self.tally = Tally()
        self.broken_off: PromptFileError | None = None
        self._tasks = tasks
        self._environment = environment
        self._source = source
        self._again = again
        self._on_row = on_row
        self._beside = beside
        self._started = time.perf_counter()
        self._under_way: dict[int, tuple[Task, str]] = {}  # by number, with the id
        self._unwritten: list[Record] = []  # what the journal could not take yet
        self._trouble = ""  # why the latest file could not be written
        self._misses = 0  # files, one after the other, that could not be written
        self._last: int | None = None  # the number of the source's last row, once that is known

    def open(self, folder: OutputFolder) -> None:
        self.folder = folder
        try:
            self.journal = Journal(folder, fresh=self._again.fresh)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"{folder.path}: the results in it cannot be read ({reason})") from None
        self.gallery = self._new_gallery()

    def requests(self) -> Iterator[Request]:
        """What is to be rendered; rows that need no rendering are dealt with on the way."""
        number = 0
        try:
            for task in self._tasks:
                number = task.number
                if task.request is None:
                    self._refuse(task)
                    continue
                name = identity(task.request, self._environment)
                if self._settled(task, name):
                    entry = self.journal.entry(number)
                    assert entry is not None, "a row that is settled has an entry"
                    kinds = {"accepted": entry.accepted, "partial": entry.partial, "older": entry.older}
                    self.tally.skip(done=entry.done, **kinds)
                    self._on_row(None)
                    continue
                self._under_way[number] = (task, name)
                yield task.request
            self._last = number
        except PromptFileError as error:  # raised in the end: what was read before is still rendered
            self.broken_off = error

    def keep(self, result: Outcome | Failure) -> None:
        """Put a row's pictures on disk, then say so."""
        task, name = self._under_way.pop(result.request.row)
        place = task.place() | {"id": name}
        started, misses = time.perf_counter(), self._misses
        if isinstance(result, Outcome):
            result = self._pictured(result, task)
        if isinstance(result, Outcome):
            self._write(records.done(result, **place))
        else:
            self._write(records.failed(result, **place))
        if self._misses == misses:
            self._misses = 0
        self.tally.stage_seconds["writing"] += time.perf_counter() - started

    def close(self) -> None:
        """Finish the files; raises `FolderLostError` where that is not possible."""
        self._flush()
        try:
            if self._unwritten:
                raise OSError(self._trouble)
            if not len(self.journal):
                return
            self._leave_out()
            self.journal.close()
            self.gallery.close()
            write_sheets(self.journal.records(), self.folder)
        except OSError as error:
            raise self._lost(error.strerror or str(error)) from None
        finally:
            self.tally.seconds = time.perf_counter() - self._started

    def _settled(self, task: Task, name: str) -> bool:
        """Whether an earlier run dealt with just this row, and its picture is there."""
        entry = self.journal.entry(task.number)
        if entry is None or entry.id != name or self._again.all:
            return False
        if not entry.done:
            return not self._again.failed
        return picture_id(self.folder.path / picture_name(task.number, task.row.prompt)) == name

    def _refuse(self, task: Task) -> None:
        """Write down a row that is no request, unless an earlier run did."""
        record = records.refused(task.number, task.row.prompt, task.seed, task.fault, **task.place())
        if self.journal.entry(task.number) is not None and self.journal.record(task.number) == record:
            self.tally.skip(done=False, accepted=False)
            self._on_row(None)
        else:
            self._write(record)

    def _pictured(self, outcome: Outcome, task: Task) -> Outcome | Failure:
        """The outcome, its pictures on disk; the row's own comes last, and is the one that must outlive a power
        cut. Or why they are not."""
        request = outcome.request
        try:
            for file, data in (*small_pictures(outcome).items(), *self._beside(outcome).items()):
                self.folder.write(file, data, sync=False)
            if outcome.draft is not None:
                preview = preview_bytes(outcome.draft.image)
                self.folder.write(preview_name(request.row), preview, sync=False)
            data = picture_bytes(outcome, self._environment, template=task.template)
            self.folder.write(picture_name(request.row, request.prompt), data)
            return outcome
        except OSError as error:
            reason = f"{error.strerror or error}: make room in {self.folder.path}, or bring it back"
            self._missed(error.strerror or str(error))
        except Exception as error:  # no room in memory, a picture library that lacks a format
            reason = f"{type(error).__name__}: {error}"
        return Failure(request=request, stage="writing", reason=reason)

    def _write(self, record: Record) -> None:
        self._unwritten.append(record)
        self._flush()

    def _flush(self) -> None:
        """Write down what the journal can take; what it cannot is tried again with the next row."""
        try:
            while self._unwritten:
                self.journal.add(self._unwritten[0])
                record = self._unwritten.pop(0)
                self.tally.add(record)
                self.gallery.add(record)
                self._on_row(record)
        except OSError as error:
            self._missed(error.strerror or str(error))

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

    def _leave_out(self) -> None:
        """Forget rows that lie behind the end of the source, where they came from it."""
        if self._last is None or not self._source.whole:
            return
        last, name = self._last, self._source.name
        self.tally.dropped = self.journal.drop(
            lambda row, entry: (
                row > last
                and entry.source is not None
                and (entry.source == name or entry.source.startswith(f"{name}/"))
            )
        )
        if self.tally.dropped:
            self.gallery = self._new_gallery()

    def _new_gallery(self) -> Gallery:
        """A gallery of what the journal has already."""
        gallery = Gallery(self.folder, title=self._source.title, total=self._source.total)
        for record in self.journal.records():
            gallery.add(record)
        return gallery
