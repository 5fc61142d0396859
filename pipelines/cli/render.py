"""What `diptych render` does: reads a source, renders its rows into a folder, and says what came of it."""

import dataclasses
import itertools
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...engine.errors import Cancelled
from ...engine.messages import shown
from ...prompts.other_tools.said import not_carried_over
from ...prompts.row import STANDARD_INPUT, TEXT, Row
from ...prompts.text import Mark
from ..explaining.explanations import Explanations
from ..files import GALLERY, RESULTS, SHEET, refuse_if_not_a_folder
from ..rendering.batch import Again, Source, render_tasks
from ..rendering.output.folder import FolderLostError
from ..rendering.output.index import Settled
from ..rendering.output.record import Record
from ..rendering.output.tally import Tally
from ..rendering.renderer import Renderer
from ..rendering.rows.earlier_rows import failed_rows, is_known_by_content
from ..rendering.rows.picture_files import prompt_in
from ..rendering.rows.prompt_source import ReadOptions, read_rows
from ..rendering.rows.reference_rows import names_pictures
from ..rendering.rows.request_makers import OfPipeline
from ..rendering.rows.tasks import Numbers, Task, tasks_of
from ..rendering.settled import Found, Shortcut, Statement, nothing_to_do, statement_of
from ..rendering.stop import Stop, Stoppable
from ..rendering.sweep import Sweep
from ..terminal import error_console, out_console, progress
from .front.streams import OutputLostError, forget_output
from .tables.results import MAX_TABLE_ROWS, results_table, shortened
from .tables.stats import stats_table
from .unused_options import MOST_TOLD, Once, UnusedNotes, refuse_what_nothing_takes, told_of

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
    said_of_pipe: Callable[[], str] | None = None,
) -> int:
    """Render `source`, or `text`, into `out`, going on where an earlier run into it was stopped.

    Args:
        make_pipe: asked once the source has shown that it can be read, and if there may be something to do.
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
        said_of_pipe: what `make_pipe` would make, without making it; see `rendering.settled`.

    Returns: the exit status: 0; 1: rows failed, or nothing can be written any more; 130, 143: it was stopped.
    Raises InputError, PromptFileError: the source, an option or the folder is wrong.
    """
    refuse_if_not_a_folder(out)
    numbers = None if only is None else Numbers(only)
    swept = Sweep.parse(sweep) if sweep else None
    given, once = wishes or {}, Once(error_console(), most=MOST_TOLD)
    refuse_what_nothing_takes(given, from_text=source is None, swept=swept.axes if swept else ())
    texts = _texts(text, source, given)
    asked = _Asked(source, texts, seed, _seed(seed, source), given, reading, num_images, numbers, once)
    again = Again(failed=retry_failed, all=fresh, fresh=fresh and only is None, verify=verify)
    whole, plain = limit is None and only is None, again == Again() and not stats
    earlier = _Earlier() if swept or not whole else _Earlier.of(asked, out, said_of_pipe, usable=plain)
    failed = failed_rows(out, texts) if source is None and retry_failed and seed is None else None
    rows = asked.swept(itertools.islice(asked.rows(), limit), swept) if failed is None else iter(failed)
    _say_what_is_lost(head := list(itertools.islice(rows, 1 if source == "-" else LOOK_AHEAD)))
    read = _source_of(source, head, out, whole=whole)
    run = _Run(out, read, again, swept, new_seed=asked.seed if _is_anew(source, seed, again) else None)
    if (tally := earlier.nothing_to_do(asked, out, read)) is not None:
        return run.say_nothing_to_do(tally)
    return run.run(make_pipe(), asked, itertools.chain(head, rows), earlier, stats=stats, explain=explain)


@dataclasses.dataclass(frozen=True)
class _Asked:
    """What rows are made of: a source or text, and what was said of all of them."""

    source: str | None
    text: Sequence[str]
    said_seed: int | None
    seed: int
    wishes: Mapping[str, Any]
    reading: ReadOptions | None
    num_images: int | None
    only: Numbers | None
    once: Once  # says what is not carried out as somebody may expect

    def rows(self, **behind: Any) -> Iterator[Row]:
        """All of them, or those behind a mark (see `read_rows`)."""
        count = self.num_images
        rows = read_rows(
            self.source, self.text, seed=self.seed, reading=self.reading, num_images=count, **behind
        )
        return told_of(rows, _said(self.wishes, self.said_seed, self.source), self.once, copies=count)

    def swept(self, rows: Iterator[Row], sweep: Sweep | None) -> Iterator[Row]:
        """The rows with every combination of a sweep."""
        alone = len(self.text) * (self.num_images or 1) == 1
        return rows if sweep is None else sweep.rows(rows, seed=self.seed, alone=alone)

    def tasks(self, pipe: Renderer, rows: Iterator[Row], **more: Any) -> Iterator[Task]:
        makes = OfPipeline(pipe.local)
        return tasks_of(makes, rows, seed=self.seed, wishes=self.wishes, only=self.only, **more)

    def statement(self, out: Path, said_of_pipe: Callable[[], str] | None) -> Statement | None:
        """What decides the rows, where that can be told; see `rendering.settled`."""
        if said_of_pipe is None or self.text or names_pictures(self.wishes):
            return None
        said = (self.said_seed, self.seed, sorted(self.wishes.items()), self.num_images)
        return statement_of(self.source, out, said_of_pipe, reading=self.reading, said=said)


