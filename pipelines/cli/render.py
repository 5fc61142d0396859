"""What `diptych render` does: reads a source, renders its rows into a folder, and says what came of it."""

import itertools
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...engine.errors import Cancelled
from ...engine.messages import shown
from ...prompts.other_tools.said import not_carried_over
from ...prompts.row import STANDARD_INPUT, TEXT, Row
from ..explaining.explanations import Explanations
from ..files import GALLERY, RESULTS, SHEET, refuse_if_not_a_folder
from ..rendering.batch import Again, Source, render_tasks
from ..rendering.output.folder import FolderLostError
from ..rendering.output.record import Record
from ..rendering.output.tally import Tally
from ..rendering.renderer import Renderer
from ..rendering.rows.earlier_rows import failed_rows, is_known_by_content
from ..rendering.rows.picture_files import prompt_in
from ..rendering.rows.prompt_source import ReadOptions, read_rows
from ..rendering.rows.request_makers import OfPipeline
from ..rendering.rows.tasks import Numbers, Task, tasks_of
from ..rendering.stop import Stop, Stoppable
from ..rendering.sweep import Sweep
from ..terminal import error_console, out_console, progress
from .front.streams import OutputLostError, forget_output
from .notes import UnusedNotes, refuse_what_nothing_takes, told_of
from .tables.results import MAX_TABLE_ROWS, results_table, shortened
from .tables.stats import stats_table

MOST_SAID = 5  # rows of which is said what other tools gave them
LOOK_AHEAD = 1000  # rows that are read before work begins, to know how many there are


def run_render(
    make_pipe: Callable[[], Renderer],
    *,
    source: str | None,
    text: Sequence[str] | None,
    out: Path,
    seed: int | None = None,
    wishes: Mapping[str, Any] | None = None,
    reading: ReadOptions | None = None,
    limit: int | None = None,
    only: str | None = None,
    num_images: int | None = None,
    retry_failed: bool = False,
    fresh: bool = False,
    verify: bool = False,
    stats: bool = False,
    explain: bool = False,
    sweep: Sequence[str] = (),
) -> int:
    """Render `source`, or `text`, into `out`, going on where an earlier run into it was stopped.

    Args:
        make_pipe: asked once the source has shown that it can be read.
        text: prompts; without them and a source, that of the picture to start from.
        seed: of the batch; without, 0 for a source that has a name, and a new one for text.
        wishes: settings for all rows; a row's own come first.
        reading: how the source is read.
        limit, only: only so many rows, from the first; only these, e.g. `17,40-60`.
        num_images: pictures of each row that does not say so itself.
        retry_failed, fresh: render rows that failed, or all, once more; with `only`, those alone.
        verify: read every file of the rows that are done whole, before it is relied on.
        stats, explain: say where time and memory went; write beside each picture how it came about.
        sweep: settings and their values, as `guidance=1,2,4`: every row with every combination.

    Returns: the exit status: 0; 1: rows failed, or nothing can be written any more; 130, 143: it was stopped.
    Raises InputError, PromptFileError: the source, an option or the folder is wrong.
    """
    refuse_if_not_a_folder(out)
    numbers = None if only is None else Numbers(only)
    swept = Sweep.parse(sweep) if sweep else None
    chosen = _seed(seed, source)
    refuse_what_nothing_takes(wishes or {}, from_text=source is None, swept=swept.axes if swept else ())
    text = _texts(text, source, wishes or {})
    if source is None and retry_failed and seed is None:
        rows: Iterator[Row] = iter(failed_rows(out, text))
    else:
        read_so = read_rows(source, text, seed=chosen, reading=reading, num_images=num_images)
        told = told_of(read_so, _said(wishes, seed, source), error_console(), copies=num_images)
        rows = _swept(itertools.islice(told, limit), swept, chosen, len(text) * (num_images or 1))
    _say_what_is_lost(head := list(itertools.islice(rows, 1 if source == "-" else LOOK_AHEAD)))
    read = _source_of(source, head, out, whole=limit is None and only is None)
    pipe, rows = make_pipe(), itertools.chain(head, rows)
    alone = source is None and read.total == 1
    tasks = tasks_of(OfPipeline(pipe.local), rows, seed=chosen, alone=alone, wishes=wishes, only=numbers)
    again = Again(failed=retry_failed, all=fresh, fresh=fresh and only is None, verify=verify)
    new = chosen if _is_anew(source, seed, again) else None
    run = _Run(pipe, out, read, again, swept, new_seed=new)
    return run.run(tasks, UnusedNotes(pipe.local, wishes or {}), stats=stats, explain=explain)


def _swept(rows: Iterator[Row], sweep: Sweep | None, seed: int, texts: int) -> Iterator[Row]:
    """The rows with every combination of a sweep; `texts` is how many prompts were given by -p."""
    return rows if sweep is None else sweep.rows(rows, seed=seed, alone=texts == 1)


