"""One stage over many values: in micro-batches that fit the budget, with recovery from whatever goes wrong.

This file knows how to size a micro-batch, what to do about an error, and that each value gets either a result
or a reason. It knows nothing of requests, candidates or the other stages.

    out of memory            idle models go, then the micro-batch is halved; it grows again when some went well
    `RunContext.fail`        that row fails, the results of the others stand
    RowError                 that row fails, the others are run again without it
    any other exception      the rows are tried one at a time, to find the one at fault; whatever it is, be it
                             `SystemExit` or what a library in another language calls a panic
    Cancelled, KeyboardInterrupt, CheckpointError, MemoryBudgetError from a lease: no row's fault, they pass
"""

import contextlib
import dataclasses
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterable, Sequence
from typing import Any

from .errors import Cancelled, CheckpointError, DiptychError, MemoryBudgetError
from .guards.numerics import computing
from .guards.threads import Threads
from .guards.trouble import Trouble, diagnosed
from .guards.watchdog import Watchdog
from .memory import DeviceMemory
from .stage import AnyStage, ModelKey, Models, RunContext, uses_of
from .watch import Onlooker, Quiet, Watcher

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Done:
    """A value's result, and its share of the seconds that its micro-batch took."""

    value: Any
    seconds: float


@dataclasses.dataclass(frozen=True)
class Failed:
    """Why a value has no result, in one line."""

    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batching:
    """How values are put together.

    Args:
        micro_batch: rows run at once, at most; fewer where the memory budget says so.
        batch_invariant: let the same shapes run whatever the neighbours. On a CPU, where rows together are
            hardly quicker, as few at once as the stage says (`rows_on_cpu`, or one); elsewhere, and of stages
            that go token by token, every micro-batch is padded to its full size by repeating its last row. (The
            size still follows from the budget, and from what is left of the device's memory once it ran out; it
            does not grow again.)
            Nothing of this where the stage says that its rows never depend on each other (`rows_apart`).
        alike: only values for which this is equal share a micro-batch.
        clock: seconds.
        threads: gives the work its threads of a CPU; `None` leaves them alone.
        watchdog: is told what goes on; `None` if nobody is to notice that a stage hangs.
    """

    micro_batch: int = 16
    batch_invariant: bool = False
    alike: Callable[[Any], Hashable] = lambda value: None
    clock: Callable[[], float] = time.perf_counter
    threads: Threads | None = None
    watchdog: Watchdog | None = None


def run_stage(
    stage: AnyStage,
    values: Sequence[object],
    *,
    memory: DeviceMemory,
    batching: Batching | None = None,
    watch: Watcher | None = None,
    label: str = "",
) -> list[Done | Failed]:
    """Carry out `stage` on `values`.

    Args:
        label: what the stage is called in progress and events, if not by its name.

    Returns:
        one result for each value, in the same order.

    Raises:
        Cancelled: the watcher said so.
        CheckpointError, MemoryBudgetError: a model of the stage cannot be loaded at all.
    """
    run = _StageRun(stage, values, memory, batching or Batching(), watch or Quiet(), label or stage.name)
    tunings = [dict(key.tuning) for key in stage.uses if key.tuning]
    deterministic = run.batching.batch_invariant
    with memory.turn, computing(memory.device, tunings, deterministic=deterministic):
        return run.run()


def rows_that_pay(stage: AnyStage, most: int, *, device: str) -> int:
    """How many rows at once are quicker than one after the other, at most `most`: all, but on a CPU few, where
    a stage does not go token by token."""
    if device != "cpu" or getattr(stage, "token_by_token", False):
        return most
    return min(most, getattr(stage, "rows_on_cpu", 1))


