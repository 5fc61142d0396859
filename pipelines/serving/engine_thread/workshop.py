"""The engine's thread: takes rows from the queue, has them carried out, and writes down what came of them.

One thread works with the models; everybody else asks it by what stands in the store, and by `wake`. Rows come
in as the desk has room for them: by priority, fair between clients, a batch's row by row. A picture is on disk
before anybody hears that it is there.
"""

import contextlib
import dataclasses
import itertools
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from ....engine.desk.desk import Desk
from ....engine.errors import Cancelled, DiptychError
from ....engine.messages import first_line, reason_of
from ....engine.values import Failure, Outcome
from ....engine.watch import Quiet
from ...rendering.output import record as records
from ...rendering.provenance.identity import identity
from ...rendering.provenance.provenance import picture_bytes
from ..queue.deaths import MOST, Deaths
from ..queue.jobs import Job, RowSpec
from ..queue.store import Store
from .events import Bus, Event
from .offered_recipes import Pipe, Pipes
from .requests_of_rows import enlarged, placed, request_of
from .row_under_way import Guest
from .tidying import Tidying
from .totals import Totals

_log = logging.getLogger(__name__)

UNDER_WAY = 64
"""Rows under way at a time. A client, or a priority, that has none there is let in beyond it."""

_LOOK_S = 10.0
"""For which whoever looked is taken to look again."""

_TRY_AGAIN_S = 5.0
"""After which it is tried again to write what could not be written."""


class _StopsWith(Quiet):
    """Ends the enlarging of a job's picture that nobody wants any more."""

    def __init__(self, shop: "Workshop", job: str) -> None:
        self._shop, self._job = shop, job

    def cancelled(self) -> bool:
        return not self._shop.wants(self._job)


@dataclasses.dataclass
class _OpenJob:
    """A job with rows to be carried out, and the last that was begun."""

    job: Job
    begun: int = 0


