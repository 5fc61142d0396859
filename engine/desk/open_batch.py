"""A stage's rows that come and go while it works, in a thread of its own beside the other stages.

So drafting and painting go on at the same time, each on the cores that are left to it. It is for a machine
whose memory is not bounded: other stages run meanwhile, and nobody counts what is under way here. What goes
wrong is for the caller, who gives the rows to `microbatch.run_stage`, where the one at fault is found.
"""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from ..errors import Cancelled
from ..guards.numerics import computing
from ..microbatch import Done, Failed, at_work
from ..runner import Runner
from ..stage import AnyStage, ContinuousBatch, Models, RunContext, uses_of

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

    def step(self, i: int, n: int, /) -> None:
        self.beat()
        self.follower.on_progress(self.label, i / n)

    def note(self, text: str, /) -> None:
        return None

    def fail(self, row: int, reason: str, /) -> None:
        self.fault = self.fault or reason

    def result(self, made: Any) -> Done | Failed:
        """What came of it, where `made` was made."""
        return Failed(self.fault) if self.fault else Done(made, self.seconds)

    def view(self, what: str, i: int, make: Callable[[], Iterable[object]], /) -> None:
        if self.follower.wants_views():
            for seen in make():
                self.follower.on_view(self.label, self.value, what, i, seen)


class _Door(NamedTuple):
    """Rows that leave, and rows that come."""

    leaving: list[_Row]
    coming: list[_Row]


