"""Ctrl-C and SIGTERM: noticed, and acted on at a good moment. Knows nothing of what is stopped."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any


class StopSignal:
    """Whether Ctrl-C or a polite kill asked to stop; heard in the main thread alone.

    A second one is not held back: it does what it always does.

    Args:
        then: is called when the first one comes, from within its handler.
    """

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.asked = False
        self._then = then
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopSignal":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        while self._before:
            signal.signal(*self._before.popitem())

    @contextlib.contextmanager
    def deaf_to_ctrl_c(self) -> Iterator[None]:
        """Processes that are started meanwhile do not hear Ctrl-C until they say otherwise."""
        if self._before:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            yield
        finally:
            if self._before:  # else all is as it was: it was asked meanwhile
                signal.signal(signal.SIGINT, self._ask)

    def _ask(self, *_: object) -> None:
        self.asked = True
        self.__exit__()
        self._then()