class Workshop:
    """Carries out the jobs of a store.

    Args:
        idle_s: seconds without work after which models leave memory; 0 for never.
        clock: seconds.
    """

    def __init__(
        self,
        store: Store,
        pipes: Pipes,
        bus: Bus,
        *,
        idle_s: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store, self.pipes, self.bus = store, pipes, bus
        self.totals = Totals()
        self.trouble = ""  # why nothing goes on
        self._looked = -_LOOK_S  # when somebody looked at whatever is under way
        self._clock = clock
        self.deaths = Deaths(store.folder)
        self._desk = Desk()
        self._jobs: dict[str, _OpenJob] = {}
        self._lines: dict[tuple[int, str], deque[_OpenJob]] = {}  # of each priority's clients, the oldest first
        self._new: deque[Job] = deque()  # that came since
        self._numbers = itertools.count(1)
        self._enlarging = ""  # the job whose picture is enlarged just now
        self._something = threading.Condition()
        self._changed = True
        self._stopping = False
        self._tidying = Tidying(clock, idle_s=idle_s)
        self._thread = threading.Thread(target=self._work, name="diptych-engine", daemon=True)

    def start(self) -> None:
        """Begin, with what is left from before."""
        self._thread.start()

    def stop(self, *, timeout: float = 60.0) -> None:
        """End; what is under way is begun again by the next server."""
        self._stopping = True
        self._desk.stop()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(timeout)
        self.deaths.close()

    def wake(self, new: Job | None = None) -> None:
        """Something in the store has changed, or no more than that there is a new job."""
        with self._something:
            if new is None:
                self._changed = True
            else:
                self._new.append(new)
            self._something.notify_all()

    def look(self) -> None:
        """Somebody looks at whatever is under way, now and then."""
        self._looked = self._clock()

    @property
    def is_looked_at(self) -> bool:
        return self._clock() - self._looked < _LOOK_S

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def guests(self) -> list[Guest]:
        """The rows under way, the oldest first; from any thread."""
        for _ in range(8):
            try:
                return [each for each in self._desk.visitors if isinstance(each, Guest)]
            except RuntimeError:  # it changed meanwhile
                continue
        return []

    def give_up(self, job: str) -> None:
        """The rows of a job that are under way are not wanted any more; from any thread."""
        for guest in self.guests():
            if guest.job.id == job:
                guest.gone = True
        if self._enlarging == job:
            self._enlarging = ""
        self.wake()

    def wants(self, enlarging: str) -> bool:
        """Whether a picture of this job is still to be enlarged."""
        return not self._stopping and self._enlarging == enlarging

    # The thread

    def _work(self) -> None:
        self._make_ready()
        try:
            while not self._stopping:
                self._look_and_work()
        finally:
            self._desk.close()

    def _look_and_work(self) -> None:
        """See what is new, and do the next that there is to do."""
        try:
            self._refresh()
            self._admit()
            self.deaths.under_way(self._under_way())
            for name in self._tidying.forget(self.store):
                self._tell_of(name)
            left = self._tidying.release(self.pipes, {guest.pipe.name for guest in self.guests()})
            if not len(self._desk):
                self._rest(left)
                return
            self._tidying.hand_back(self.pipes)
            for guest, result in self._desk.turn():
                assert isinstance(guest, Guest), "nobody else enters"
                self._keep(guest, result)
        except Cancelled:
            self._stopping = True
        except Exception as error:  # whatever it is, the others must go on
            _log.exception("diptych: the engine met a fault")
            self.trouble = first_line(error, named=True)
            self.totals.faults += 1
            self._give_up_all(self.trouble)
            self._pause(1.0)

    def _make_ready(self) -> None:
        """Do what takes long before anybody waits for it: weights are hashed."""
        waiting = {job.recipe for job in self.store.open_jobs()} - self.pipes.recipes.keys()
        for recipe in sorted(waiting):
            _log.warning("diptych: jobs wait for recipe %r, which is not served now", recipe)
        try:
            _ = self.pipes.of(self.pipes.usual).environment
        except Exception as error:  # whoever asks for a picture hears of it
            _log.warning("diptych: %s", first_line(error))

    def _give_up_all(self, why: str) -> None:
        """After a fault: what was under way has failed, and does not bring it about again."""
        for guest in self.guests():
            self._desk.leave(guest)
            with contextlib.suppress(Exception):
                self._fail(guest.job, guest.number, guest.spec, "fault", why)

    def _refresh(self) -> None:
        """Take in what has changed in the store."""
        new = [self._new.popleft() for _ in range(len(self._new))]
        if not self._changed:
            self._line_up(job for job in new if not job.ended and job.id not in self._jobs)
            return
        self._changed = False
        self._tidying.jobs_ended()  # some may have been cancelled
        before, self._jobs, self._lines = self._jobs, {}, {}
        self._line_up(self.store.open_jobs())
        for guest in self.guests():
            found = self._jobs.get(guest.job.id)
            guest.gone = guest.gone or found is None or found.job.state == "paused"
            if found is not None:
                guest.priority = found.job.priority
        for name in before.keys() - self._jobs.keys():
            self._tell_of(name)

    def _admit(self) -> None:
        """Let rows in, while there is room."""
        while not self._stopping and (chosen := self._next_job()) is not None:
            row = self.store.next_row(chosen.job.id, chosen.begun)
            if row is None:
                self._jobs.pop(chosen.job.id)
                continue
            if not self._may_begin(chosen.job.id, row.number):
                return
            chosen.begun = row.number
            if (chosen.job.id, row.number) in self._under_way():
                continue
            self._begin(chosen.job, row.number, row.spec)

    def _may_begin(self, job: str, number: int) -> bool:
        """Whether a row may join those under way. One with which the server died once is alone, so that no
        other is blamed if it dies again."""
        is_suspect = self.deaths.of((job, number)) > 0
        return not len(self._desk) or not (is_suspect or any(map(self.deaths.of, self._under_way())))

    def _under_way(self) -> set[tuple[str, int]]:
        """Job and number of each row under way that is wanted."""
        return {(each.job.id, each.number) for each in self.guests() if not each.gone}

    def _line_up(self, jobs: Iterable[Job]) -> None:
        """Open jobs stand behind those of the same client and priority. Those whose recipe is not served now
        wait for a server that does."""
        for job in jobs:
            self._jobs[job.id] = opened = _OpenJob(job)
            if job.state != "paused" and job.recipe in self.pipes.recipes:
                self._lines.setdefault((job.priority, job.client), deque()).append(opened)

    def _next_job(self) -> _OpenJob | None:
        """Looks at the first of each line alone: there may be very many jobs."""
        for name, line in list(self._lines.items()):
            while line and self._jobs.get(line[0].job.id) is not line[0]:
                line.popleft()
            if not line:
                del self._lines[name]
        if not self._lines:
            return None
        first = min((line[0] for line in self._lines.values()), key=self._key)
        under_way = self._desk.visitors
        if len(under_way) < UNDER_WAY:
            return first
        absent = all(each.client != first.job.client for each in under_way)
        urgent = all(each.priority < first.job.priority for each in under_way)
        return first if absent or urgent else None

    def _key(self, each: _OpenJob) -> tuple[int, float, int]:
        return -each.job.priority, self._desk.had(each.job.client), each.job.order

    def _begin(self, job: Job, number: int, spec: RowSpec) -> None:
        if (died := self.deaths.of((job.id, number))) >= MOST:
            why = f"the server died {died} times while it was under way: it is not begun again unless retried"
            self._fail(job, number, spec, "fault", why)
            return
        self.deaths.under_way({*self._under_way(), (job.id, number)})
        try:
            pipe = self.pipes.of(job.recipe)
            self._tidying.used([pipe.name])
            if spec.way == "upscale":
                self._enlarge(job, number, spec, pipe)
                return
            request = request_of(pipe.pipeline, spec, self.store.inputs, number=next(self._numbers))
        except Cancelled:
            raise
        except Exception as error:  # of a library, too, that no such picture was ever tried on
            self._fail(
                job, number, spec, "request", first_line(error, named=not isinstance(error, DiptychError))
            )
            return
        self._desk.enter(Guest(self, job, number, spec, request, pipe))

    def _enlarge(self, job: Job, number: int, spec: RowSpec, pipe: Pipe) -> None:
        self._enlarging = job.id
        try:
            outcome = enlarged(pipe.pipeline, spec, self.store.inputs, _StopsWith(self, job.id))
        except Cancelled:
            if self._stopping:
                raise
            return
        finally:
            self._enlarging = ""
        self._finish(job, number, outcome, pipe, tokens=0, seconds=sum(outcome.timings.values()), spec=spec)

    def _rest(self, seconds: float | None) -> None:
        """Wait for something to do, so long at most."""
        waits = [each for each in (seconds, self._tidying.due_s) if each is not None]
        with self._something:
            if not self._changed and not self._new and not self._stopping:
                self._something.wait(max(0.01, min(waits)) if waits else None)

    def _pause(self, seconds: float) -> None:
        with self._something:
            if not self._stopping:
                self._something.wait(seconds)

    # What comes of rows

    def _keep(self, guest: Guest, result: Outcome | Failure) -> None:
        seconds = time.monotonic() - guest.started
        if isinstance(result, Failure):
            self._fail(guest.job, guest.number, guest.spec, result.stage, result.reason, seconds=seconds)
            return
        more: dict[str, Any] = {"tokens": guest.tokens, "seconds": seconds, "spec": guest.spec}
        self._finish(guest.job, guest.number, result, guest.pipe, **more)

    def _finish(
        self, job: Job, number: int, outcome: Outcome, pipe: Pipe, *, spec: RowSpec, **more: Any
    ) -> None:
        try:
            data = picture_bytes(outcome, pipe.environment, template=spec.template, told=pipe.told)
            place = {"id": identity(outcome.request, pipe.environment), "template": spec.template}
            record = records.done(placed(outcome, number), **place)
            record.to_json()
        except Exception as error:  # a number that is none, say
            self._fail(job, number, spec, "writing", first_line(error, named=True))
            return
        self.totals.add(outcome)
        self._write(job, number, record=dataclasses.asdict(record), picture=data, **more)

    def _fail(
        self, job: Job, number: int, spec: RowSpec, stage: str, reason: str, *, seconds: float = 0.0
    ) -> None:
        self.totals.failures += 1
        error = f"{stage}: {reason}"
        record = records.refused(number, spec.prompt, spec.seed, error)
        self._write(job, number, record=dataclasses.asdict(record), error=error, seconds=seconds)

    def _write(self, job: Job, number: int, **result: Any) -> None:
        """Put it on disk, however long that takes, and say so."""
        while True:
            try:
                found = self.store.finish(job.id, number, **result)
                break
            except (OSError, sqlite3.OperationalError) as error:
                self.trouble = f"results cannot be written ({reason_of(error)})"
                _log.warning("diptych: %s: trying again", self.trouble)
                if self._stopping:
                    return
                self._pause(_TRY_AGAIN_S)
        self.trouble = ""
        self.deaths.forget((job.id, number))
        if found is None:
            return
        state = "failed" if result.get("picture") is None else "done"
        data = {"state": state, "error": result.get("error", "")}
        self.bus.tell(Event(kind="row", job=job.id, row=number, data=data))
        if found.ended:
            self._jobs.pop(job.id, None)
            self._tell_of(job.id)
            self._tidying.jobs_ended()

    def _tell_of(self, name: str) -> None:
        job = self.store.job(name)
        state = "deleted" if job is None else job.state
        self.bus.tell(Event(kind="job", job=name, data={"state": state}))
