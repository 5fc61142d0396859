"""Waves: many requests pass each stage before any passes the next. The one place where chain and memory meet.

A model is so loaded once a wave, not once a picture, and the candidates of all requests fill the same
micro-batches. The runner keeps the books: which candidate belongs to which request, how far it got, what it
cost. How large a wave is, `execution_mode` decides; `microbatch` carries out a stage; `loop` decides what is
worth painting or another try.
"""

import contextlib
import dataclasses
import itertools
import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from . import loop
from .chain import LOOK, PREVIEW, Chain
from .errors import InputError
from .execution_mode import ExecutionMode, WaveTiming, choose
from .guards.numerics import WORKSPACE, settle_workspace
from .guards.threads import Threads
from .guards.watchdog import PATIENCE_S, Watchdog
from .memory import DeviceMemory
from .microbatch import Batching, Failed, run_stage
from .repair import Aim, Flaw
from .request_state import CandidateRow, RequestState, Row
from .stage import AnyStage, Stage
from .values import Candidate, Draft, Failure, Outcome, Picture, Plan, Request, Verdict
from .values.setting import whole_number
from .values.start import Start
from .watch import Quiet, Watcher

NO_REPAIRS = "no repairs: this chain cannot begin with a picture"


class Runner:
    """Carries requests through a chain.

    Args:
        chain: the stages.
        memory: where their models are leased.
        aim: says where a picture is to be mended; `None` for a chain that cannot begin with a picture, which
            makes no repairs.
        micro_batch: rows that a stage runs at once, at most; fewer where the memory budget says so.
        wave: requests under way at a time, at most.
        batch_invariant: the same bits whatever the neighbours, at the price of padding (see `Batching`).
        stall_s: seconds without progress after which a stage is said to hang (see `Watchdog`); 0 for never.
        clock: seconds.
    """

    def __init__(
        self,
        chain: Chain,
        memory: DeviceMemory,
        *,
        aim: Stage[Flaw, Aim] | None = None,
        micro_batch: int = 16,
        wave: int = 64,
        batch_invariant: bool = False,
        stall_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        for name, count in (("micro_batch", micro_batch), ("wave", wave)):
            if whole_number(name, count) < 1:
                raise InputError(f"{name} = {count}: must be at least 1")
        self.chain = chain
        self.memory = memory
        self.aim = aim
        self.wave = wave
        self.stall_s = stall_s
        self.batching = Batching(
            micro_batch=micro_batch,
            batch_invariant=batch_invariant,
            alike=shape_of,
            clock=clock,
            threads=Threads(steady=batch_invariant) if memory.device == "cpu" else None,
            watchdog=Watchdog(patience_s=stall_s) if stall_s else None,
        )
        if batch_invariant and memory.device.startswith("cuda") and not settle_workspace():
            memory.record("choose", note=f"CUDA was in use before {WORKSPACE} could be set: set it to :4096:8")

    def run(
        self, requests: Iterable[Request], *, watch: Watcher | None = None, in_order: bool = True
    ) -> Iterator[Outcome | Failure]:
        """Carry out `requests`, read a wave at a time.

        Args:
            in_order: results come in the order of the requests, each as soon as it and those before it are
                finished; else each as soon as it is.

        Returns:
            one Outcome or Failure for each request. A request fails only if none of its candidates was
            finished.

        Raises:
            MemoryBudgetError, CheckpointError: at once, before anything is loaded: a stage's models can never
                fit the budget, or cannot be found.
            Cancelled: while iterating: the watcher said so.
        """
        for uses in (*self.chain.uses_in_order(), *([self.aim.uses] if self.aim else [])):
            self.memory.check(uses)
        return self._in_turn(self._waves(iter(requests), watch or Quiet(), in_order=in_order))

    def _in_turn(self, results: Generator[Outcome | Failure]) -> Iterator[Outcome | Failure]:
        """The same, while no other thread works with the memory. Between two results others may."""
        with contextlib.closing(results):
            while True:
                with self.memory.turn:
                    result = next(results, None)
                if result is None:
                    return
                yield result

    def _waves(
        self, requests: Iterator[Request], watch: Watcher, *, in_order: bool
    ) -> Generator[Outcome | Failure]:
        ahead = list(itertools.islice(requests, 2))
        alone = len(ahead) == 1
        mode: ExecutionMode | None = None
        timing: WaveTiming | None = None
        while ahead:
            mode = self._choose(ahead[0], mode, alone=alone, timing=timing)
            ahead += itertools.islice(requests, max(0, mode.wave - len(ahead)))
            wave, ahead = ahead[: mode.wave], ahead[mode.wave :]
            with self.memory.log.part() as log:
                under_way = _Wave(self.chain, self.aim, self.memory, self.batching, watch, wave)
                finished = under_way.run()
                for state in _in_order(finished, under_way.states) if in_order else finished:
                    assert state.result is not None, "a request that is finished has a result"
                    yield state.result
            timing = WaveTiming.of(log, len(wave))
            ahead = ahead or list(itertools.islice(requests, 1))

    def _choose(
        self, request: Request, before: ExecutionMode | None, *, alone: bool, timing: WaveTiming | None
    ) -> ExecutionMode:
        """How to go on; written to the log where it differs from before."""
        mode = choose(
            self.chain,
            self.memory,
            request,
            micro_batch=self.batching.micro_batch,
            wave=self.wave,
            alone=alone,
            timing=timing,
        )
        if before is None or (mode.name, mode.wave) != (before.name, before.wave):
            self.memory.record("choose", rows=mode.wave, note=f"{mode.name}: {mode.reason}")
        return mode


_AnyRow = TypeVar("_AnyRow", bound=Row)


class _Wave:
    """One wave of requests, round by round until all are finished."""

    def __init__(
        self,
        chain: Chain,
        aim: Stage[Flaw, Aim] | None,
        memory: DeviceMemory,
        batching: Batching,
        watch: Watcher,
        requests: Sequence[Request],
    ) -> None:
        self.chain = chain
        self.aim = aim
        self.memory = memory
        self.batching = batching
        self.watch = watch
        self.states = [RequestState(request, policy_of(request)) for request in requests]
        if aim is None and any(state.policy.repairs for state in self.states):
            self._do_without_repairs()

    def run(self) -> Iterator[RequestState]:
        """Each request as soon as it is finished."""
        started = self.batching.clock()
        live = self.states
        while live:
            if mending := [state for state in live if state.mending]:
                self._repair(mending)  # before anybody's next round, so that all of them fill the same batches
            else:
                self._round(live)
            seconds = self.batching.clock() - started
            for state in live:
                state.conclude(seconds)
            yield from (state for state in live if state.result is not None)
            live = [state for state in live if state.result is None]

    def _round(self, live: Sequence[RequestState]) -> None:
        """Take one round of candidates of every live request as far as it goes, and add them to the trails."""
        self._foresee(self.chain.round(previews=any(state.policy.prunes for state in live)))
        rows = self._plan(live)
        self._judge(self._paint(self._prune(self._draft(rows))))
        for state in live:
            state.close_round([row.candidate for row in rows if row.state is state])

    def _repair(self, mending: Sequence[RequestState]) -> None:
        """Repair one picture of each of these requests, and add the result to the trails."""
        assert self.aim is not None, "without an aim nothing is to be mended"
        rows = [state.repair_row() for state in mending]
        self._foresee([(stage.name, stage) for stage in (self.aim, *self.chain.between(Plan, Verdict))])
        aimed = self._carry([self.aim], rows)
        for row in aimed:
            row.value = row.value.started(row.candidate.plan)
            row.note(plan=row.value)
        self._judge(self._paint(self._draft(aimed)))
        for row in rows:
            row.state.trail.append(row.candidate)

    # The steps of a round

    def _plan(self, live: Sequence[RequestState]) -> list[CandidateRow]:
        """Plan once for each request that does not bring a plan; its candidates share the plan and differ in
        their random draws."""
        wishes = [
            dataclasses.replace(
                state.request, candidate=state.candidates()[0], missed=(*state.request.missed, *state.missed)
            )
            for state in live
        ]
        asked = [Row(state, given_plan(wish) or wish) for state, wish in zip(live, wishes, strict=True)]
        open_rows = [row for row in asked if isinstance(row.value, Request)]
        self._look(open_rows)
        self._carry(self.chain.between(Request, Plan), [row for row in open_rows if not row.lost])
        rows: list[CandidateRow] = []
        for planned in (row for row in asked if not row.lost):
            for candidate in planned.state.candidates():
                request = dataclasses.replace(planned.value.request, candidate=candidate)
                plan = dataclasses.replace(planned.value, request=request)
                rows.append(CandidateRow(planned.state, plan, candidate=Candidate(plan=plan)))
        return rows

    def _look(self, rows: Sequence[Row]) -> None:
        """Caption the init images of requests: a plan keeps what they show wherever the prompt leaves it
        open."""
        starting = [row for row in rows if shows_unknown(row.value.start)] if self.chain.judges else []
        looks = [Row(row.state, Picture(pixels=row.value.start.picture)) for row in starting]
        self._carry(self.chain.between(Picture, Verdict), looks, label=LOOK)
        for row, look in zip(starting, looks, strict=True):
            row.lost = look.lost
            if not look.lost:
                start = dataclasses.replace(row.value.start, shows=look.value.caption)
                row.value = dataclasses.replace(row.value, start=start)

    def _draft(self, rows: Sequence[CandidateRow]) -> list[CandidateRow]:
        drafted = self._carry(self.chain.between(Plan, Draft), rows)
        for row in drafted:
            if isinstance(row.value, Draft):  # not so in a chain without a drafter
                row.note(draft=row.value)
        return drafted

    def _prune(self, rows: Sequence[CandidateRow]) -> list[CandidateRow]:
        """Where fewer are kept than drafted, judge the previews and throw out the poor ones.

        A preview that cannot be judged counts as the worst, but is no reason to give the candidate up.
        """
        rivals: defaultdict[RequestState, list[CandidateRow]] = defaultdict(list)
        for row in rows:
            if row.state.policy.prunes and isinstance(row.value, Draft):
                rivals[row.state].append(row)
        doubtful = [row for group in rivals.values() for row in group]
        previews = [Row(row.state, _preview(row.value)) for row in doubtful]
        self._carry(self.chain.between(Picture, Verdict), previews, label=PREVIEW)
        for row, preview in zip(doubtful, previews, strict=True):
            if not preview.lost:
                row.note(preview_verdict=preview.value)
        for state, group in rivals.items():
            judged = loop.prune(state.policy, [row.candidate for row in group])
            for row, candidate in zip(group, judged, strict=True):
                row.candidate = candidate
        return [row for row in rows if not row.candidate.reason]

    def _paint(self, rows: Sequence[CandidateRow]) -> list[CandidateRow]:
        painted = self._carry(self.chain.between(Draft, Picture), rows)
        for row in painted:
            row.note(picture=row.value)
        return painted

    def _judge(self, rows: Sequence[CandidateRow]) -> None:
        if not self.chain.judges:
            for row in rows:
                row.note(unjudged=True)
            return
        for row in self._carry(self.chain.between(Picture, Verdict), rows):
            row.note(verdict=row.value)

    def _carry(self, stages: Sequence[AnyStage], rows: Sequence[_AnyRow], *, label: str = "") -> list[_AnyRow]:
        """Take `rows` through `stages`; returns those that arrive. The others are marked as failed."""
        alive = list(rows)
        for stage in stages if alive else ():
            name = label or stage.name
            results = run_stage(
                stage,
                [row.value for row in alive],
                memory=self.memory,
                batching=self.batching,
                watch=self.watch,
                label=name,
            )
            for row, result in zip(alive, results, strict=True):
                if isinstance(result, Failed):
                    row.fail(name, result.reason)
                else:
                    row.value = result.value
                    row.state.timings[name] += result.seconds
            alive = [row for row in alive if not row.lost]
        return alive

    def _foresee(self, steps: Sequence[tuple[str, AnyStage]]) -> None:
        """Tell memory what these steps will lease, and the next round, for which they stand."""
        self.memory.foresee([stage.uses for _, stage in steps] * 2)

    def _do_without_repairs(self) -> None:
        for state in self.states:
            state.policy = dataclasses.replace(state.policy, repairs=0)
        if not any(event.note == NO_REPAIRS for event in self.memory.log.decisions):
            self.memory.record("choose", note=NO_REPAIRS)


def _in_order(finished: Iterable[RequestState], states: Iterable[RequestState]) -> Iterator[RequestState]:
    """The requests of a wave in their order, each as soon as it and those before it are finished."""
    waiting = deque(states)
    for _ in finished:
        while waiting and waiting[0].result is not None:
            yield waiting.popleft()


def policy_of(request: Request) -> loop.Policy:
    """The loop's policy for a request; without repairs if no part of its image may change."""
    policy = loop.Policy.of(request.settings)
    may_mend = request.start is None or request.start.may_redraw
    return policy if may_mend else dataclasses.replace(policy, repairs=0)


def shows_unknown(start: Start | None) -> bool:
    """Whether the request has an init image, some of which is kept, without a text that says what it shows."""
    return start is not None and start.picture is not None and start.keeps_something and not start.shows


def given_plan(request: Request) -> Plan | None:
    """The plan that a request starts from; `None` where the planner is to be asked."""
    wording = request.start and request.start.wording
    if wording is None:
        return None
    facts, left_out = wording.seen_from(request.prompt)
    return Plan(request=request, prompt=wording.prompt, facts=facts, left_out=left_out)


def _preview(draft: Draft) -> Picture:
    return Picture(pixels=draft.preview, plan=draft.plan, draft=draft, is_preview=True)


def shape_of(value: Any) -> Hashable:
    """What rows must share to go into one micro-batch: the size of their tensors, steps, guidance (which
    decides how many branches run), the scheduler, the LoRA weights they put on, and what they start from."""
    match value:
        case Picture():
            return tuple(value.pixels.shape)
        case Draft():
            return (*value.grid, shape_of(value.plan))
        case Plan():
            return shape_of(value.request)
        case Request():
            settings = value.settings
            return (
                value.height,
                value.width,
                settings.num_inference_steps,
                settings.guidance_scale,
                settings.scheduler,
                settings.draft_guidance_scale,
                settings.loras,
                value.start and value.start.likeness,
            )
        case _:  # between two stages of a recipe's own
            plan = getattr(value, "plan", None)
            return None if plan is None else (shape_of(plan), getattr(value, "alike", None))
