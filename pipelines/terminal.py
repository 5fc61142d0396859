"""What people see in a terminal: progress while a batch runs, and what came of it. Decides nothing."""

import contextlib
import io
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ..engine.watch import Quiet

_PLAIN_WIDTH = 120  # columns, where the output is no terminal
_LINE_EVERY_S = 2.0


class Lasting(io.TextIOBase):
    """A stream that work does not depend on: what cannot be written any more is left out, and nothing is
    raised.

    Whoever reads a command's output may go (`| head -1`) long before the work is done.

    Attributes:
        trouble: why something was left out; `None` where all was written.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.trouble: OSError | ValueError | None = None

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._stream.encoding or "utf-8"

    def write(self, text: str, /) -> int:
        if self.trouble is None:
            try:
                return self._stream.write(text)
            except (OSError, ValueError) as error:  # a closed file is a ValueError
                self.trouble = error
        return len(text)

    def flush(self) -> None:
        if self.trouble is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self.trouble = error

    def isatty(self) -> bool:
        return self.trouble is None and self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True


def lasting_streams() -> None:
    """From now on nothing that is said on standard output or standard error can stop the work."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, Lasting):
            setattr(sys, name, Lasting(stream))


def output_trouble() -> str:
    """Why not all of standard output could be written, in words; empty where it was, and where nobody reads it
    any more."""
    stream = sys.stdout
    if not isinstance(stream, Lasting):
        return ""
    stream.flush()
    if stream.trouble is None or isinstance(stream.trouble, BrokenPipeError):
        return ""
    return getattr(stream.trouble, "strerror", None) or str(stream.trouble)


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
