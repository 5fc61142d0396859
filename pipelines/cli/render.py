"""What `diptych render` does: reads a source, renders its rows into a folder, and says what came of it."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...engine.errors import Cancelled
from ...prompts.row import Row
from ..explaining.explanations import Explanations
from ..files import GALLERY, RESULTS, SHEET, refuse_if_not_a_folder
from ..rendering.batch import Again, Source, render_tasks
from ..rendering.output.folder import FolderLostError
from ..rendering.output.record import Record
from ..rendering.output.tally import Tally
from ..rendering.renderer import Renderer
from ..rendering.rows.prompt_source import ReadOptions, read_rows
from ..rendering.rows.request_makers import OfPipeline
from ..rendering.rows.tasks import Numbers, Task, tasks_of
from ..rendering.stop import Stop, Stoppable
from ..rendering.sweep import Sweep
from ..terminal import error_console, out_console, progress
from .front.streams import OutputLostError, forget_output
from .notes import UnusedNotes, refuse_what_nothing_takes
from .tables.results import MAX_TABLE_ROWS, results_table
from .tables.stats import stats_table

LOOK_AHEAD = 1000  # rows that are read before work begins, to know how many there are


def run_render(
    make_pipe: Callable[[], Renderer],
    *,
    source: str | None,
    text: list[str] | None,
    out: Path,
    seed: int = 0,
    wishes: Mapping[str, Any] | None = None,
    reading: ReadOptions | None = None,
    limit: int | None = None,
    only: str | None = None,
    num_images: int | None = None,
    retry_failed: bool = False,
    fresh: bool = False,
    stats: bool = False,
    explain: bool = False,
    sweep: Sequence[str] = (),
) -> int:
    """Render `source`, or `text`, into `out`, going on where an earlier run into it was stopped.

    Args:
        make_pipe: asked once the source has shown that it can be read.
        wishes: settings for all rows; a row's own come first.
        reading: how the source is read, and what becomes of variants in it.
        limit: only so many rows, from the first.
        only: only these rows, e.g. `17,40-60`.
        num_images: pictures of each row that does not say itself how many.
        retry_failed: render rows that failed once more.
        fresh: render all rows once more; with `only`, those, and the others stay as they are.
        stats: say where time and memory went.
        explain: write beside each picture how it came about.
        sweep: settings and their values, as `guidance=1,2,4`: every row with every combination.

    Returns:
        The exit status: 0; 1 where some rows failed, or nothing can be written any more; 130 where Ctrl-C
        stopped it, 143 where SIGTERM did.

    Raises:
        InputError, PromptFileError: the source, an option or the folder is wrong.
    """
    refuse_if_not_a_folder(out)
    numbers = None if only is None else Numbers(only)
    swept = Sweep.parse(sweep) if sweep else None
    refuse_what_nothing_takes(wishes or {}, from_text=source is None)
    rows = itertools.islice(read_rows(source, text, seed=seed, reading=reading, num_images=num_images), limit)
    rows = (
        rows if swept is None else swept.rows(rows, seed=seed, alone=len(text or ()) * (num_images or 1) == 1)
    )
    count = 1 if source == "-" else LOOK_AHEAD
    head = list(itertools.islice(rows, count))
    total = len(head) if len(head) < count else None
    pipe = make_pipe()
    name = source or "-p"
    alone = source is None and total == 1
    makes = OfPipeline(pipe.local)
    tasks = tasks_of(makes, itertools.chain(head, rows), seed=seed, alone=alone, wishes=wishes, only=numbers)
    unused = UnusedNotes(pipe.local, wishes or {})
    read = Source(name=name, title=_title(name, head, total), total=total, whole=limit is None and only is None)
    again = Again(failed=retry_failed, all=fresh, fresh=fresh and only is None)
    return _Run(pipe, out, read, again, swept).run(tasks, unused, stats=stats, explain=explain)


class _Run:
    """The part of a run that a terminal sees."""

    def __init__(self, pipe: Renderer, out: Path, source: Source, again: Again, sweep: Sweep | None) -> None:
        self.pipe = pipe
        self.out = out
        self.source = source
        self.again = again
        self.sweep = sweep
        self.shown: list[Record] = []

    def run(self, tasks: Iterator[Task], unused: UnusedNotes, *, stats: bool, explain: bool) -> int:
        """Returns the exit status."""
        console, started, stop = error_console(), time.perf_counter(), Stop()
        try:
            with stop, progress(console, self.source.total) as watch:
                onlooker = Explanations(Stoppable(watch, stop)) if explain else None
                tally = render_tasks(
                    self.pipe,
                    unused.of(tasks, console),
                    self.out,
                    source=self.source,
                    again=self.again,
                    watch=onlooker or Stoppable(watch, stop),
                    on_row=lambda record: self._see(record, watch.on_row),
                    beside=onlooker.files if onlooker else lambda outcome: {},
                )
        except (Cancelled, KeyboardInterrupt):
            console.print(f"diptych: stopped; {self._how_to_go_on()}", soft_wrap=True)
            return stop.status
        except FolderLostError as error:
            console.print(f"diptych: {error}", soft_wrap=True)
            return 1
        if stats:
            seconds = time.perf_counter() - started
            console.print(stats_table(self.pipe.log, seconds, tally.done))
        grids = self.sweep.write_grids(self.out) if self.sweep else ()
        try:
            self._report(tally, grids)
        except OutputLostError as error:
            if not error.unread:
                raise
            forget_output()  # the pictures are made, and whoever read the table has seen enough
        if tally.all_done:
            return 0
        failed = f"{tally.failed + tally.failed_before} of {tally.rows} rows failed"
        again = "results.jsonl says why; --retry-failed renders them again"
        console.print(f"diptych: {failed}; {again}", soft_wrap=True)
        return 1

    def _see(self, record: Record | None, on_row: Callable[[], None]) -> None:
        if record is not None and len(self.shown) < MAX_TABLE_ROWS:
            self.shown.append(record)
        on_row()

    def _how_to_go_on(self) -> str:
        command = "the same command without --fresh" if self.again.all else "the same command"
        if (self.out / RESULTS).exists():
            return f"what was finished is in {self.out}; {command} goes on from there"
        return f"no row was finished yet; {command} begins again"

    def _report(self, tally: Tally, grids: Sequence[str]) -> None:
        results = out_console()
        if self.shown:
            rows = sorted(self.shown, key=lambda record: record.row)
            results.print(results_table(rows, more=tally.done + tally.failed - len(rows)))
        for line in tally.lines():
            results.print(line, soft_wrap=True)
        if (self.out / SHEET).exists():
            results.print(f"contact sheet: {self.out / SHEET}", soft_wrap=True)
        for name in grids:
            results.print(f"sweep:         {self.out / name}", soft_wrap=True)
        results.print(f"gallery:       {self.out / GALLERY}", soft_wrap=True)


def _title(name: str, head: Sequence[Row], total: int | None) -> str:
    """What the gallery is called: the file's name, or the prompt."""
    if name not in ("-", "-p"):
        return Path(name).stem
    return head[0].prompt if total == 1 else f"{total or 'many'} prompts"
