"""The open batches of a desk: who may join one, who does, and what there is to hear of them."""

import logging
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, NamedTuple

from ..errors import Cancelled
from ..guards.numerics import compute_alike
from ..memory import DeviceMemory
from ..microbatch import Done, Failed
from ..stage import AnyStage
from .open_batch import News, OpenBatch
from .open_request import OpenRequest, Place, Seat, may_join

_log = logging.getLogger(__name__)

WAIT_S = 0.01
"""Seconds for which news are waited for at most: newcomers are looked after in between."""

SEATS = 8
"""Rows of an open batch, at most. With more a step of the pocket drafter takes as much longer on one core, and
the stages behind it wait until all are done."""

Rows = list[tuple[OpenRequest, int]]


class Heard(NamedTuple):
    """What became of an open batch.

    Args:
        spent: requests, and seconds that were spent on them.
        done: requests, places of values of their steps, and what came of these.
    """

    spent: list[tuple[OpenRequest, float]]
    done: list[tuple[OpenRequest, int, Done | Failed]]


class OpenBatches:
    """One for each place that has rows which can join each other. For the desk's thread alone.

    Args:
        stopped: whether everything is to be broken off.
    """

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)  # there is news of one
        self._batches: dict[Place, OpenBatch] = {}
        self._stages: dict[Place, AnyStage] = {}  # whose ids stay theirs as long as they are kept
        self._unfit: set[Place] = set()

    def __len__(self) -> int:
        """Those that are at work beside."""
        return len(self._batches)

    def joinable(self, each: OpenRequest) -> set[int]:
        """The places of its step's values that may be in an open batch."""
        runner = each.visitor.runner
        if each.step is None or each.at in self._unfit or is_bounded(runner.memory):
            return set()
        if not compute_alike([dict(key.tuning) for key in stage.uses] for stage in runner.chain.stages):
            return set()  # stages that cannot be at work at the same time
        return {i for i, value in enumerate(each.step.values) if may_join(each.step.stage, value)}

    def line_up(self, requests: Iterable[OpenRequest]) -> None:
        """Those that can join a batch stand before it in this order, the first to be taken in first."""
        lines: dict[Place, Rows] = {}
        for each in requests:
            for i in sorted(each.joinable.difference(each.results)):
                lines.setdefault(each.at, []).append((each, i))
        for at, line in lines.items():
            said = [(_value(*row), Seat(*row)) for row in line]
            if at not in self._batches:
                self._open(at, line, said)
            elif self._batches[at].line_up(said):  # else it has just ended: when that is heard there is another
                _be_seated(line)

    def _open(self, at: Place, line: Rows, said: Sequence[tuple[Any, Seat]]) -> None:
        """A batch for those in line."""
        step, runner = line[0][0].step, line[0][0].visitor.runner
        assert step is not None, "who joins has a step"
        most = min(SEATS, runner.batching.micro_batch)
        batch = OpenBatch(
            step.stage,
            runner,
            step.label,
            most=most,
            stopped=self._stopped,
            lock=self._lock,
            changed=self._changed,
        )
        self._stages[at], self._batches[at] = step.stage, batch
        batch.line_up(said)
        _be_seated(line)
        try:
            batch.begin()
        except (Cancelled, KeyboardInterrupt):
            raise
        except BaseException:  # a model cannot be loaded, say, of which the stage itself will tell
            _log.debug("no batch can be opened", exc_info=True)
            batch.break_off()
            batch.close()
            del self._batches[at]
            for each, _ in line:
                each.seats.clear()
                each.joinable.clear()

    def leave(self, each: OpenRequest) -> None:
        """It is given up."""
        if each.seats and each.step is not None:
            self._batches[each.at].leave([_value(each, i) for i in each.seats])
            each.seats.clear()

    def hear(self, there: Iterable[OpenRequest]) -> Generator[Heard]:
        """What became of each since this was last asked.

        Args:
            there: all requests under way.

        Raises:
            Cancelled: everything is to be broken off.
        """
        requests = list(there)
        for at, batch in list(self._batches.items()):
            news = batch.news()
            seated = [
                (each, i) for each in requests if each.seats and each.at == at for i in sorted(each.seats)
            ]
            found = {id(value): result for value, result in news.done}
            heard = Heard([], [])
            for each, i in seated:
                name = id(_value(each, i))
                if name in news.spent:
                    heard.spent.append((each, news.spent[name]))
                if name in found:
                    each.seats.discard(i)
                    heard.done.append((each, i, found[name]))
            if news.ended:
                del self._batches[at]
                self._end(at, requests, news)
            yield heard

    def _end(self, at: Place, requests: Iterable[OpenRequest], news: News) -> None:
        """Whoever is left in a batch that has ended goes on without one, and so it is found out who was at
        fault. Whoever stood before it stands before the next."""
        if isinstance(news.fault, KeyboardInterrupt) or (isinstance(news.fault, Cancelled) and self._stopped()):
            raise news.fault
        if news.fault is not None:
            _log.debug("rows that join each other cannot go on", exc_info=news.fault)
        if news.unfit:
            self._unfit.add(at)
        for each in requests:
            if each.step is not None and each.at == at:
                inside = {i for i in each.seats if id(_value(each, i)) in news.inside}
                each.joinable -= each.joinable if news.unfit else inside
                each.seats.clear()

    def wait(self) -> None:
        """Until there is news, or a moment has passed."""
        with self._lock:
            self._changed.wait_for(lambda: any(batch.has_news for batch in self._batches.values()), WAIT_S)

    def break_off(self, there: Iterable[OpenRequest]) -> None:
        """End all of them at once."""
        for batch in self._batches.values():
            batch.break_off()
        for at, batch in list(self._batches.items()):
            batch.close()
            self._batches.pop(at, None)
        for each in there:
            each.seats.clear()


def _be_seated(line: Rows) -> None:
    for each, i in line:
        each.seats.add(i)


def _value(each: OpenRequest, i: int) -> Any:
    assert each.step is not None, "it has a value"
    return each.step.values[i]


def is_bounded(memory: DeviceMemory) -> bool:
    """Whether somebody counts the bytes."""
    return not memory.on_cpu or memory.given_bytes is not None