def _say_what_is_lost(head: Sequence[Row]) -> None:
    """What other tools said of the first rows' pictures, and is not carried over."""
    for line in filter(None, map(not_carried_over, head[:MOST_SAID])):
        error_console().print(f"diptych: {line}", soft_wrap=True)


def _source_of(source: str | None, head: Sequence[Row], out: Path, *, whole: bool) -> Source:
    """What is known of a source by its first rows."""
    name = source or TEXT
    total = len(head) if len(head) < (1 if source == "-" else LOOK_AHEAD) else None
    return Source(
        name=name,
        title=_title(name, head, total),
        total=total,
        whole=whole,
        by_content=is_known_by_content(source, out),
    )


def _seed(given: int | None, source: str | None) -> int:
    """The batch's seed: text behind -p makes another picture each time, unless its seed is said."""
    if given is not None:
        return given
    return secrets.randbelow(2**32) if source is None else 0


def _said(wishes: Mapping[str, Any] | None, seed: int | None, source: str | None) -> Mapping[str, Any]:
    """What was said for all rows of a source, which may say otherwise themselves; text behind -p does not."""
    if source is None:
        return {}
    return {**(wishes or {}), **({} if seed is None else {"seed": seed})}


def _texts(text: Sequence[str] | None, source: str | None, wishes: Mapping[str, Any]) -> Sequence[str]:
    """The texts behind -p; where there are none, but a picture to start from, the prompt that it was made of.

    Raises:
        InputError: the picture does not say.
    """
    base = wishes.get("image") or wishes.get("starts_from")
    if text or source is not None or base is None:
        return text or ()
    prompt = prompt_in(Path(base))
    error_console().print(f"diptych: {base} was made of {shown(prompt)}: taken as the prompt", soft_wrap=True)
    return [prompt]


def _is_anew(source: str | None, seed: int | None, again: Again) -> bool:
    """Whether the seed was chosen for this run, and is to be shown."""
    return source is None and seed is None and not again.failed


class _Run:
    """The part of a run that a terminal sees."""

    def __init__(
        self,
        pipe: Renderer,
        out: Path,
        source: Source,
        again: Again,
        sweep: Sweep | None,
        *,
        new_seed: int | None,
    ) -> None:
        self.pipe = pipe
        self.out = out
        self.source = source
        self.again = again
        self.sweep = sweep
        self.shown: list[Record] = []
        self.new_seed = new_seed  # that was chosen for this run, and is to be shown

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
        grids = self.sweep.write_grids(self.out, tally.placed) if self.sweep else ()
        try:
            self._report(tally, grids)
        except OutputLostError as error:
            if not error.unread:
                raise
            forget_output()  # the pictures are made, and whoever read the table has seen enough
        if tally.all_done:
            return 0
        for prompt, why in tally.failures_before:
            console.print(f"diptych: failed before: {shown(prompt)}: {shortened(why)}", soft_wrap=True)
        console.print(f"diptych: {_how_to_mend(tally)}", soft_wrap=True)
        return 1

    def _see(self, record: Record | None, on_row: Callable[[], None]) -> None:
        if record is not None and len(self.shown) < MAX_TABLE_ROWS:
            self.shown.append(record)
        on_row()

    def _how_to_go_on(self) -> str:
        command = "the same command without --fresh" if self.again.all else "the same command"
        if self.new_seed is not None:
            command = f"the same command with --seed {self.new_seed}"
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
        if self.new_seed is not None:
            results.print(f"seed:          {self.new_seed} (with --seed, the same again)", soft_wrap=True)
        if (self.out / SHEET).exists():
            results.print(f"contact sheet: {self.out / SHEET}", soft_wrap=True)
        for name in grids:
            results.print(f"sweep:         {self.out / name}", soft_wrap=True)
        results.print(f"gallery:       {self.out / GALLERY}", soft_wrap=True)


def _how_to_mend(tally: Tally) -> str:
    """How many rows failed, and what there is to do: to try the same again helps some of them alone."""
    failed = tally.failed + tally.failed_before
    said = f"{failed} of {tally.rows} rows failed; results.jsonl says why"
    if not tally.may_pass:
        return f"{said}: change what it names, and run the command again"
    which = "renders them again" if tally.may_pass == failed else f"renders {tally.may_pass} of them again"
    return f"{said}; --retry-failed {which}"


def _title(name: str, head: Sequence[Row], total: int | None) -> str:
    """What the gallery is called: the file's name, or the prompt."""
    if name not in (STANDARD_INPUT, TEXT):
        return Path(name).stem
    return head[0].prompt if total == 1 else f"{total or 'many'} prompts"
