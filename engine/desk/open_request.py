"""A request that is under way at the desk, and what it needs next."""

import dataclasses
from collections.abc import Callable, Hashable
from typing import Any

from ..microbatch import Done, Failed
from ..stage import AnyStage
from ..values import Failure, Outcome
from ..waves.wave import Step, Wave
from .visitor import Visitor

Place = tuple[int, str]
"""The identity of a stage, and what that is called."""


@dataclasses.dataclass(eq=False)
class OpenRequest:
    """A visitor's request, and what it needs next."""

    visitor: Visitor
    order: int
    wave: Wave
    steps: Any
    step: Step | None = None
    results: dict[int, Done | Failed] = dataclasses.field(default_factory=dict)
    seats: set[int] = dataclasses.field(
        default_factory=set
    )  # places of values that are in an open batch, or before it
    joinable: set[int] = dataclasses.field(default_factory=set)  # of those that may be
    fractions: dict[int, float] = dataclasses.field(default_factory=dict)  # how far those in one are
    has_waited: bool = False  # for others to catch up, at this step
    result: Outcome | Failure | None = None
    spent: float = 0.0  # seconds of the machine's time
    turn: float = 0.0  # see `turns`

    @property
    def waiting(self) -> list[int]:
        """The places of the step's values that nothing is done with yet."""
        places = range(0 if self.step is None else len(self.step.values))
        return [i for i in places if i not in self.results and i not in self.seats]

    @property
    def here(self) -> list[int]:
        """Of these, those that wait for the desk itself, and not for an open batch."""
        return [i for i in self.waiting if i not in self.joinable]

    @property
    def is_done(self) -> bool:
        """Whether the step is."""
        return not self.waiting and not self.seats

    @property
    def at(self) -> Place:
        """Where it waits."""
        assert self.step is not None, "it waits for a step"
        return id(self.step.stage), self.step.label


@dataclasses.dataclass(frozen=True)
class Seat:
    """A value of a request in an open batch: in that one's thread its visitor hears how far all values of the
    step are together."""

    request: OpenRequest
    place: int

    def wants_views(self) -> bool:
        return self.request.visitor.wants_views()

    def on_progress(self, stage: str, fraction: float) -> None:
        request = self.request
        assert request.step is not None, "who is seated has a step"
        request.fractions[self.place] = fraction
        request.visitor.on_progress(stage, sum(request.fractions.values()) / len(request.step.values))

    def on_view(self, stage: str, value: Any, what: str, i: int, view: Any) -> None:
        self.request.visitor.on_view(stage, value, what, i, view)


def alike(of: Callable[[Any], Hashable], value: Any) -> Hashable:
    """What rows share that share a micro-batch; a value of which that cannot be said has one of its own."""
    try:
        return of(value)
    except Exception:  # of another package's own kind; `run_stage` says what is the matter
        return object()


def may_join(stage: AnyStage, value: Any) -> bool:
    """Whether a value can be in an open batch of a stage."""
    says = getattr(stage, "may_join", None)
    try:
        return says is not None and bool(says(value))
    except Exception:  # `run_stage` says what is the matter
        return False
