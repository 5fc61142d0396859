"""While a library loads a model, others stand still that make tensors in this process.

Transformers, diffusers and accelerate change for that time what is the whole process's: torch's default dtype,
and how modules and tensors are made. Work in a thread beside the one that loads would get tensors of a kind
that it did not ask for. Imports nothing of the package.
"""

import contextlib
import os
import threading
from collections.abc import Generator


class Turns:
    """Many may work, or one thread may load. Whoever wants to load is next."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._working = 0
        self._wanting = 0
        self._loader: int | None = None  # a thread
        self._depth = 0

    @contextlib.contextmanager
    def working(self) -> Generator[None]:
        """Work that loads nothing, in a thread beside those that may."""
        with self._changed:
            self._changed.wait_for(lambda: self._loader is None and not self._wanting)
            self._working += 1
        try:
            yield
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def loading(self) -> Generator[None]:
        """A library loads a model; it may be within another such block of the same thread, and not within
        `working`."""
        me = threading.get_ident()
        with self._changed:
            self._wanting += 1
            try:
                self._changed.wait_for(
                    lambda: self._loader == me or (self._loader is None and not self._working)
                )
                self._loader = me
                self._depth += 1
            finally:
                self._wanting -= 1
        try:
            yield
        finally:
            with self._changed:
                self._depth -= 1
                if not self._depth:
                    self._loader = None
                self._changed.notify_all()


turns = Turns()
"""Of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=turns.__init__)  # those who worked are not there
