"""Stopping a run from outside: Ctrl-C and SIGTERM.

The first asks: the micro-batch at hand is dropped, what was finished is on disk, files are finished. The second
is the system's own again and ends the process at once. Nothing is corrupt then either, because no file is ever
there by half; a line that was cut off is taken away by the next run.
"""

import contextlib
import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Self

from ...engine.watch import Watcher

_SHOW_CURSOR = "\x1b[?25h"  # progress bars hide it, and may not get to show it again


class Stop:
    """Listens for the wish to stop while its block lasts, if that is in the main thread."""

    def __init__(self) -> None:
        self.signal: int | None = None  # that was received
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._received)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType]

    @property
    def wanted(self) -> bool:
        return self.signal is not None

    @property
    def status(self) -> int:
        """The exit status of what was stopped, as shells have it: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.signal or signal.SIGINT)

    def _received(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        for each in self._before:
            signal.signal(each, signal.SIG_DFL)
        cursor = _SHOW_CURSOR if sys.stderr is not None and sys.stderr.isatty() else ""
        message = f"\n{cursor}diptych: stopping; Ctrl-C again leaves at once\n"
        with contextlib.suppress(OSError):  # nobody listens any more
            os.write(2, message.encode())  # not by `print`, which may be at work just now


class Stoppable:
    """A watcher that also asks whether to stop."""

    def __init__(self, watch: Watcher, stop: Stop) -> None:
        self._watch = watch
        self._stop = stop

    def on_progress(self, stage: str, done: int, total: int, fraction_of_current: float, /) -> None:
        self._watch.on_progress(stage, done, total, fraction_of_current)

    def cancelled(self) -> bool:
        return self._stop.wanted or self._watch.cancelled()