@dataclasses.dataclass
class News:
    """What became of an open batch since it was last asked.

    Args:
        done: values, and what came of them.
        spent: seconds of work on values, by their identities.
        ended: nobody joins any more, and nothing will come of those who are still there.
        fault: why it ended, where something went wrong.
        unfit: it ended because the stage's models are none of which rows can join.
    """

    done: list[tuple[Any, Done | Failed]] = dataclasses.field(default_factory=list)
    spent: dict[int, float] = dataclasses.field(default_factory=dict)
    ended: bool = False
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
        changed: is notified when there is news.
    """

    def __init__(
        self,
        stage: AnyStage,
        runner: Runner,
        label: str,
        *,
        most: int,
        stopped: Callable[[], bool],
        changed: threading.Condition,
    ) -> None:
        self._stage, self._runner, self._label = stage, runner, label
        self._most, self._stopped = most, stopped
        dog = runner.batching.watchdog
        self._watchdog = None if dog is None else dog.another()
        self._changed = changed  # what both threads look at changes under its lock
        self._coming: list[_Row] = []  # the next first
        self._taken: set[int] = set()  # the identities of values that are there, or of which there is news
        self._leaving: set[int] = set()
        self._news = News()
        self._broken_off = False
        self._lease = contextlib.ExitStack()
        self._thread: threading.Thread | None = None
        self._rows: list[_Row] = []  # the thread's own, as is
        self._batch: ContinuousBatch | None = None

    # For the desk

    @property
    def has_news(self) -> bool:
        """Whether a value is done, or the batch has ended; `changed` is held."""
        return bool(self._news.done) or self._news.ended

    def line_up(self, line: Sequence[tuple[Any, Follower]]) -> bool:
        """Say who there is, and in which order they are taken in; those who are in stay in. False where the
        batch has ended, and nobody is taken in any more."""
        with self._changed:
            if self._news.ended:
                return False
            self._coming = [self._row(*each) for each in line if id(each[0]) not in self._taken]
            return True

    def _row(self, value: Any, follower: Follower) -> _Row:
        return _Row(value, self._label, follower, self._beat)

    def begin(self) -> None:
        """Work on those who are lined up, now and later, until nobody is left. The models are kept until it is
        known from `news` that this has ended.

        Raises:
            CheckpointError, MemoryBudgetError: a model cannot be loaded.
        """
        memory, threads = self._runner.memory, self._runner.batching.threads
        values = [row.value for row in self._coming]
        uses, declared = uses_of(self._stage, values), memory.work_of(self._stage, values)
        with memory.turn:
            models = self._lease.enter_context(memory.lease(uses, declared, stage=self._label))
        most = None if threads is None else threads.most
        self._thread = threading.Thread(
            target=self._run, args=(models, uses, most), name=f"diptych-{self._label}", daemon=True
        )
        self._thread.start()

    def leave(self, values: Sequence[Any]) -> None:
        """These are given up. When this returns their followers hear nothing more."""
        gone = {id(value) for value in values}
        with self._changed:
            self._coming = [row for row in self._coming if id(row.value) not in gone]
            self._leaving |= gone & self._taken
            self._changed.wait_for(lambda: self._news.ended or not self._leaving)
            self._news.done = [each for each in self._news.done if id(each[0]) not in gone]
            self._taken -= gone

    def news(self) -> News:
        """What became of it since this was last asked. Where it has ended, its models are given back."""
        with self._changed:
            told, self._news = self._news, dataclasses.replace(self._news, done=[], spent={})
            self._taken -= {id(value) for value, _ in told.done}
        if told.done:
            ms = 1000 * sum(result.seconds for _, result in told.done if isinstance(result, Done))
            self._runner.memory.record("run", stage=self._label, rows=len(told.done), ms=ms)
        if told.ended:
            self._close()
        return told

    def break_off(self) -> None:
        """End it at once, whoever is there."""
        self._broken_off = True
        self._close()

    def _close(self) -> None:
        if self._thread is not None:
            self._thread.join()
        with self._runner.memory.turn:
            self._lease.close()

    # The thread

    def _run(self, models: Models, uses: Sequence[Any], most: int | None) -> None:
        fault: BaseException | None = None
        try:
            while (came := self._at_the_door()) is not None:
                with self._at_work(len(self._rows) + len(came.coming), most):
                    if not self._let(came, models, uses):
                        break
                    self._go_on(models)
        except BaseException as error:  # of whatever kind, the desk is to hear of it
            fault = error
        with self._changed:
            self._news.fault, self._news.ended = fault, True
            self._changed.notify_all()

    @contextlib.contextmanager
    def _at_work(self, rows: int, most: int | None) -> Generator[None]:
        memory, batching = self._runner.memory, self._runner.batching
        batching = dataclasses.replace(batching, watchdog=self._watchdog)
        tunings = [dict(key.tuning) for key in self._stage.uses if key.tuning]
        how: dict[str, Any] = {"memory": memory, "batching": batching, "label": self._label, "beside": most}
        with (
            computing(memory.device, tunings, deterministic=batching.batch_invariant),
            at_work(self._stage, rows, **how),
        ):
            yield

    def _at_the_door(self) -> _Door | None:
        """Who leaves and who comes; `None` where nobody is there then."""
        with self._changed:
            door = _Door([row for row in self._rows if id(row.value) in self._leaving], [])
            self._rows = [row for row in self._rows if row not in door.leaving]
            room = self._most - len(self._rows)
            door.coming[:], self._coming[:room] = self._coming[:room], []
            self._taken |= {id(row.value) for row in door.coming}
            self._leaving.clear()
            self._news.ended = not self._rows and not door.coming
            self._changed.notify_all()
        return None if self._news.ended else door

    def _let(self, door: _Door, models: Models, uses: Sequence[Any]) -> bool:
        """Let them out and in; false where no rows can be with these models."""
        if self._batch is None:
            self._batch = self._stage.continuous(models)  # pyright: ignore[reportAttributeAccessIssue]
        if self._batch is None:
            self._news.unfit = True
            return False
        if door.leaving:
            self._batch.leave([row.value for row in door.leaving])
        if door.coming:
            apart = self._runner.batching.batch_invariant
            contexts = [RunContext(row, batch_invariant=apart, uses=tuple(uses)) for row in door.coming]
            self._batch.join([row.value for row in door.coming], contexts, models)
            self._rows += door.coming
        return True

    def _go_on(self, models: Models) -> None:
        """Some steps for all who are there."""
        assert self._batch is not None, "somebody is there"
        clock, done = self._runner.batching.clock, list[tuple[Any, Any]]()
        started = clock()
        for _ in range(STEPS):
            self._beat()
            done = self._batch.step(models)
            if done or self._leaving or (self._coming and len(self._rows) < self._most):
                break
        each_s = (clock() - started) / len(self._rows)
        spent = {id(row.value): each_s for row in self._rows}
        for row in self._rows:
            row.seconds += each_s
        made = {id(value): result for value, result in done}
        finished = [row for row in self._rows if id(row.value) in made]
        self._rows = [row for row in self._rows if id(row.value) not in made]
        with self._changed:
            for value, seconds in spent.items():
                self._news.spent[value] = self._news.spent.get(value, 0.0) + seconds
            self._news.done += [(row.value, row.result(made[id(row.value)])) for row in finished]
            self._changed.notify_all()

    def _beat(self) -> None:
        if self._watchdog is not None:
            self._watchdog.beat()
        if self._broken_off or self._stopped():
            raise Cancelled(f"stopped at {self._label}, {len(self._rows)} rows under way")
