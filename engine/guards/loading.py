"""While a library loads a model, drafts that are made beside stand still.

Transformers, diffusers and accelerate change for that time what is the whole process's: torch's default dtype,
and how modules and tensors are made. Work in a thread beside the one that loads would get tensors of a kind
that it did not ask for. Imports nothing of the package.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Generator

LOOK_S = 0.05
"""Seconds after which whoever waits looks whether there is still a reason to."""


class Turns:
    """Many may work, or one thread may load. Whoever wants to load is next."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._working = 0
        self._wanting = 0
        self._loader: int | None = None  # a thread
        self._depth = 0
        self._own = threading.local()

    @contextlib.contextmanager
    def working(self, meanwhile: Callable[[], None] = lambda: None) -> Generator[None]:
        """Work in a thread beside those that load.

        Args:
            meanwhile: is called now and then while this waits, and may raise.
        """
        with self._lock:
            while not self._changed.wait_for(lambda: self._loader is None and not self._wanting, LOOK_S):
                meanwhile()
            self._working += 1
            self._own.working = self._works + 1
        try:
            yield
        finally:
            with self._lock:
                self._own.working = max(0, self._works - 1)
                self._working = max(0, self._working - 1)  # a fork's child begins with none
                self._changed.notify_all()

    @property
    def _works(self) -> int:
        """How often this thread is at work."""
        return getattr(self._own, "working", 0)

    @contextlib.contextmanager
    def loading(self) -> Generator[None]:
        """A library loads a model; it may be within another such block of the same thread."""
        me = threading.get_ident()
        with self._lock:
            self._wanting += 1
            try:
                self._changed.wait_for(lambda: self._may_load(me))
                self._loader, self._depth = me, self._depth + 1
            finally:
                self._wanting -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._lock:
                self._depth = max(0, self._depth - 1)
                if not self._depth:
                    self._loader = None
                self._changed.notify_all()

    def _may_load(self, me: int) -> bool:
        return self._loader == me or (self._loader is None and self._working <= self._works)


turns = Turns()
"""Of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=turns.__init__)  # those who worked are not there
