"""A stage's rows that come and go while it works, in a thread of its own beside the other stages.

So drafting and painting go on at the same time, each on the cores that are left to it. It is for a machine
whose memory is not bounded: other stages run meanwhile, and nobody counts what is under way here. What goes
wrong is for the caller, who gives the rows to `microbatch.run_stage`, where the one at fault is found.
"""

import atexit
import contextlib
import dataclasses
import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Protocol

from ..errors import Cancelled
from ..guards.loading import turns
from ..guards.numerics import computing
from ..microbatch import Done, Failed, at_work
from ..runner import Runner
from ..stage import AnyStage, ContinuousBatch, Models, RunContext

STEPS = 32
"""After which settings of the process may change that others wait for; fewer where a row is done before."""


class Follower(Protocol):
    """Whoever wants to hear of a row, in the thread that works on it."""

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
    is_given_up: bool = False

    def step(self, i: int, n: int, /) -> None:
        self.beat()
        if not self.is_given_up:
            self.follower.on_progress(self.label, i / n)

    def note(self, text: str, /) -> None:
        return None

    def fail(self, row: int, reason: str, /) -> None:
        self.fault = self.fault or reason

    def result(self, made: Any) -> Done | Failed:
        """What came of it, where `made` was made."""
        return Failed(self.fault) if self.fault else Done(made, self.seconds)

    def view(self, what: str, i: int, make: Callable[[], Iterable[object]], /) -> None:
        if not self.is_given_up and self.follower.wants_views():
            for seen in make():
                self.follower.on_view(self.label, self.value, what, i, seen)


@dataclasses.dataclass
class News:
    """What became of an open batch since it was last asked.

    Args:
        done: values, and what came of them.
        spent: seconds of work on values, by their identities.
        ended: nobody is taken in any more.
        inside: the identities of values of which nothing will come, for they were in when it ended.
        fault: why it ended, where something went wrong.
        unfit: it ended because the stage's models are none of which rows can join.
    """

    done: list[tuple[Any, Done | Failed]] = dataclasses.field(default_factory=list)
    spent: dict[int, float] = dataclasses.field(default_factory=dict)
    ended: bool = False
    inside: frozenset[int] = frozenset()
    fault: BaseException | None = None
    unfit: bool = False


