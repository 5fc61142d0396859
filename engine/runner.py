"""Waves: many requests pass each stage before any passes the next. The one place where chain and memory meet.

A model is so loaded once a wave, not once a picture, and the candidates of all requests fill the same
micro-batches. The runner keeps the books: which candidate belongs to which request, how far it got, what it
cost. How large a wave is, `mode` decides; how a stage is carried out is `microbatch`'s business; what is worth
painting, or another try, `loop`'s.
"""

import dataclasses
import itertools
import time
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from . import loop
from .chain import PREVIEW, Chain
from .errors import InputError
from .memory import DeviceMemory
from .microbatch import Batching, Failed, run_stage
from .mode import Mode, Pace, choose
from .stage import Stage
from .values import Candidate, Draft, Fact, Failure, Outcome, Picture, Plan, Request, Verdict
from .watch import Quiet, Watcher


class Runner:
    """Carries requests through a chain.

    Args:
        chain: the stages.
        memory: where their models are leased.
        micro_batch: rows that a stage runs at once, at most; fewer where the memory budget says so.
        wave: requests under way at a time, at most.
        deterministic: the same bits whatever the neighbours, at the price of padding (see `Batching`).
        clock: seconds.
    """

    def __init__(
        self,
        chain: Chain,
        memory: DeviceMemory,
        *,
        micro_batch: int = 16,
        wave: int = 64,
        deterministic: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        for name, count in (("micro_batch", micro_batch), ("wave", wave)):
            if count < 1:
                raise InputError(f"{name} = {count}: must be at least 1")
        self.chain = chain
        self.memory = memory
        self.wave = wave
        self.batching = Batching(
            micro_batch=micro_batch, deterministic=deterministic, alike=shape_of, clock=clock
        )

    def run(self, requests: Iterable[Request], *, watch: Watcher | None = None) -> Iterator[Outcome | Failure]:
        """Carry out `requests`, read a wave at a time.

        Returns:
            one Outcome or Failure for each request, in the order of the requests, as soon as it and those
            before it are finished. A request fails only if none of its candidates was finished.

        Raises:
            MemoryBudgetError, CheckpointError: at once, before anything is loaded: a stage's models can never
                fit the budget, or cannot be found.
            Cancelled: while iterating: the watcher said so.
        """
        for uses in self.chain.uses_in_order():
            self.memory.check(uses)
        return self._waves(iter(requests), watch or Quiet())

    def _waves(self, requests: Iterator[Request], watch: Watcher) -> Iterator[Outcome | Failure]:
        ahead = list(itertools.islice(requests, 2))
        alone = len(ahead) == 1
        mode: Mode | None = None
        pace: Pace | None = None
        while ahead:
            mode = self._choose(ahead[0], mode, alone=alone, pace=pace)
            ahead += itertools.islice(requests, max(0, mode.wave - len(ahead)))
            wave, ahead = ahead[: mode.wave], ahead[mode.wave :]
            begun = len(self.memory.events)
            yield from _Wave(self.chain, self.memory, self.batching, watch, wave).run()
            pace = Pace.of(self.memory.events[begun:], len(wave))
            ahead = ahead or list(itertools.islice(requests, 1))

    def _choose(self, request: Request, before: Mode | None, *, alone: bool, pace: Pace | None) -> Mode:
        """How to go on, told in the log where it differs from before."""
        mode = choose(
            self.chain,
            self.memory,
            request,
            micro_batch=self.batching.micro_batch,
            wave=self.wave,
            alone=alone,
            pace=pace,
        )
        if before is None or (mode.name, mode.wave) != (before.name, before.wave):
            self.memory.record("choose", rows=mode.wave, note=f"{mode.name}: {mode.reason}")
        return mode


@dataclasses.dataclass(eq=False)
class _Quest:
    """One request under way, with what came of it so far."""

    request: Request
    policy: loop.Policy
    rounds_done: int = 0
    missed: tuple[Fact, ...] = ()
    trail: list[Candidate] = dataclasses.field(default_factory=list)
    timings: defaultdict[str, float] = dataclasses.field(default_factory=lambda: defaultdict(float))
    failure: Failure | None = None  # the latest; it is the request's own if no candidate is finished
    result: Outcome | Failure | None = None

    def candidates(self) -> list[int]:
        """The candidates of the coming round."""
        return [self.request.candidate + i for i in self.policy.candidates_of_round(self.rounds_done)]

    def finish(self) -> None:
        trail = loop.explain(self.policy, self.trail)
        best = loop.best_of(trail)
        if best is None:
            assert self.failure is not None, "a request without a finished candidate has a failure"
            self.result = self.failure
            return
        self.result = Outcome(
            request=self.request,
            best=best,
            accepted=loop.accepts(self.policy, best.verdict),
            trail=trail,
            timings=dict(self.timings),
        )


@dataclasses.dataclass
class _Row:
    """A value on its way through the stages, on behalf of a quest."""

    quest: _Quest
    value: Any  # what the next stage takes
    lost: bool = False

    def fail(self, stage: str, reason: str) -> None:
        self.lost = True
        self.quest.failure = Failure(request=self.quest.request, stage=stage, reason=reason)


@dataclasses.dataclass
class _CandidateRow(_Row):
    """A candidate on its way from its plan to its verdict."""

    candidate: Candidate = dataclasses.field(kw_only=True)

    def note(self, **fields: Any) -> None:
        """Write down what became of the candidate."""
        self.candidate = dataclasses.replace(self.candidate, **fields)

    def fail(self, stage: str, reason: str) -> None:
        super().fail(stage, reason)
        self.note(reason=f"failed at {stage}: {reason}")


_AnyRow = TypeVar("_AnyRow", bound=_Row)


class _Wave:
    """One wave of requests, round by round until all are finished."""

    def __init__(
        self,
        chain: Chain,
        memory: DeviceMemory,
        batching: Batching,
        watch: Watcher,
        requests: Sequence[Request],
    ) -> None:
        self.chain = chain
        self.memory = memory
        self.batching = batching
        self.watch = watch
        self.quests = [_Quest(request, loop.Policy.of(request.settings)) for request in requests]

    def run(self) -> Iterator[Outcome | Failure]:
        started = self.batching.clock()
        waiting = deque(self.quests)
        while waiting:
            live = [quest for quest in waiting if quest.result is None]
            self._round(live)
            seconds = self.batching.clock() - started
            for quest in live:
                self._conclude(quest, seconds)
            while waiting and (result := waiting[0].result) is not None:
                waiting.popleft()
                yield result

    def _round(self, live: Sequence[_Quest]) -> None:
        """Take one round of candidates of every live quest as far as it goes, and add them to the trails."""
        self._foresee(any(quest.policy.prunes for quest in live))
        rows = self._plan(live)
        self._judge(self._paint(self._prune(self._draft(rows))))
        for row in rows:
            row.quest.trail.append(row.candidate)

    def _conclude(self, quest: _Quest, seconds: float) -> None:
        """After a round: another one for this quest, or the end. A quest that could not be planned is over."""
        planned = any(candidate.index in quest.candidates() for candidate in quest.trail)
        quest.rounds_done += 1
        again = loop.another_round(quest.policy, quest.trail, rounds_done=quest.rounds_done, seconds=seconds)
        if planned and again:
            quest.missed = loop.facts_to_stress(quest.missed, quest.trail)
        else:
            quest.finish()

    # The steps of a round

    def _plan(self, live: Sequence[_Quest]) -> list[_CandidateRow]:
        """Plan once for each quest that does not start from a plan; its candidates share the plan and differ in
        their draws."""
        wishes = [
            dataclasses.replace(
                quest.request, candidate=quest.candidates()[0], missed=(*quest.request.missed, *quest.missed)
            )
            for quest in live
        ]
        asked = [_Row(quest, given_plan(wish) or wish) for quest, wish in zip(live, wishes, strict=True)]
        self._carry(self.chain.between(Request, Plan), [row for row in asked if isinstance(row.value, Request)])
        rows: list[_CandidateRow] = []
        for planned in (row for row in asked if not row.lost):
            for candidate in planned.quest.candidates():
                request = dataclasses.replace(planned.value.request, candidate=candidate)
                plan = dataclasses.replace(planned.value, request=request)
                rows.append(_CandidateRow(planned.quest, plan, candidate=Candidate(plan=plan)))
        return rows

    def _draft(self, rows: Sequence[_CandidateRow]) -> list[_CandidateRow]:
        drafted = self._carry(self.chain.between(Plan, Draft), rows)
        for row in drafted:
            if isinstance(row.value, Draft):  # not so in a chain without a drafter
                row.note(draft=row.value)
        return drafted

    def _prune(self, rows: Sequence[_CandidateRow]) -> list[_CandidateRow]:
        """Where fewer are kept than drafted, judge the previews and throw out the poor ones.

        A preview that cannot be judged counts as the worst, but is no reason to give the candidate up.
        """
        rivals: defaultdict[_Quest, list[_CandidateRow]] = defaultdict(list)
        for row in rows:
            if row.quest.policy.prunes and isinstance(row.value, Draft):
                rivals[row.quest].append(row)
        doubtful = [row for group in rivals.values() for row in group]
        previews = [_Row(row.quest, _preview(row.value)) for row in doubtful]
        self._carry(self.chain.between(Picture, Verdict), previews, label=PREVIEW)
        for row, preview in zip(doubtful, previews, strict=True):
            if not preview.lost:
                row.note(preview_verdict=preview.value)
        for quest, group in rivals.items():
            judged = loop.prune(quest.policy, [row.candidate for row in group])
            for row, candidate in zip(group, judged, strict=True):
                row.candidate = candidate
        return [row for row in rows if not row.candidate.reason]

    def _paint(self, rows: Sequence[_CandidateRow]) -> list[_CandidateRow]:
        painted = self._carry(self.chain.between(Draft, Picture), rows)
        for row in painted:
            row.note(picture=row.value)
        return painted

    def _judge(self, rows: Sequence[_CandidateRow]) -> None:
        for row in self._carry(self.chain.between(Picture, Verdict), rows):
            row.note(verdict=row.value)

    def _carry(
        self, stages: Sequence[Stage[Any, Any]], rows: Sequence[_AnyRow], *, label: str = ""
    ) -> list[_AnyRow]:
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
                    row.quest.timings[name] += result.seconds
            alive = [row for row in alive if not row.lost]
        return alive

    def _foresee(self, previews: bool) -> None:
        """Tell memory what this round will lease, and the next, for which a new wave or round stands."""
        self.memory.foresee([stage.uses for _, stage in self.chain.round(previews=previews)] * 2)


def given_plan(request: Request) -> Plan | None:
    """The plan that a request starts from; `None` where the planner is to be asked."""
    wording = request.start and request.start.wording
    return wording and Plan(request=request, prompt=wording.prompt, facts=wording.facts)


def _preview(draft: Draft) -> Picture:
    return Picture(pixels=draft.preview, plan=draft.plan, draft=draft, is_preview=True)


def shape_of(value: Any) -> Hashable:
    """What rows must share to go into one micro-batch: the size of their tensors, steps, guidance (which
    decides how many branches run), and what they start from."""
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
                settings.draft_guidance_scale,
                value.start and value.start.likeness,
            )
        case _:  # between two stages of a recipe's own
            plan = getattr(value, "plan", None)
            return None if plan is None else (shape_of(plan), getattr(value, "alike", None))
