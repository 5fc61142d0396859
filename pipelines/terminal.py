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

from ..engine.memory import Event, format_bytes
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
def progress(console: Console, rows: int) -> Iterator["Bars | Lines"]:
    """A watcher that shows how far `rows` rows are: bars by stage on a terminal, plain lines elsewhere."""
    if not console.is_terminal:
        yield Lines(console, rows)
        return
    columns = (TextColumn("{task.description:>8}"), BarColumn(40), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        yield Bars(bars, rows)


class Bars(Quiet):
    """A bar for the batch and one for each stage of the wave at hand."""

    def __init__(self, bars: Progress, rows: int) -> None:
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

    def __init__(self, console: Console, rows: int) -> None:
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


def results_table(records: Sequence[Record]) -> Table:
    """Row, prompt, caption and score of each record; for a failed row, why it failed."""
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.add_column("row", justify="right", style="dim")
    table.add_column("prompt", ratio=1, overflow="fold")
    table.add_column("caption", ratio=1, overflow="fold")
    table.add_column("score", justify="right")
    for record in records[:MAX_TABLE_ROWS]:
        if record.score is None:
            seen, score = Text(_short(record.error or ""), style="red"), Text("failed", style="red")
        else:
            seen, score = Text(_short(record.caption or "")), _score(record)
        table.add_row(str(record.row), Text(_short(record.prompt)), seen, score)
    if (more := len(records) - MAX_TABLE_ROWS) > 0:
        table.add_row("", Text(f"... and {more} more in results.jsonl", style="dim"), "", "")
    return table


def stats_table(events: Sequence[Event], seconds: float, pictures: int) -> Table:
    """Where time and memory went."""
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
    table.title = f"{pictures} pictures in {seconds:.1f} s, {60 * pictures / max(seconds, 1e-9):.1f} a minute"
    for column in ("", "rows", "times", "seconds", "ms a row", "bytes"):
        table.add_column(column, justify="left" if not column else "right")
    stages = dict.fromkeys(event.stage for event in events if event.kind == "run")
    for stage in stages:
        runs = [event for event in events if event.kind == "run" and event.stage == stage]
        leases = [event.bytes for event in events if event.kind == "lease" and event.stage == stage]
        rows, ms = sum(event.rows for event in runs), sum(event.ms for event in runs)
        workspace = f"{format_bytes(max(leases, default=0))} workspace"
        table.add_row(
            stage, str(rows), str(len(runs)), f"{ms / 1000:.2f}", f"{ms / max(rows, 1):.0f}", workspace
        )
    for kind in ("load", "evict", "shrink"):
        if found := [event for event in events if event.kind == kind]:
            ms, size = sum(event.ms for event in found), sum(event.bytes for event in found)
            table.add_row(kind, "", str(len(found)), f"{ms / 1000:.2f}", "", format_bytes(size))
    peak = max((event.resident_bytes for event in events), default=0)
    table.add_row("most weights at a time", "", "", "", "", format_bytes(peak))
    return table


def _score(record: Record) -> Text:
    return Text(f"{record.score:.2f}", style="green" if record.accepted else "yellow")


def _short(text: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain if len(plain) <= 200 else plain[:197] + "..."
