"""Requests that come and go while others are under way: each joins the next micro-batch of the stage it is at.

A request is a wave of its own. At each turn the desk carries out one micro-batch: that of the request that is
next, filled up with rows of others that wait for the same stage. Who is next:

    priority    the highest
    fairness    of these, the one whose client had the least of the machine's time when its turn came
    age         of these, the oldest

What is begun goes on to its end, unless it takes much longer than is usual (see `fairness.turns`). So a single
request waits for the micro-batch at hand and for those before it, and not for a long batch. Two things may come
before its own step. Where models take turns on the device, rows that wait for the model that is there go first,
a wave's worth at most. Where its stage has room for more rows, those just behind it catch up, if that is quick.

What a row comes to does not depend on when it arrives or beside whom, as far as it does not in a batch: with
`batch_invariant` it has the same bits. The desk serves one thread; `stop` may be called from any.
"""

import dataclasses
import itertools
import logging
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from ..errors import Cancelled, DiptychError
from ..guards.trouble import diagnosed
from ..memory import DeviceMemory
from ..messages import first_line
from ..microbatch import Done, Failed, rows_that_pay, run_stage
from ..runner import Runner
from ..stage import AnyStage
from ..values import Failure, Outcome, Request
from .fairness import Shares, UnderWay, turns
from .known_plans import KnownPlans
from .wave import Step, Wave

_log = logging.getLogger(__name__)

CATCH_UP = 0.5
"""Of the time that a stage takes: so long may the next request wait for others to fill the stage with it."""

CROWD = 4
"""Rows that go together on a CPU where as many wait, even if only one pays: the stages behind get several."""

QUICK_S = 0.1
"""Seconds that rows together may take on a CPU where they wait for a stage, even if only one pays."""


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


@dataclasses.dataclass(eq=False)
class _Open:
    """A visitor's request, and what it needs next."""

    visitor: Visitor
    order: int
    wave: Wave
    steps: Any
    step: Step | None = None
    results: dict[int, Done | Failed] = dataclasses.field(default_factory=dict)
    has_waited: bool = False  # for others to catch up, at this step
    result: Outcome | Failure | None = None
    spent: float = 0.0  # seconds of the machine's time
    turn: float = 0.0  # see `turns`

    @property
    def waiting(self) -> list[int]:
        """The places of the step's values that are not done."""
        return [] if self.step is None else [i for i in range(len(self.step.values)) if i not in self.results]

    @property
    def at(self) -> tuple[int, str]:
        """Where it waits: the stage, and what that is called for it."""
        assert self.step is not None, "it waits for a step"
        return id(self.step.stage), self.step.label