def fitting_size(
    stage: AnyStage,
    batch_of: Callable[[int], Sequence[object]],
    most: int,
    *,
    memory: DeviceMemory,
    label: str = "",
) -> int:
    """How many rows, at most `most`, `stage` can run at once; 0 where the budget has no room even for one.

    Its models may have to be streamed for that: if not even one row fits beside the whole models, or if
    streaming costs next to nothing and makes room for at least half as many rows again.

    Args:
        batch_of: the micro-batch of so many rows.
        label: as `run_stage`.
    """
    peaks, name = memory.peaks, label or stage.name
    most_bytes = memory.ceilings.most(name)

    def largest(room: int) -> int:
        for size in range(most, 0, -1):
            declared = memory.work_of(stage, batch_of(size))
            if peaks.expected(name, declared) <= room and (size == 1 or declared <= most_bytes):
                return size
        return 0

    uses = uses_of(stage, batch_of(1))  # of a micro-batch all rows need the same
    whole = largest(memory.room_for_workspace(uses))
    if whole == most or (whole and not memory.streams_freely):
        return whole
    streamed = largest(memory.room_for_workspace(uses, streamed=True))
    return streamed if 2 * streamed >= 3 * whole else whole


@contextlib.contextmanager
def at_work(
    stage: AnyStage,
    rows: int,
    *,
    memory: DeviceMemory,
    batching: Batching,
    label: str,
    beside: int | None = None,
) -> Generator[None]:
    """While so many rows are worked on: as many threads as pay (`beside` as there), a watchdog over a hang."""
    with contextlib.ExitStack() as guards:
        if (watchdog := batching.watchdog) is not None:
            guards.enter_context(watchdog.over(label))
        if (threads := batching.threads) is not None:
            by_tokens = getattr(stage, "token_by_token", False)
            weights = memory.weight_bytes(stage.uses) // 4 if by_tokens else 0
            guards.enter_context(threads.given_to(weights * rows if by_tokens else None, beside=beside))
        yield


