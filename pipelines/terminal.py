"""What people see in a terminal: progress while a batch runs, and what came of it. Decides nothing."""

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ..engine.watch import Quiet

_PLAIN_WIDTH = 120  # columns, where the output is no terminal
_LINE_EVERY_S = 2.0


def out_console() -> Console:
    """Standard output, for results."""
    return _wide(Console(highlight=False, emoji=False, markup=False))


def error_console() -> Console:
    """Standard error, for everything else."""
    return _wide(Console(stderr=True, highlight=False, emoji=False, markup=False))


def _wide(console: Console) -> Console:
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    return console


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


@contextlib.contextmanager
def progress_of_several(count: int) -> Iterator["Bars | Lines | None"]:
    """As `progress` on standard error, but nothing where there is one thing to do, or nobody at a terminal."""
    console = error_console()
    if count < 2 or not console.is_terminal:
        yield None
        return
    with progress(console, count) as watch:
        yield watch


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
