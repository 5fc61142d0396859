"""Who looks on while a batch is carried out: progress comes out, the wish to stop goes in. Imports nothing."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


class Watcher(Protocol):
    """What a caller may hang onto a run: a progress bar, a log, a stop button."""

    def on_progress(self, stage: str, done: int, total: int, fraction_of_current: float, /) -> None:
        """`done` of `total` rows have left `stage`; the micro-batch at hand is this far, 0 to 1."""
        ...

    def cancelled(self) -> bool:
        """Whether the caller wants to stop. Asked at each step of a stage and between micro-batches."""
        ...


@runtime_checkable
class Onlooker(Protocol):
    """A watcher that also wants to see what becomes of each row while a stage works on it."""

    def on_view(
        self, stage: str, values: Sequence[object], what: str, i: int, views: Sequence[object], /
    ) -> None:
        """`views`, one for each of the `values` that the stage was given, are `what` there is at step `i`."""
        ...


class Quiet:
    """A watcher that shows nothing and never stops."""

    def on_progress(self, stage: str, done: int, total: int, fraction_of_current: float, /) -> None:
        return None

    def cancelled(self) -> bool:
        return False
