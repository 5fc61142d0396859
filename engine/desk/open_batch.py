"""A stage's rows that come and go while it works, some steps at a time.

It is for a machine whose memory is not bounded: between two turns other stages run, and nobody counts what is
under way here. What goes wrong is for the caller, who gives the rows to `microbatch.run_stage`, where the one
at fault is found.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from ..errors import Cancelled
from ..guards.numerics import computing
from ..microbatch import Done, Failed, at_work
from ..runner import Runner
from ..stage import AnyStage, ContinuousBatch, Models, RunContext, uses_of

STEPS = 32
"""Of a turn, at most; fewer where a row is done before."""


class Follower(Protocol):
    """Whoever wants to hear of a row."""

    def wants_views(self) -> bool: ...

    def on_progress(self, stage: str, fraction: float) -> None: ...

    def on_view(self, stage: str, value: Any, what: str, i: int, view: Any) -> None: ...


@dataclasses.dataclass(eq=False)
class _Row:
    """One value, and the progress of the stage on it (`stage.Progress`)."""

    value: Any
    label: str
    follower: Follower
    beat: Callable[[], None]
    seconds: float = 0.0
    fault: str = ""

    def step(self, i: int, n: int, /) -> None:
        self.beat()
        self.follower.on_progress(self.label, i / n)

    def note(self, text: str, /) -> None:
        return None

    def fail(self, row: int, reason: str, /) -> None:
        self.fault = self.fault or reason

    def view(self, what: str, i: int, make: Callable[[], Iterable[object]], /) -> None:
        if self.follower.wants_views():
            for seen in make():
                self.follower.on_view(self.label, self.value, what, i, seen)


class OpenBatch:
    """The rows of one stage that are under way.

    Args:
        stage: has `continuous`.
        runner: of those who want it.
        label: what the stage is called.
        stopped: whether everything is to be broken off.
    """

    def __init__(self, stage: AnyStage, runner: Runner, label: str, stopped: Callable[[], bool]) -> None:
        self._stage, self._runner, self._label, self._stopped = stage, runner, label, stopped
        self._batch: ContinuousBatch | None = None
        self._rows: list[_Row] = []
        self._coming: list[_Row] = []

    def __len__(self) -> int:
        """Rows under way."""
        return len(self._rows) + len(self._coming)

    def join(self, value: Any, follower: Follower) -> None:
        """One more, from the next turn on."""
        self._coming.append(_Row(value, self._label, follower, self._beat))

    def leave(self, values: Sequence[Any]) -> None:
        """These are given up."""
        gone = {id(value) for value in values}
        leaving = [row.value for row in self._rows if id(row.value) in gone]
        self._rows = [row for row in self._rows if id(row.value) not in gone]
        self._coming = [row for row in self._coming if id(row.value) not in gone]
        if leaving and self._batch is not None:
            self._batch.leave(leaving)

    def go_on(self) -> list[tuple[Any, Done | Failed]] | None:
        """Some steps for all; returns the values that are done, and what came of them. `None` where the stage's
        models are none of which rows can join.

        Raises:
            Cancelled: everything is to be broken off.
        """
        memory, batching, stage = self._runner.memory, self._runner.batching, self._stage
        values = [row.value for row in (*self._rows, *self._coming)]
        uses = uses_of(stage, values)
        tunings = [dict(key.tuning) for key in stage.uses if key.tuning]
        with (
            memory.turn,
            computing(memory.device, tunings, deterministic=batching.batch_invariant),
            memory.lease(uses, memory.work_of(stage, values), stage=self._label) as models,
            at_work(stage, len(self), memory=memory, batching=batching, label=self._label),
        ):
            started = batching.clock()
            if not self._take_in(models, uses):
                return None
            done = self._steps(models)
            seconds = (batching.clock() - started) / len(self._rows)
        for row in self._rows:
            row.seconds += seconds
        return self._finished(done)

    def _take_in(self, models: Models, uses: tuple[Any, ...]) -> bool:
        if self._batch is None:
            self._batch = self._stage.continuous(models)  # pyright: ignore[reportAttributeAccessIssue]
        if self._batch is None:
            return False
        if self._coming:
            apart = self._runner.batching.batch_invariant
            contexts = [RunContext(row, batch_invariant=apart, uses=uses) for row in self._coming]
            self._batch.join([row.value for row in self._coming], contexts, models)
            self._rows += self._coming
            self._coming = []
        return True

    def _steps(self, models: Models) -> dict[int, Any]:
        """What came of those that are done, by the identity of their values."""
        assert self._batch is not None, "it was opened"
        for _ in range(STEPS):
            self._beat()
            if done := self._batch.step(models):
                return {id(value): made for value, made in done}
        return {}

    def _finished(self, done: dict[int, Any]) -> list[tuple[Any, Done | Failed]]:
        rows = [row for row in self._rows if id(row.value) in done]
        self._rows = [row for row in self._rows if id(row.value) not in done]
        if rows:
            memory = self._runner.memory
            spent = sum(row.seconds for row in rows)
            memory.record("run", stage=self._label, rows=len(rows), ms=1000 * spent, bytes=memory.work_bytes)
        return [
            (row.value, Failed(row.fault) if row.fault else Done(done[id(row.value)], row.seconds))
            for row in rows
        ]

    def _beat(self) -> None:
        if self._runner.batching.watchdog is not None:
            self._runner.batching.watchdog.beat()
        if self._stopped():
            raise Cancelled(f"stopped at {self._label}, {len(self)} rows under way")
