"""A request on its way through the desk, and whoever asked for it."""

from collections.abc import Callable, Sequence
from typing import Any

from ..runner import Runner
from ..values import Request


class Visitor:
    """A request on its way, and whoever asked for it. Methods that a caller wants to hear of are overridden;
    they are called between micro-batches or by a working stage, and must be quick.

    Args:
        request: its `row` need mean nothing.
        runner: carries it out.
        client: for fairness.
        priority: the higher goes first.
    """

    def __init__(self, request: Request, runner: Runner, *, client: str = "", priority: int = 0) -> None:
        self.request = request
        self.runner = runner
        self.client = client
        self.priority = priority

    def cancelled(self) -> bool:
        """Whether nobody wants it any more."""
        return False

    def wants_views(self) -> bool:
        """Whether somebody wants to see what it looks like meanwhile."""
        return False

    def on_progress(self, stage: str, fraction: float) -> None:
        """The micro-batch that it is in is so far, 0 to 1."""

    def on_value(self, stage: str, value: Any) -> None:
        """What a stage made for it: a plan, a draft, a picture, a verdict."""

    def on_view(self, stage: str, value: Any, what: str, i: int, view: Any) -> None:
        """What there is to be seen of a value at step `i` of a stage."""


class Watch:
    """Tells those whose rows are in a micro-batch how far it is, and stops it when nobody wants it."""

    def __init__(self, stopped: Callable[[], bool], values: Sequence[Any], visitors: Sequence[Visitor]) -> None:
        self._stopped = stopped
        self._of = {id(value): visitor for value, visitor in zip(values, visitors, strict=True)}
        self._visitors = list(dict.fromkeys(visitors))

    def on_progress(self, stage: str, done: int, total: int, fraction_of_current: float, /) -> None:
        for visitor in self._visitors:
            visitor.on_progress(stage, min(1.0, (done + fraction_of_current) / max(1, total)))

    def cancelled(self) -> bool:
        return self._stopped() or all(visitor.cancelled() for visitor in self._visitors)


class WatchWithViews(Watch):
    """The same, and shows what is to be seen."""

    def on_view(
        self, stage: str, values: Sequence[object], what: str, i: int, views: Sequence[object], /
    ) -> None:
        for value, view in zip(values, views, strict=False):
            visitor = self._of.get(id(value))
            if visitor is not None and visitor.wants_views():
                visitor.on_view(stage, value, what, i, view)
