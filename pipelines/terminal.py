"""What people see in a terminal: progress while a batch runs, and what came of it. Decides nothing."""

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

import rich.box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ..engine.watch import Quiet
from .rendering.record import Record

MAX_TABLE_ROWS = 200
_PLAIN_WIDTH = 120  # columns, where the output is no terminal
_LINE_EVERY_S = 2.0


def out_console() -> Console:
    """Standard output, for results."""
    console = Console(highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    return console


def error_console() -> Console:
    """Standard error, for everything else."""
    return Console(stderr=True, highlight=False, emoji=False, markup=False)


@contextlib.contextmanager
def progress(console: Console, rows: int | None) -> Iterator["Bars | Lines"]:
    """A watcher that shows how far `rows` rows (`None` if that is not known) are: bars by stage on a terminal,
    plain lines elsewhere."""
    if not console.is_terminal:
        yield Lines(console, rows)
        return
    columns = (TextColumn("{task.description:>8}"), BarColumn(40), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        yield Bars(bars, rows)


class Bars(Quiet):
    """A bar for the batch and one for each stage of the wave at hand."""

    def __init__(self, bars: Progress, rows: int | None) -> None:
        self._bars = bars
        self._batch = bars.add_task("rows", total=rows)
        self._tasks: dict[str, TaskID] = {}

    def on_row(self) -> None:
        """One more row is on disk."""
        self._bars.advance(self._batch)

    def on_progress(self, stage: str, done: int, total: int, fraction_of_current: float, /) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        shown = done if done == total else min(done + fraction_of_current, total)
        self._bars.update(self._tasks[stage], total=total, completed=shown)


class Lines(Quiet):
    """A line now and then, for logs."""

    def __init__(self, console: Console, rows: int | None) -> None:
        self._console = console
        self._rows = rows
        self._written = 0
        self._last: dict[str, tuple[int, float]] = defaultdict(lambda: (0, time.monotonic()))

    def on_row(self) -> None:
        """One more row is on disk."""
        self._written += 1
        if self._written == self._rows:
            self._console.print(f"rows: {self._written} of {self._rows}")

    def on_progress(self, stage: str, done: int, total: int, fraction_of_current: float, /) -> None:
        shown, when = self._last[stage]
        if done == shown or (done < total and time.monotonic() < when + _LINE_EVERY_S):
            return
        self._last[stage] = (0 if done == total else done, time.monotonic())
        if done:
            self._console.print(f"{stage}: {done} of {total}", soft_wrap=True)


def results_table(records: Sequence[Record], *, more: int = 0) -> Table:
    """Row, prompt, caption and score of each record, and what of the prompt is not drawn; for a failed row, why
    it failed. `more` records are not in it."""
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.add_column("row", justify="right", style="dim")
    table.add_column("prompt", ratio=1, overflow="fold")
    table.add_column("caption", ratio=1, overflow="fold")
    table.add_column("score", justify="right")
    for record in records:
        if record.score is None:
            seen, score = Text(_short(record.error or ""), style="red"), Text("failed", style="red")
        else:
            seen, score = _seen(record), _score(record)
        table.add_row(str(record.row), Text(_short(record.prompt)), seen, score)
    if more > 0:
        table.add_row("", Text(f"... and {more} more in results.jsonl", style="dim"), "", "")
    return table


def _seen(record: Record) -> Text:
    """What the captioner sees, and below it what it need not look for."""
    seen = Text(_short(record.caption or ""))
    if record.left_out:
        seen.append(f"\nnot drawn: {_short(record.not_drawn)}", style="yellow")
    return seen


def _score(record: Record) -> Text:
    return Text(f"{record.score:.2f}", style="green" if record.accepted else "yellow")


def _short(text: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain if len(plain) <= 200 else plain[:197] + "..."
