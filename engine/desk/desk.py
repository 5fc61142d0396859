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

import itertools
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import Cancelled, DiptychError
from ..guards.trouble import diagnosed
from ..memory import DeviceMemory
from ..messages import first_line
from ..microbatch import Done, Failed, rows_that_pay, run_stage
from ..runner import Runner
from ..stage import AnyStage
from ..values import Failure, Outcome
from ..waves.wave import Wave
from .fairness import Shares, UnderWay, turns
from .known_plans import KnownPlans
from .open_batches import OpenBatches, is_bounded
from .open_request import OpenRequest, Place, alike
from .visitor import Visitor, Watch, WatchWithViews

_log = logging.getLogger(__name__)

CATCH_UP = 0.5
"""Of the time that a stage takes: so long may the next request wait for others to fill the stage with it."""

CROWD = 4
"""Rows that go together on a CPU where as many wait, even if only one pays: the stages behind get several."""

QUICK_S = 0.25
"""Seconds that rows together may take on a CPU where they wait for a stage, even if only one pays."""

MANY = 16
"""Requests under way; where there are more, `QUICK_S` is as many times longer, for throughput counts; but not
where something goes on beside, which needs the other cores, and rows from here."""


class Desk:
    """Carries out requests as they come.

    Args:
        clock: seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._open: dict[Visitor, OpenRequest] = {}
        self._orders = itertools.count()
        self._shares = Shares()
        self._usual: float | None = None  # seconds that a request takes, lately
        self._seconds: dict[Place, float] = {}  # that a micro-batch takes, lately
        self._of_a_row: dict[Place, float] = {}  # of these
        self._plans = KnownPlans()
        self._batches = OpenBatches(lambda: self.stopping)
        self._stages: dict[int, AnyStage] = {}  # by their ids, which stay theirs as long as they are kept
        self._last: Place | None = None
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
        self._open[visitor] = OpenRequest(visitor, next(self._orders), wave, wave.steps())
        self._shares.present(each.client for each in self._open)

    def leave(self, visitor: Visitor) -> None:
        """Its request is given up, if it is under way."""
        if (gone := self._open.pop(visitor, None)) is not None:
            self._batches.leave(gone)
            if not self._open:
                self.close()
            gone.steps.close()
            self._shares.present(each.client for each in self._open)

    def stop(self) -> None:
        """Have the micro-batch at hand broken off: the turn ends with `Cancelled`, and nothing is finished."""
        self.stopping = True

    def close(self) -> None:
        """There are no more turns: what goes on between them ends."""
        self._batches.break_off(self._open.values())

    def had(self, client: str) -> float:
        """Seconds of work that a client had, for whoever chooses the next to enter."""
        return self._shares.had(client)

    def turn(self) -> list[tuple[Visitor, Outcome | Failure]]:
        """Carry out one micro-batch. Returns those who are finished with it, and what came of them; those who
        have cancelled are gone without a word.

        Raises:
            Cancelled: `stop` was called.
        """
        try:
            return self._turn()
        except BaseException:
            self.close()
            raise

    def _turn(self) -> list[tuple[Visitor, Outcome | Failure]]:
        for each in [each for each in self._open.values() if each.visitor.cancelled()]:
            self.leave(each.visitor)
        for heard in self._batches.hear(self._open.values()):
            for each, seconds in heard.spent:
                self._charge(each, seconds)
            for each, i, result in heard.done:
                self._settle(each, i, result)
        for each in self._open.values():
            if each.step is None and each.result is None:
                self._advance(each)
        if not any(each.result for each in self._open.values()) and self._open:
            self._line_up()
            self._batches.line_up(sorted(self._open.values(), key=self._key))
            if here := [each for each in self._open.values() if each.here]:
                self._carry_out(self._rows_with(self._chosen(min(here, key=self._key))))
            else:
                self._batches.wait()
        done = [(each.visitor, each.result) for each in self._open.values() if each.result is not None]
        for visitor, _ in done:
            self.leave(visitor)
        return [(visitor, result) for visitor, result in done if not visitor.cancelled()]

    # Who is next

    def _key(self, each: OpenRequest) -> tuple[int, float, int]:
        return -each.visitor.priority, round(each.turn, 3), each.order

    def _line_up(self) -> None:
        """Say of each when its turn is."""
        there = list(self._open.values())
        usual = max((each.spent for each in there), default=0.0) if self._usual is None else self._usual
        said = (UnderWay(each.visitor.client, each.visitor.priority, each.spent) for each in there)
        for each, turn in zip(there, turns(said, self._shares.had, usual=usual), strict=True):
            each.turn = turn

    def _rows_with(self, chosen: OpenRequest) -> list[tuple[OpenRequest, int]]:
        """The rows of the next micro-batch: of this step, and of others like it."""
        assert chosen.step is not None, "who waits has a step"
        batching = chosen.visitor.runner.batching
        like = alike(batching.alike, chosen.step.values[chosen.here[0]])
        rows: list[tuple[OpenRequest, int]] = []
        others = (each for each in self._open.values() if each.at == chosen.at and each is not chosen)
        for each in (chosen, *sorted(others, key=self._key)):
            assert each.step is not None, "who waits has a step"
            fits = (i for i in each.here if alike(batching.alike, each.step.values[i]) == like)
            rows += [(each, i) for i in fits]
        return rows[: self._most(chosen)]

    def _chosen(self, first: OpenRequest) -> OpenRequest:
        """Whose step is carried out, where `first` is next."""
        last = [each for each in self._open.values() if each.at == self._last and each.here]
        if last and first.at != self._last and self._takes_turns(first, last[0]):
            stay = [each for each in last if each.visitor.priority >= first.visitor.priority]
            if stay and self._stayed * self._most(stay[0]) < stay[0].visitor.runner.wave:
                return min(stay, key=self._key)
        return self._behind(first) or first

    def _behind(self, first: OpenRequest) -> OpenRequest | None:
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
            and each.here
            and places.get(each.at[0], here) < here
            and self._seconds.get(each.at, took) <= CATCH_UP * took
        ]
        if not near:
            return None
        first.has_waited = True
        return max(near, key=lambda each: (places[each.at[0]], *(-part for part in self._key(each))))

    def _takes_turns(self, first: OpenRequest, other: OpenRequest) -> bool:
        """Whether the models of both are not on the device together."""
        one, two = first.visitor.runner, other.visitor.runner
        if one.memory is not two.memory:
            return is_bounded(one.memory)
        keys = {key for uses in one.chain.uses_in_order() for key in uses}
        return one.memory.weight_bytes(keys) > one.memory.budget_bytes

    def _most(self, each: OpenRequest) -> int:
        """Rows of a micro-batch of its step: the more wait for it, the more."""
        assert each.step is not None, "who waits has a step"
        batching, device = each.visitor.runner.batching, each.visitor.runner.memory.device
        pay = rows_that_pay(each.step.stage, batching.micro_batch, device=device)
        if batching.batch_invariant:
            return pay
        waiting = self._count_at(each.at)
        quick_s = QUICK_S * (1.0 if len(self._batches) else max(1.0, len(self) / MANY))
        quick = int(quick_s / max(self._of_a_row.get(each.at, QUICK_S), 1e-6))
        crowd = CROWD if waiting >= CROWD else waiting // 2
        return min(batching.micro_batch, max(pay, crowd, min(quick, waiting)))

    def _count_at(self, at: Place) -> int:
        """Rows that wait for it in this thread."""
        return sum(len(each.here) for each in self._open.values() if each.at == at)

    # Carrying out

    def _carry_out(self, rows: Sequence[tuple[OpenRequest, int]]) -> None:
        step, runner = rows[0][0].step, rows[0][0].visitor.runner
        assert step is not None, "who waits has a step"
        self._begin_at(rows[0][0].at, step.stage, runner.memory)
        values = [each.step.values[i] for each, i in rows if each.step is not None]
        started = self._clock()
        results = self._results(step.stage, step.label, values, rows, runner)
        seconds = self._clock() - started
        for known, new in ((self._seconds, seconds), (self._of_a_row, seconds / len(rows))):
            known[rows[0][0].at] = (known.get(rows[0][0].at, new) + new) / 2
        for each, _ in rows:
            self._charge(each, seconds / len(rows))
        for (each, i), value, result in zip(rows, values, results, strict=True):
            self._plans.keep(step.stage, value, result.value if isinstance(result, Done) else None)
            self._settle(each, i, result)

    def _charge(self, each: OpenRequest, seconds: float) -> None:
        """A request had so much of the machine's time."""
        self._shares.charge(each.visitor.client, seconds)
        each.spent += seconds

    def _settle(self, each: OpenRequest, i: int, result: Done | Failed) -> None:
        """This came of a value of a request's step."""
        each.results[i] = result
        if isinstance(result, Done):
            each.visitor.on_value(each.at[1], result.value)
        if each.is_done:
            self._advance(each)

    def _results(
        self,
        stage: AnyStage,
        label: str,
        values: Sequence[Any],
        rows: Sequence[tuple[OpenRequest, int]],
        runner: Runner,
    ) -> Sequence[Done | Failed]:
        seen = any(each.visitor.wants_views() for each, _ in rows)
        watch = (WatchWithViews if seen else Watch)(
            lambda: self.stopping, values, [each.visitor for each, _ in rows]
        )
        memory, batching = runner.memory, runner.batching
        try:
            return run_stage(stage, values, memory=memory, batching=batching, watch=watch, label=label)
        except Cancelled:
            if self.stopping:
                raise
            return [Failed("stopped")] * len(values)  # nobody wants any of them
        except DiptychError as error:  # a model cannot be loaded: no row's fault, and these rows' end
            return [Failed(first_line(error))] * len(values)

    def _begin_at(self, at: Place, stage: AnyStage, memory: DeviceMemory) -> None:
        """A stage is at work next; models of another recipe leave a device whose memory is bounded."""
        self._stages[at[0]] = stage
        self._stayed = self._stayed + 1 if at == self._last else 0
        self._last = at
        if self._memory is not None and self._memory is not memory and is_bounded(memory):
            with self._memory.turn:
                self._memory.release_all()
        self._memory = memory

    def _advance(self, each: OpenRequest) -> None:
        """Tell a wave what came of its step, and ask for the next; steps that are known need no stage."""
        while True:
            sent = None if each.step is None else [each.results[i] for i in range(len(each.step.values))]
            each.step, each.results, each.has_waited = None, {}, False
            each.seats, each.joinable, each.fractions = set(), set(), {}
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
                each.joinable = self._batches.joinable(each)
                return

    def _recall(self, each: OpenRequest) -> None:
        assert each.step is not None, "there is a step"
        for i, value in enumerate(each.step.values):
            if (plan := self._plans.of(each.step.stage, value)) is not None:
                each.results[i] = Done(plan, 0.0)
                each.visitor.on_value(each.step.label, plan)