class OpenBatch:
    """The rows of one stage that are under way.

    Args:
        stage: has `continuous`.
        runner: of those who want it.
        label: what the stage is called.
        most: rows at a time.
        stopped: whether everything is to be broken off.
        lock: under which changes what both threads look at.
        changed: its condition, which is notified when there is news.
    """

    def __init__(
        self,
        stage: AnyStage,
        runner: Runner,
        label: str,
        *,
        most: int,
        stopped: Callable[[], bool],
        lock: threading.RLock,
        changed: threading.Condition,
    ) -> None:
        self._stage, self._runner, self._label = stage, runner, label
        self._most, self._stopped = most, stopped
        dog = runner.batching.watchdog
        self._watchdog = None if dog is None else dog.another()
        self._lock, self._changed = lock, changed
        self._coming: list[_Row] = []  # the next first
        self._rows: list[_Row] = []
        self._news = News()
        self._broken_off = False
        self._lease = contextlib.ExitStack()
        self._thread: threading.Thread | None = None
        self._batch: ContinuousBatch | None = None  # the thread's own

    # For the desk

    @property
    def has_news(self) -> bool:
        """Whether a value is done, or the batch has ended; the lock is held."""
        return bool(self._news.done) or self._news.ended

    def line_up(self, line: Sequence[tuple[Any, Follower]]) -> bool:
        """Say who there is, and in which order they are taken in; those who are in stay in. False where the
        batch has ended, and nobody is taken in any more."""
        with self._lock:
            if self._news.ended:
                return False
            known = {id(row.value) for row in self._rows} | {id(value) for value, _ in self._news.done}
            self._coming = [self._row(*each) for each in line if id(each[0]) not in known]
            return True

    def _row(self, value: Any, follower: Follower) -> _Row:
        return _Row(value, self._label, follower, self._beat)

    def begin(self) -> None:
        """Work on those who are lined up, now and later, until nobody is left. The models are kept until it is
        known from `news` that this has ended.

        Raises:
            CheckpointError, MemoryBudgetError: a model cannot be loaded.
        """
        memory, threads, stage = self._runner.memory, self._runner.batching.threads, self._stage
        declared = memory.work_of(stage, [row.value for row in self._coming])
        with memory.turn:
            models = self._lease.enter_context(memory.lease(stage.uses, declared, stage=self._label))
        most = None if threads is None else threads.most
        self._thread = threading.Thread(
            target=self._run, args=(models, most), name=f"diptych-{self._label}", daemon=True
        )
        _LIVE.add(self)
        self._thread.start()

    def leave(self, values: Sequence[Any]) -> None:
        """These are given up: their followers hear nothing more, but for what is being said just then."""
        gone = {id(value) for value in values}
        with self._lock:
            self._coming = [row for row in self._coming if id(row.value) not in gone]
            for row in self._rows:
                row.is_given_up = row.is_given_up or id(row.value) in gone
            self._news.done = [each for each in self._news.done if id(each[0]) not in gone]
            for name in gone:
                self._news.spent.pop(name, None)

    def news(self) -> News:
        """What became of it since this was last asked. Where it has ended, its models are given back."""
        with self._lock:
            told, self._news = self._news, dataclasses.replace(self._news, done=[], spent={})
        if told.done:
            ms = 1000 * sum(result.seconds for _, result in told.done if isinstance(result, Done))
            self._runner.memory.record("run", stage=self._label, rows=len(told.done), ms=ms)
        if told.ended:
            self.close()
        return told

    def break_off(self) -> None:
        """Have it end at once, whoever is there; `close` waits for that."""
        self._broken_off = True

    def wait(self, seconds: float | None = None) -> None:
        """Wait until it has ended, so long at most."""
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join(seconds)

    def close(self) -> None:
        """Wait until it has ended, and give its models back."""
        self.wait()
        with self._runner.memory.turn:
            self._lease.close()

    # The thread

    def _run(self, models: Models, most: int | None) -> None:
        fault: BaseException | None = None
        unfit = False
        try:
            while not unfit and (coming := self._at_the_door()) is not None:
                with self._at_work(most):
                    unfit = not self._go_on(coming, models)
        except BaseException as error:  # of whatever kind, the desk is to hear of it
            fault = error
        with self._lock:
            inside = frozenset(id(row.value) for row in self._rows)
            self._news = dataclasses.replace(self._news, ended=True, inside=inside, fault=fault, unfit=unfit)
            self._changed.notify_all()
        _LIVE.discard(self)

    @contextlib.contextmanager
    def _at_work(self, most: int | None) -> Generator[None]:
        memory, batching = self._runner.memory, self._runner.batching
        batching = dataclasses.replace(batching, watchdog=self._watchdog)
        tunings = [dict(key.tuning) for key in self._stage.uses if key.tuning]
        how: dict[str, Any] = {"memory": memory, "batching": batching, "label": self._label, "beside": most}
        deterministic = batching.batch_invariant
        with (
            computing(memory.device, tunings, deterministic=deterministic, meanwhile=self._beat),
            turns.working(self._beat),
            at_work(self._stage, len(self._rows), **how),
        ):
            yield

    def _at_the_door(self) -> list[_Row] | None:
        """Those who come, and are there from now on; `None` where nobody is there then."""
        with self._lock:
            room = self._most - sum(not row.is_given_up for row in self._rows)
            coming, self._coming = self._coming[:room], self._coming[room:]
            self._rows += coming
            self._news.ended = all(row.is_given_up for row in self._rows)
            return None if self._news.ended else coming

    def _go_on(self, coming: Sequence[_Row], models: Models) -> bool:
        """Let out who is given up, let in who comes, and go some steps with all; false where no rows can be
        with these models."""
        clock = self._runner.batching.clock
        started = clock()
        if self._batch is None:
            self._batch = self._stage.continuous(models)  # pyright: ignore[reportAttributeAccessIssue]
        if self._batch is None:
            return False
        self._let_out({id(row) for row in coming})
        if not self._rows:  # given up since
            return True
        if coming:
            apart = self._runner.batching.batch_invariant
            contexts = [RunContext(row, batch_invariant=apart, uses=self._stage.uses) for row in coming]
            self._batch.join([row.value for row in coming], contexts, models)
        done: list[tuple[Any, Any]] = []
        for _ in range(STEPS):
            self._beat()
            done = self._batch.step(models)
            if done or self._is_wanted:
                break
        self._tell(done, clock() - started)
        return True

    def _let_out(self, but: set[int]) -> None:
        """Those who are given up, but for some who have not come in yet."""
        assert self._batch is not None, "it is open"
        gone = [row for row in self._rows if row.is_given_up and id(row) not in but]
        if gone:
            self._batch.leave([row.value for row in gone])
            with self._lock:
                self._rows = [row for row in self._rows if row not in gone]

    @property
    def _is_wanted(self) -> bool:
        """Whether there is something to do at the door."""
        is_free = self._coming and len(self._rows) < self._most
        return bool(is_free) or any(row.is_given_up for row in self._rows)

    def _tell(self, done: Sequence[tuple[Any, Any]], seconds: float) -> None:
        made = {id(value): result for value, result in done}
        each_s = seconds / len(self._rows)
        with self._lock:
            for row in self._rows:
                row.seconds += each_s
                name = id(row.value)
                if not row.is_given_up:
                    self._news.spent[name] = self._news.spent.get(name, 0.0) + each_s
                    if name in made:
                        self._news.done.append((row.value, row.result(made[name])))
            self._rows = [row for row in self._rows if id(row.value) not in made]
            self._changed.notify_all()

    def _beat(self) -> None:
        if self._watchdog is not None:
            self._watchdog.beat()
        if self._broken_off or self._stopped():
            raise Cancelled(f"stopped at {self._label}, {len(self._rows)} rows under way")


_LIVE: set[OpenBatch] = set()
"""Those with a thread."""

_LAST_S = 5.0
"""Seconds that they have to end in when the program does."""


def _end_all() -> None:
    """The program ends: a thread that is in torch then would abort it."""
    there, until = tuple(_LIVE), time.monotonic() + _LAST_S
    for batch in there:
        batch.break_off()
    for batch in there:
        batch.wait(max(0.0, until - time.monotonic()))


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_LIVE.clear)  # their threads are not there