class Desk:
    """Carries out requests as they come.

    Args:
        clock: seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._open: dict[Visitor, _Open] = {}
        self._orders = itertools.count()
        self._shares = Shares()
        self._usual: float | None = None  # seconds that a request takes, lately
        self._seconds: dict[tuple[int, str], float] = {}  # that a micro-batch takes, lately
        self._of_a_row: dict[tuple[int, str], float] = {}  # of these
        self._plans = KnownPlans()
        self._last: tuple[int, str] | None = None
        self._stayed = 0
        self._memory: DeviceMemory | None = None
        self.stopping = False

    def __len__(self) -> int:
        """Requests under way."""
        return len(self._open)

    @property
    def visitors(self) -> list[Visitor]:
        """Those whose requests are under way, the oldest first."""
        return list(self._open)

    def enter(self, visitor: Visitor) -> None:
        """A request is under way from now on."""
        runner = visitor.runner
        wave = Wave(runner.chain, runner.aim, runner.memory, self._clock, [visitor.request])
        self._open[visitor] = _Open(visitor, next(self._orders), wave, wave.steps())
        self._shares.present(each.client for each in self._open)

    def leave(self, visitor: Visitor) -> None:
        """Its request is given up, if it is under way."""
        if (gone := self._open.pop(visitor, None)) is not None:
            gone.steps.close()
            self._shares.present(each.client for each in self._open)

    def stop(self) -> None:
        """Have the micro-batch at hand broken off: the turn ends with `Cancelled`, and nothing is finished."""
        self.stopping = True

    def had(self, client: str) -> float:
        """Seconds of work that a client had, for whoever chooses the next to enter."""
        return self._shares.had(client)

    def turn(self) -> list[tuple[Visitor, Outcome | Failure]]:
        """Carry out one micro-batch. Returns those who are finished with it, and what came of them; those who
        have cancelled are gone without a word.

        Raises:
            Cancelled: `stop` was called.
        """
        for each in [each for each in self._open.values() if each.visitor.cancelled()]:
            self.leave(each.visitor)
        for each in self._open.values():
            if each.step is None and each.result is None:
                self._advance(each)
        if not any(each.result for each in self._open.values()) and self._open:
            self._carry_out(self._rows())
        done = [(each.visitor, each.result) for each in self._open.values() if each.result is not None]
        for visitor, _ in done:
            self.leave(visitor)
        return [(visitor, result) for visitor, result in done if not visitor.cancelled()]

    # Who is next

    def _key(self, each: _Open) -> tuple[int, float, int]:
        return -each.visitor.priority, each.turn, each.order

    def _line_up(self) -> None:
        """Say of each when its turn is."""
        there = list(self._open.values())
        usual = max((each.spent for each in there), default=0.0) if self._usual is None else self._usual
        said = (UnderWay(each.visitor.client, each.visitor.priority, each.spent) for each in there)
        for each, turn in zip(there, turns(said, self._shares.had, usual=usual), strict=True):
            each.turn = turn

    def _rows(self) -> list[tuple[_Open, int]]:
        """The rows of the next micro-batch."""
        self._line_up()
        chosen = self._chosen(min(self._open.values(), key=self._key))
        assert chosen.step is not None, "who waits has a step"
        self._stayed = self._stayed + 1 if chosen.at == self._last else 0
        self._last = chosen.at
        batching = chosen.visitor.runner.batching
        alike = _alike(batching.alike, chosen.step.values[chosen.waiting[0]])
        others = sorted(
            (each for each in self._open.values() if each is not chosen and each.at == chosen.at), key=self._key
        )
        rows: list[tuple[_Open, int]] = []
        for each in (chosen, *others):
            assert each.step is not None, "who waits has a step"
            fits = (i for i in each.waiting if _alike(batching.alike, each.step.values[i]) == alike)
            rows += [(each, i) for i in fits]
        return rows[: self._most(chosen)]

    def _chosen(self, first: _Open) -> _Open:
        """Whose step is carried out, where `first` is next."""
        last = [each for each in self._open.values() if each.at == self._last]
        if last and first.at != self._last and self._takes_turns(first, last[0]):
            stay = [each for each in last if each.visitor.priority >= first.visitor.priority]
            if stay and self._stayed * self._most(stay[0]) < stay[0].visitor.runner.wave:
                return min(stay, key=self._key)
        return self._behind(first) or first

    def _behind(self, first: _Open) -> _Open | None:
        """Who may take a step before `first` does, so that both take the next one together."""
        assert first.step is not None, "who waits has a step"
        took = self._seconds.get(first.at)
        if first.has_waited or took is None or self._count_at(first.at) >= self._most(first):
            return None
        places = {id(stage): i for i, stage in enumerate(first.visitor.runner.chain.stages)}
        here = places.get(id(first.step.stage), 0)
        near = [
            each
            for each in self._open.values()
            if each.visitor.priority == first.visitor.priority
            and places.get(each.at[0], here) < here
            and self._seconds.get(each.at, took) <= CATCH_UP * took
        ]
        if not near:
            return None
        first.has_waited = True
        return max(near, key=lambda each: (places[each.at[0]], *(-part for part in self._key(each))))

    def _takes_turns(self, first: _Open, other: _Open) -> bool:
        """Whether the models of both are not on the device together."""
        one, two = first.visitor.runner, other.visitor.runner
        if one.memory is not two.memory:
            return _is_bounded(one.memory)
        keys = {key for uses in one.chain.uses_in_order() for key in uses}
        return one.memory.weight_bytes(keys) > one.memory.budget_bytes

    def _most(self, each: _Open) -> int:
        """Rows of a micro-batch of its step: the more wait for it, the more."""
        assert each.step is not None, "who waits has a step"
        batching, device = each.visitor.runner.batching, each.visitor.runner.memory.device
        pay = rows_that_pay(each.step.stage, batching.micro_batch, device=device)
        if batching.batch_invariant:
            return pay
        waiting = self._count_at(each.at)
        quick = int(QUICK_S / max(self._of_a_row.get(each.at, QUICK_S), 1e-6))
        crowd = CROWD if waiting >= CROWD else waiting // 2
        return min(batching.micro_batch, max(pay, crowd, min(quick, waiting)))

    def _count_at(self, at: tuple[int, str]) -> int:
        """Rows that wait there."""
        return sum(len(each.waiting) for each in self._open.values() if each.at == at)

    # Carrying out

    def _carry_out(self, rows: Sequence[tuple[_Open, int]]) -> None:
        step, runner = rows[0][0].step, rows[0][0].visitor.runner
        assert step is not None, "who waits has a step"
        self._make_way(runner.memory)
        values = [each.step.values[i] for each, i in rows if each.step is not None]
        started = self._clock()
        results = self._results(step.stage, step.label, values, rows, runner)
        seconds = self._clock() - started
        for known, new in ((self._seconds, seconds), (self._of_a_row, seconds / len(rows))):
            known[rows[0][0].at] = (known.get(rows[0][0].at, new) + new) / 2
        for (each, i), value, result in zip(rows, values, results, strict=True):
            self._shares.charge(each.visitor.client, seconds / len(rows))
            each.spent += seconds / len(rows)
            each.results[i] = result
            if isinstance(result, Done):
                self._plans.keep(step.stage, value, result.value)
                each.visitor.on_value(step.label, result.value)
        for each in dict.fromkeys(each for each, _ in rows):
            if not each.waiting:
                self._advance(each)

    def _results(
        self,
        stage: AnyStage,
        label: str,
        values: Sequence[Any],
        rows: Sequence[tuple[_Open, int]],
        runner: Runner,
    ) -> Sequence[Done | Failed]:
        seen = any(each.visitor.wants_views() for each, _ in rows)
        watch = (_Onlooker if seen else _Watch)(self, values, [each.visitor for each, _ in rows])
        memory, batching = runner.memory, runner.batching
        try:
            return run_stage(stage, values, memory=memory, batching=batching, watch=watch, label=label)
        except Cancelled:
            if self.stopping:
                raise
            return [Failed("stopped")] * len(values)  # nobody wants any of them
        except DiptychError as error:  # a model cannot be loaded: no row's fault, and these rows' end
            return [Failed(first_line(error))] * len(values)

    def _make_way(self, memory: DeviceMemory) -> None:
        """Models of another recipe leave a device whose memory is bounded."""
        if self._memory is not None and self._memory is not memory and _is_bounded(memory):
            with self._memory.turn:
                self._memory.release_all()
        self._memory = memory

    def _advance(self, each: _Open) -> None:
        """Tell a wave what came of its step, and ask for the next; steps that are known need no stage."""
        while True:
            sent = None if each.step is None else [each.results[i] for i in range(len(each.step.values))]
            each.step, each.results, each.has_waited = None, {}, False
            try:
                each.step = each.steps.send(sent)
            except StopIteration:
                each.result = each.wave.states[0].result
                self._usual = each.spent if self._usual is None else 0.9 * self._usual + 0.1 * each.spent
                return
            except Exception as error:  # whatever a stage of another package made
                _log.debug("a request cannot go on", exc_info=True)
                reason = diagnosed(error, 1).reason
                each.result = Failure(request=each.visitor.request, stage="loop", reason=reason)
                return
            self._recall(each)
            if each.waiting:
                return

    def _recall(self, each: _Open) -> None:
        assert each.step is not None, "there is a step"
        for i, value in enumerate(each.step.values):
            if (plan := self._plans.of(each.step.stage, value)) is not None:
                each.results[i] = Done(plan, 0.0)
                each.visitor.on_value(each.step.label, plan)


class _Watch:
    """Tells those whose rows are in a micro-batch how far it is, and stops it when nobody wants it."""

    def __init__(self, desk: Desk, values: Sequence[Any], visitors: Sequence[Visitor]) -> None:
        self._desk = desk
        self._of = {id(value): visitor for value, visitor in zip(values, visitors, strict=True)}
        self._visitors = list(dict.fromkeys(visitors))

    def on_progress(self, stage: str, done: int, total: int, fraction_of_current: float, /) -> None:
        for visitor in self._visitors:
            visitor.on_progress(stage, min(1.0, (done + fraction_of_current) / max(1, total)))

    def cancelled(self) -> bool:
        return self._desk.stopping or all(visitor.cancelled() for visitor in self._visitors)


class _Onlooker(_Watch):
    """As that, and shows what is to be seen."""

    def on_view(
        self, stage: str, values: Sequence[object], what: str, i: int, views: Sequence[object], /
    ) -> None:
        for value, view in zip(values, views, strict=False):
            visitor = self._of.get(id(value))
            if visitor is not None and visitor.wants_views():
                visitor.on_view(stage, value, what, i, view)


def _alike(alike: Callable[[Any], Hashable], value: Any) -> Hashable:
    """What rows share that share a micro-batch; a value of which that cannot be said has one of its own."""
    try:
        return alike(value)
    except Exception:  # of another package's own kind; `run_stage` says what is the matter
        return object()


def _is_bounded(memory: DeviceMemory) -> bool:
    return not memory.on_cpu or memory.given_bytes is not None
