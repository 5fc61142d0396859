"""The log of everything that memory and those who work in it decided or did.

A batch may have any number of rows, and each leaves some events. So the log keeps the last events only, and
beside them running totals of all: what `--stats`, benchmarks and the choice of a wave's size read is exact,
however long the batch was.
"""

import contextlib
import dataclasses
from collections import Counter, deque
from collections.abc import Generator, Iterable
from typing import Literal, TypedDict

from ..stage import ModelKey

EventKind = Literal["load", "prefetch", "stream", "evict", "lease", "run", "shrink", "choose"]

KEPT_EVENTS = 4096
"""The last events that a log keeps: a few MiB of them."""

KEPT_DECISIONS = 256
"""Different decisions that a log keeps, the first ones."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """One decision or deed, for `--stats` and benchmarks.

        load      a model's weights came to the device            key, bytes, ms
        prefetch  they were sent for, beside the work at hand     key, bytes, ms until the work went on
        stream    blocks came and went while the stage worked     key, bytes brought, ms that the work waited
        evict     they were dropped                               key, bytes freed, ms
        lease     models and workspace were set aside             bytes of workspace, ms until all were there
        run       a micro-batch was carried out                   rows, ms, bytes at its peak where measured
        shrink    memory ran out; fewer rows from here on         rows
        choose    a wave's or a micro-batch's size                rows, bytes of workspace, and why in `note`

    Args:
        stage: for which it was done; empty where it was for the whole chain.
        resident_bytes: weights on the device afterwards.
        workspace_bytes: set aside for work afterwards; together with the weights never above the budget.
    """

    kind: EventKind
    key: ModelKey[object] | None = None
    stage: str = ""
    rows: int = 0
    bytes: int = 0
    ms: float = 0.0
    resident_bytes: int = 0
    workspace_bytes: int = 0
    note: str = ""


class EventFields(TypedDict, total=False):
    """What is said of an event, beside its kind and what is accounted for."""

    key: ModelKey[object] | None
    stage: str
    rows: int
    bytes: int
    ms: float
    note: str


@dataclasses.dataclass
class Totals:
    """What some events add up to.

    Args:
        sizes: how often there were so many rows; the size that came first is first.
        most_bytes: of one event.
    """

    sizes: Counter[int] = dataclasses.field(default_factory=Counter[int])
    bytes: int = 0
    most_bytes: int = 0
    ms: float = 0.0

    @property
    def times(self) -> int:
        return self.sizes.total()

    @property
    def rows(self) -> int:
        return sum(rows * times for rows, times in self.sizes.items())

    @property
    def most_rows(self) -> int:
        return max(self.sizes, default=0)

    def count(self, event: Event) -> None:
        self.sizes[event.rows] += 1
        self.bytes += event.bytes
        self.most_bytes = max(self.most_bytes, event.bytes)
        self.ms += event.ms

    def add(self, other: "Totals") -> None:
        self.sizes.update(other.sizes)
        self.bytes += other.bytes
        self.most_bytes = max(self.most_bytes, other.most_bytes)
        self.ms += other.ms


class EventLog:
    """The last events, and what all of them add up to.

    Args:
        events: to begin with.
        keep: so many of the last events are kept.
    """

    def __init__(self, events: Iterable[Event] = (), *, keep: int = KEPT_EVENTS) -> None:
        self.count = 0  # events so far, those that are no longer kept with them
        self.peak_bytes = 0  # weights and workspace at a time, at most
        self.workspace_bytes = 0  # workspace at a time, at most
        self._last: deque[Event] = deque(maxlen=keep)
        self._totals: dict[tuple[str, EventKind], Totals] = {}
        self._decisions: dict[tuple[str, EventKind, int, str], Event] = {}
        self._parts: list[EventLog] = []
        for event in events:
            self.add(event)

    @property
    def events(self) -> list[Event]:
        """The last events, the oldest first."""
        return list(self._last)

    @property
    def decisions(self) -> list[Event]:
        """Of all that was chosen, and of all that was made smaller when memory ran out, the first event of each
        stage, size and note, in order; at most `KEPT_DECISIONS`."""
        return list(self._decisions.values())

    def stages(self, kind: EventKind) -> list[str]:
        """The stages that have events of this kind, the first that had one first."""
        return [stage for stage, each in self._totals if each == kind]

    def totals(self, *kinds: EventKind, stage: str | None = None) -> Totals:
        """What all events of these kinds add up to.

        Args:
            stage: those of this stage only.
        """
        found = Totals()
        for (of, kind), totals in self._totals.items():
            if kind in kinds and stage in (None, of):
                found.add(totals)
        return found

    def add(self, event: Event) -> None:
        """Write down one event, here and in every part that is under way."""
        self.count += 1
        self.peak_bytes = max(self.peak_bytes, event.resident_bytes + event.workspace_bytes)
        self.workspace_bytes = max(self.workspace_bytes, event.workspace_bytes)
        self._last.append(event)
        self._totals.setdefault((event.stage, event.kind), Totals()).count(event)
        if event.kind in ("choose", "shrink"):
            self._decide(event)
        for part in self._parts:
            part.add(event)

    def extend(self, other: "EventLog") -> None:
        """Write down all that another log holds: that of a part, or of a worker elsewhere."""
        self.count += other.count
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)
        self.workspace_bytes = max(self.workspace_bytes, other.workspace_bytes)
        self._last.extend(other._last)
        for name, totals in other._totals.items():
            self._totals.setdefault(name, Totals()).add(totals)
        for event in other._decisions.values():
            self._decide(event)
        for part in self._parts:
            part.extend(other)

    @contextlib.contextmanager
    def part(self) -> Generator["EventLog"]:
        """A log of what is written down within the block alone."""
        part = EventLog(keep=self._last.maxlen or 0)
        self._parts.append(part)
        try:
            yield part
        finally:
            self._parts = [each for each in self._parts if each is not part]

    def _decide(self, event: Event) -> None:
        name = (event.stage, event.kind, event.rows, event.note)
        if len(self._decisions) < KEPT_DECISIONS:
            self._decisions.setdefault(name, event)