class _StageRun:
    """The state of one `run_stage`: what is left to do, and how large a micro-batch may be."""

    def __init__(
        self,
        stage: AnyStage,
        values: Sequence[object],
        memory: DeviceMemory,
        batching: Batching,
        watch: Watcher,
        label: str,
    ) -> None:
        self.stage = stage
        self.values = values
        self.memory = memory
        self.batching = batching
        self.watch = watch
        self.onlooker = watch if isinstance(watch, Onlooker) else None
        self.label = label
        self.limit = batching.micro_batch
        self.size = 0  # of the micro-batch before
        self.released = False  # idle models, since a micro-batch went well
        self.apart = False  # whether it turned out that rows never depend on each other
        self.notes: list[str] = []  # what the stage says of the micro-batch at hand
        self.faults: dict[int, str] = {}  # its rows that the stage gave up, with the reason
        self.batch: Sequence[object] = ()  # the micro-batch at hand
        self.count = 0  # of its rows, without those that pad it
        self.results: dict[int, Done | Failed] = {}
        self.pending: deque[list[int]] = deque()  # indices that may share a micro-batch

    def run(self) -> list[Done | Failed]:
        self.memory.count_again()
        self.memory.check(uses_of(self.stage, self.values))
        self.pending.extend(self._groups())
        while self.pending:
            self.step(0, 1)
            rows = self.pending.popleft()
            self.faults.clear()
            try:
                size = self._fitting_size(rows)
            except Exception as error:  # of the stage's own `workspace`
                _log.debug("%s cannot say what it needs", self.label, exc_info=True)
                self._recover(rows, len(rows), Trouble(diagnosed(error, len(rows)).reason))
                continue
            if size == 0:
                self._refuse(rows)
                continue
            self._tell(rows, size)
            batch, rest = rows[:size], rows[size:]
            if rest:
                self.pending.appendleft(rest)
            trouble = self._attempt(batch, size)
            if trouble is not None:
                self._recover(batch, size, trouble)
        self.watch.on_progress(self.label, len(self.results), len(self.values), 0.0)
        return [self.results[i] for i in range(len(self.values))]

    def step(self, i: int, n: int, /) -> None:
        """Of the stage's progress, see `stage.Progress`."""
        if self.batching.watchdog is not None:
            self.batching.watchdog.beat()
        if self.watch.cancelled():
            raise Cancelled(f"stopped at {self.label}, {len(self.results)} of {len(self.values)} rows done")
        self.watch.on_progress(self.label, len(self.results), len(self.values), i / n)

    def note(self, text: str, /) -> None:
        """Of the stage's progress, see `stage.Progress`."""
        self.notes.append(text)

    def fail(self, row: int, reason: str, /) -> None:
        """Of the stage's progress, see `stage.Progress`."""
        if not 0 <= row < len(self.batch):
            raise DiptychError(f"stage {self.stage.name!r} gave up row {row} of {len(self.batch)}")
        self.faults.setdefault(min(row, self.count - 1), reason)  # padding copies the last one

    def view(self, what: str, i: int, make: Callable[[], Iterable[object]], /) -> None:
        """Of the stage's progress, see `stage.Progress`."""
        if self.onlooker is not None:
            self.onlooker.on_view(self.label, self.batch, what, i, list(make()))

    def _groups(self) -> list[list[int]]:
        groups: dict[Hashable, list[int]] = {}
        for i, value in enumerate(self.values):
            try:
                groups.setdefault(self.batching.alike(value), []).append(i)
            except Exception as error:  # of a value of another package's own kind
                self.results[i] = Failed(diagnosed(error, 1).reason)
        return list(groups.values())

    def _filled(self, rows: Sequence[int], size: int) -> list[object]:
        """The values of a micro-batch, padded to `size` where shapes must be batch-invariant."""
        padding = size - len(rows) if self.batching.batch_invariant and not self.apart else 0
        return [self.values[i] for i in (*rows, *[rows[-1]] * padding)]

    def _uses(self, rows: Sequence[int]) -> tuple[ModelKey[object], ...]:
        """The models that these rows need, which may share a micro-batch."""
        return uses_of(self.stage, [self.values[i] for i in rows])

    @property
    def _unit(self) -> int:
        """Rows of a micro-batch whose shapes must not depend on how many wait."""
        return rows_that_pay(self.stage, self.limit, device=self.memory.device)

    def _fitting_size(self, rows: Sequence[int]) -> int:
        """How many rows to run at once; 0 where not even the first fits the budget."""
        self.memory.count_again()
        most = self._unit if self.batching.batch_invariant else min(self.limit, len(rows))
        return fitting_size(
            self.stage, lambda n: self._filled(rows[:n], n), most, memory=self.memory, label=self.label
        )

    def _tell(self, rows: Sequence[int], size: int) -> None:
        """Log the size chosen, and why, unless it is the same again or all that is left."""
        if size == self.size or (self.size and size == len(rows)):
            return
        self.size = size
        if size == self.batching.micro_batch:
            why = "as many as are wanted at once"
        elif self.batching.batch_invariant and size == self._unit:
            why = "as many at once, always, as bits may depend on"
        elif size == len(rows):
            why = "all that wait"
        elif self.memory.ceilings.most(self.label) < sys.maxsize:
            why = "memory ran out with more"
        else:
            why = "as many as fit beside the weights"
        declared = self.memory.work_of(self.stage, self._filled(rows[:size], size))
        expected = self.memory.peaks.expected(self.label, declared)
        if expected > self.memory.room_for_workspace(self._uses(rows)):
            why += ", which are streamed"
        self.memory.record("choose", stage=self.label, rows=size, bytes=expected, note=why)

    def _attempt(self, rows: Sequence[int], size: int) -> Trouble | None:
        """Run one micro-batch and keep its results, or say what went wrong."""
        batch = self.batch = self._filled(rows, size)
        self.count, declared = len(rows), self.memory.work_of(self.stage, batch)
        self.notes.clear()
        uses = self._uses(rows)
        context = RunContext(self, batch_invariant=self.batching.batch_invariant, uses=uses)
        try:
            with self.memory.lease(uses, declared, stage=self.label) as models:
                if self.batching.batch_invariant and self._rows_apart(models):
                    self.apart, batch = True, batch[: len(rows)]
                    self.batch = batch
                started = self.batching.clock()
                with at_work(self.stage, size, memory=self.memory, batching=self.batching, label=self.label):
                    outputs = self.stage.run(batch, models, context)
                seconds = self.batching.clock() - started
            self._check_outputs(outputs, len(batch))
        except (Cancelled, CheckpointError, MemoryBudgetError, KeyboardInterrupt):
            raise
        except BaseException as error:
            _log.debug("%s failed on %d rows", self.label, len(rows), exc_info=True)
            return diagnosed(error, len(rows))
        self.memory.record(
            "run",
            stage=self.label,
            rows=len(rows),
            ms=seconds * 1000,
            bytes=self.memory.work_bytes,
            note="; ".join(self.notes),
        )
        self._grow(declared)
        for place, (i, value) in enumerate(zip(rows, outputs, strict=False)):  # what padding gave is dropped
            reason = self.faults.get(place)
            self.results[i] = Done(value, seconds / len(rows)) if reason is None else Failed(reason)
        return None

    def _rows_apart(self, models: Models) -> bool:
        """Whether the stage says that a row of it has the same bits whatever its neighbours."""
        says = getattr(self.stage, "rows_apart", None)
        return says is not None and bool(says(models))

    def _check_outputs(self, outputs: object, expected: int) -> None:
        name, gives = self.stage.name, self.stage.gives
        if not isinstance(outputs, list | tuple):
            raise DiptychError(
                f"stage {name!r} gave a {type(outputs).__name__}, not a list of {gives.__name__}"
            )
        if len(outputs) != expected:
            raise DiptychError(f"stage {name!r} gave {len(outputs)} values for {expected}")
        for output in outputs:
            if not isinstance(output, gives):
                raise DiptychError(f"stage {name!r} gave a {type(output).__name__}, not {gives.__name__}")

    def _recover(self, rows: list[int], size: int, trouble: Trouble) -> None:
        """Put rows that deserve another try back at the front, and fail those that do not."""
        if self.faults:  # what else went wrong came of them, perhaps
            self.results |= {rows[i]: Failed(reason) for i, reason in self.faults.items()}
            if others := [i for i in rows if i not in self.results]:
                self.pending.appendleft(others)
        elif trouble.out_of_memory and self._shrink(rows, size):
            self.pending.appendleft(rows)
        elif trouble.row is not None or len(rows) == 1:
            at_fault = rows[trouble.row or 0]
            self.results[at_fault] = Failed(trouble.reason)
            if others := [i for i in rows if i != at_fault]:
                self.pending.appendleft(others)
        else:
            self.pending.extendleft([i] for i in reversed(rows))

    def _shrink(self, rows: Sequence[int], size: int) -> bool:
        """After running out of memory: make another try likelier to fit. False where nothing is left to do."""
        may_release = not self.released or size == 1
        self.released = may_release and self.memory.evict_idle(but=self._uses(rows)) > 0
        self.memory.collect()
        if self.released or size == 1:
            return self.released
        self.released = True  # what comes ahead of time meanwhile is not what made the larger one too large
        self.limit = size // 2
        whole, half = (self.memory.work_of(self.stage, self._filled(rows[:n], n)) for n in (size, self.limit))
        self.memory.ceilings.ran_out(self.label, whole, half)
        self.memory.record("shrink", stage=self.label, rows=self.limit)
        return True

    def _grow(self, declared: int) -> None:
        """After a micro-batch that went well: let the next be larger, where memory ran out long enough ago."""
        self.released = False
        if self.batching.batch_invariant or not self.memory.ceilings.went_well(self.label, declared):
            return
        as_ever = self.memory.ceilings.most(self.label) == sys.maxsize
        self.limit = self.batching.micro_batch if as_ever else min(2 * self.limit, self.batching.micro_batch)

    def _refuse(self, rows: list[int]) -> None:
        """Fail the first of `rows`, which the budget has no room for even alone."""
        first, *others = rows
        declared = self.memory.work_of(self.stage, [self.values[first]])
        try:
            self.memory.check(self._uses([first]), self.memory.peaks.expected(self.label, declared))
        except MemoryBudgetError as error:
            self.results[first] = Failed(str(error))
        if others:
            self.pending.appendleft(others)
