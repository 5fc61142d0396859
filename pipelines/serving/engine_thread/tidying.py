"""Memory that is free is the system's again, now and then."""

from collections.abc import Callable

from .offered_recipes import Pipes

EVERY_S = 30.0
"""Between two times; one takes a quarter of a second."""


class Tidying:
    """Drafting and painting in threads of their own leave free pieces in the allocator, which else pile up.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._last = clock, clock()

    def tidy(self, pipes: Pipes) -> bool:
        """Whether it was time."""
        if self._clock() - self._last < EVERY_S:
            return False
        for pipe in pipes.made():
            pipe.pipeline.runner.memory.collect()
        self._last = self._clock()
        return True
