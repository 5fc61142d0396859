"""What is done now and then: memory that is free, or held by models that nobody needs, is given back, and the
oldest jobs are forgotten."""

import logging
import sqlite3
from collections.abc import Callable, Iterable

from ..queue.store import Store
from .offered_recipes import Pipes

_log = logging.getLogger(__name__)

EVERY_S = 30.0
"""Between two times; to hand memory back takes a quarter of a second."""


class Tidying:
    """For the engine's thread.

    Args:
        clock: seconds.
        idle_s: seconds without work after which models leave memory; 0 for never.
    """

    def __init__(self, clock: Callable[[], float], *, idle_s: float) -> None:
        self._idle_s = idle_s
        self._used: dict[str, float] = {}  # when a recipe was last at work
        self._clock, self._handed_back, self._forgot = clock, clock(), clock() - EVERY_S
        self._may_be_too_many = True

    def hand_back(self, pipes: Pipes) -> None:
        """Threads that draft and paint leave free pieces in the allocator, which else pile up."""
        if self._clock() - self._handed_back < EVERY_S:
            return
        for pipe in pipes.made():
            pipe.pipeline.runner.memory.collect()
        self._handed_back = self._clock()

    def used(self, recipes: Iterable[str]) -> None:
        """These recipes are at work."""
        self._used |= dict.fromkeys(recipes, self._clock())

    def release(self, pipes: Pipes, at_work: Iterable[str]) -> float | None:
        """Models of recipes that had nothing to do for long leave memory. Returns in how many seconds the next
        will; `None` where nothing waits for that.

        Args:
            at_work: names of recipes.
        """
        self.used(at_work)
        now, left = self._clock(), list[float]()
        for pipe in pipes.made() if self._idle_s else ():
            memory = pipe.pipeline.runner.memory
            if not memory.resident:
                continue
            idle = now - self._used.setdefault(pipe.name, now)
            if idle >= self._idle_s:
                with memory.turn:
                    memory.release_all()
            else:
                left.append(self._idle_s - idle)
        return min(left, default=None)

    def jobs_ended(self) -> None:
        """There may be more finished jobs than are kept."""
        self._may_be_too_many = True

    def forget(self, store: Store) -> list[str]:
        """The jobs that went, if it was time."""
        if self.due_s is None or self.due_s > 0:
            return []
        self._forgot = self._clock()
        gone: list[str] = []
        try:
            self._may_be_too_many = store.prune(gone.append)
        except (OSError, sqlite3.Error) as error:  # a full disk: it is tried again
            _log.warning("diptych: finished jobs cannot be deleted (%s): trying again", error)
        return gone

    @property
    def due_s(self) -> float | None:
        """Seconds until jobs are to be forgotten; `None` where none has to be."""
        return max(0.0, self._forgot + EVERY_S - self._clock()) if self._may_be_too_many else None