@dataclasses.dataclass(frozen=True)
class _Earlier:
    """What the index says of an earlier run of the same source."""

    statement: Statement | None = None
    found: Found | None = None

    @classmethod
    def of(
        cls, asked: _Asked, out: Path, said_of_pipe: Callable[[], str] | None, *, usable: bool
    ) -> "_Earlier":
        """Args:
        usable: rows that are settled may be left out.
        """
        statement = asked.statement(out, said_of_pipe)
        return cls(statement, statement.found(out) if statement is not None and usable else None)

    def nothing_to_do(self, asked: _Asked, out: Path, source: Source) -> Tally | None:
        """What the run comes to, if all rows are settled and everything is there; what was said of them is said
        again."""
        if self.found is None or self.found.behind is not None:
            return None
        settled = self.found.settled
        if (tally := nothing_to_do(out, source, settled)) is not None:
            Once(error_console()).recall(settled.notes)
            asked.once.recall(settled.told)
        return tally

    def goes_on(self, asked: _Asked, pipe: Renderer, unused: UnusedNotes) -> "_GoesOn":
        """What the run itself is told."""
        found, shortcut = self.found, None
        if found is not None and found.behind is not None:
            rest = _tasks_behind(found.settled, found.behind, asked, pipe, unused)
            shortcut = Shortcut(settled=found.settled, rest=rest)
        notes, told = unused.first, asked.once.said  # as they will be in the end
        statement = self.statement and dataclasses.replace(self.statement, notes=notes, told=told)
        return _GoesOn(statement, shortcut)


class _GoesOn(NamedTuple):
    """As `render_tasks` has them."""

    statement: Statement | None
    shortcut: Shortcut | None


def _tasks_behind(
    settled: Settled, behind: Mark, asked: _Asked, pipe: Renderer, unused: UnusedNotes
) -> Iterator[Task]:
    """The tasks behind those that are settled; what was said of these is said once the first is asked for."""
    unused.recall(settled.notes)
    asked.once.recall(settled.told)
    first = settled.rows + 1
    yield from unused.of(asked.tasks(pipe, asked.rows(behind=behind, first=first), first=first))


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
        self, out: Path, source: Source, again: Again, sweep: Sweep | None, *, new_seed: int | None
    ) -> None:
        self.out = out
        self.source = source
        self.again = again
        self.sweep = sweep
        self.shown: list[Record] = []
        self.new_seed = new_seed  # that was chosen for this run, and is to be shown

    def run(
        self,
        pipe: Renderer,
        asked: _Asked,
        rows: Iterator[Row],
        earlier: _Earlier,
        *,
        stats: bool,
        explain: bool,
    ) -> int:
        """Returns the exit status."""
        console, started, stop = error_console(), time.perf_counter(), Stop()
        unused = UnusedNotes(pipe.local, asked.wishes, console)
        statement, shortcut = earlier.goes_on(asked, pipe, unused)
        tasks = asked.tasks(pipe, rows, alone=asked.source is None and self.source.total == 1)
        try:
            with stop, progress(console, self.source.total) as watch:
                onlooker = Explanations(Stoppable(watch, stop)) if explain else None
                tally = render_tasks(
                    pipe,
                    unused.of(tasks),
                    self.out,
                    source=self.source,
                    again=self.again,
                    statement=statement,
                    shortcut=shortcut,
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
            console.print(stats_table(pipe.log, seconds, tally.done))
        return self._ended(tally, self.sweep.write_grids(self.out, tally.placed) if self.sweep else ())

    def say_nothing_to_do(self, tally: Tally) -> int:
        """All rows are settled. Returns the exit status."""
        with progress(error_console(), self.source.total) as watch:
            for _ in range(tally.rows if self.source.total is not None else 0):
                watch.on_row()
        return self._ended(tally, ())

    def _ended(self, tally: Tally, grids: Sequence[str]) -> int:
        """Say what came of it; returns the exit status."""
        console = error_console()
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
    if tally.goes_on == tally.may_pass:
        which = "them" if tally.goes_on == failed else f"{tally.goes_on} of them"
        return f"{said}; the same command tries {which} again"
    which = "renders them again" if tally.may_pass == failed else f"renders {tally.may_pass} of them again"
    return f"{said}; --retry-failed {which}"


def _title(name: str, head: Sequence[Row], total: int | None) -> str:
    """What the gallery is called: the file's name, or the prompt."""
    if name not in (STANDARD_INPUT, TEXT):
        return Path(name).stem
    return head[0].prompt if total == 1 else f"{total or 'many'} prompts"
