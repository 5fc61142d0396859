"""Requests round by round: what must be done next, and what follows from what came of it.

A wave keeps the books: which candidate belongs to which request, how far it got, what it cost. `loop` decides
what is worth painting or another try. A wave carries out nothing itself. It yields steps, and is sent results:
the runner does each step of a whole wave at once, and the desk puts steps of many waves of one request into
the same micro-batches.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, TypeVar

from .. import loop
from ..chain import LOOK, PREVIEW, Chain
from ..memory import DeviceMemory
from ..microbatch import Done, Failed
from ..repair import Aim, Flaw
from ..stage import AnyStage, Stage, uses_of
from ..values import Candidate, Draft, Picture, Plan, Request, Verdict
from ..values.start import Start
from .request_state import CandidateRow, RequestState, Row

NO_REPAIRS = "no repairs: this chain cannot begin with a picture"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """What must be done before requests get on: these values go through a stage, called `label`."""

    stage: AnyStage
    label: str
    values: Sequence[Any]


_AnyRow = TypeVar("_AnyRow", bound=Row)
_T = TypeVar("_T")
Steps = Generator[Step, Sequence[Done | Failed], _T]
"""Work that says step by step what must be done, and is sent a result for each value."""


class Wave:
    """Some requests, round by round until all are finished. It knows what must be done next, and what follows
    from what came of it; who does it, and beside what else, is for its driver to say."""

    def __init__(
        self,
        chain: Chain,
        aim: Stage[Flaw, Aim] | None,
        memory: DeviceMemory,
        clock: Callable[[], float],
        requests: Sequence[Request],
    ) -> None:
        self.chain = chain
        self.aim = aim
        self.memory = memory
        self.clock = clock
        self.states = [RequestState(request, policy_of(request)) for request in requests]
        if aim is None and any(state.policy.repairs for state in self.states):
            self._do_without_repairs()

    def passes(self) -> Iterator[Steps[list[RequestState]]]:
        """Round after round, repairs among them; each gives the requests that are finished with it."""
        started = self.clock()
        live = self.states
        while live:
            yield self._pass(live, started)
            live = [state for state in live if state.result is None]

    def steps(self) -> Steps[None]:
        """All passes, one after the other."""
        for each in self.passes():
            yield from each

    def _pass(self, live: Sequence[RequestState], started: float) -> Steps[list[RequestState]]:
        if mending := [state for state in live if state.mending]:
            yield from self._repair(mending)  # before anybody's next round: all of them fill the same batches
        else:
            yield from self._round(live)
        seconds = self.clock() - started
        for state in live:
            state.conclude(seconds)
        return [state for state in live if state.result is not None]

    def _round(self, live: Sequence[RequestState]) -> Steps[None]:
        """Take one round of candidates of every live request as far as it goes, and add them to the trails."""
        self._foresee(self.chain.round(previews=any(state.policy.prunes for state in live)))
        rows = yield from self._plan(live)
        planned = {row.state for row in rows if not row.lost}
        drafted = yield from self._draft(rows)
        kept = yield from self._prune(drafted)
        painted = yield from self._paint(kept)
        yield from self._judge(painted)
        for state in live:
            candidates = [row.candidate for row in rows if row.state is state]
            state.close_round(candidates, planned=state in planned)

    def _repair(self, mending: Sequence[RequestState]) -> Steps[None]:
        """Repair one picture of each of these requests, and add the result to the trails."""
        assert self.aim is not None, "without an aim nothing is to be mended"
        rows = [state.repair_row() for state in mending]
        self._foresee([(stage.name, stage) for stage in (self.aim, *self.chain.between(Plan, Verdict))])
        aimed = yield from self._carry([self.aim], rows)
        for row in aimed:
            row.value = row.value.started(row.candidate.plan)
            row.note(plan=row.value)
        drafted = yield from self._draft(aimed)
        painted = yield from self._paint(drafted)
        yield from self._judge(painted)
        for row in rows:
            row.state.trail.append(row.candidate)

    # The steps of a round

    def _plan(self, live: Sequence[RequestState]) -> Steps[list[CandidateRow]]:
        """Plan once for each request that does not bring a plan; its candidates share the plan and differ in
        their random draws. Stages that change plans get those that were brought, too, once for each candidate:
        if they refuse the first, they are not asked for the others. What is lost there is among the rows."""
        wishes = [
            dataclasses.replace(
                state.request, candidate=state.candidates()[0], missed=(*state.request.missed, *state.missed)
            )
            for state in live
        ]
        asked = [Row(state, given_plan(wish) or wish) for state, wish in zip(live, wishes, strict=True)]
        open_rows = [row for row in asked if isinstance(row.value, Request)]
        yield from self._look(open_rows)
        stages = self.chain.between(Request, Plan)
        planning = [stage for stage in stages if not issubclass(stage.takes, Plan)]
        yield from self._carry(planning, open_rows)
        planned = [row for row in asked if not row.lost]
        changing = stages[len(planning) :]
        first = [_candidate_of(row, row.state.candidates()[0]) for row in planned]
        yield from self._change(changing, first)
        going_on = [row for row, its_first in zip(planned, first, strict=True) if not its_first.lost]
        others = [_candidate_of(row, number) for row in going_on for number in row.state.candidates()[1:]]
        yield from self._change(changing, others)
        order = {row.state: i for i, row in enumerate(planned)}
        return sorted([*first, *others], key=lambda row: order[row.state])

    def _change(self, stages: Sequence[AnyStage], rows: Sequence[CandidateRow]) -> Steps[None]:
        changed = yield from self._carry(stages, rows)
        for row in changed:
            row.note(plan=row.value)

    def _look(self, rows: Sequence[Row]) -> Steps[None]:
        """Caption the init images of requests: a plan keeps what they show wherever the prompt leaves it
        open."""
        starting = [row for row in rows if shows_unknown(row.value.start)] if self.chain.judges else []
        looks = [Row(row.state, Picture(pixels=row.value.start.picture)) for row in starting]
        yield from self._carry(self.chain.between(Picture, Verdict), looks, label=LOOK)
        for row, look in zip(starting, looks, strict=True):
            row.lost = look.lost
            if not look.lost:
                start = dataclasses.replace(row.value.start, shows=look.value.caption)
                row.value = dataclasses.replace(row.value, start=start)

    def _draft(self, rows: Sequence[CandidateRow]) -> Steps[list[CandidateRow]]:
        drafted = yield from self._carry(self.chain.between(Plan, Draft), rows)
        for row in drafted:
            if isinstance(row.value, Draft):  # not so in a chain without a drafter
                row.note(draft=row.value)
        return drafted

    def _prune(self, rows: Sequence[CandidateRow]) -> Steps[list[CandidateRow]]:
        """Where fewer are kept than drafted, judge the previews and throw out the poor ones.

        A preview that cannot be judged counts as the worst, but is no reason to give the candidate up.
        """
        rivals: defaultdict[RequestState, list[CandidateRow]] = defaultdict(list)
        for row in rows:
            if row.state.policy.prunes and isinstance(row.value, Draft):
                rivals[row.state].append(row)
        doubtful = [row for group in rivals.values() for row in group]
        previews = [Row(row.state, _preview(row.value)) for row in doubtful]
        yield from self._carry(self.chain.between(Picture, Verdict), previews, label=PREVIEW)
        for row, preview in zip(doubtful, previews, strict=True):
            if not preview.lost:
                row.note(preview_verdict=preview.value)
        for state, group in rivals.items():
            judged = loop.prune(state.policy, [row.candidate for row in group])
            for row, candidate in zip(group, judged, strict=True):
                row.candidate = candidate
        return [row for row in rows if not row.candidate.reason]

    def _paint(self, rows: Sequence[CandidateRow]) -> Steps[list[CandidateRow]]:
        painted = yield from self._carry(self.chain.between(Draft, Picture), rows)
        for row in painted:
            row.note(picture=row.value)
        return painted

    def _judge(self, rows: Sequence[CandidateRow]) -> Steps[None]:
        if not self.chain.judges:
            for row in rows:
                row.note(unjudged=True)
            return
        judged = yield from self._carry(self.chain.between(Picture, Verdict), rows)
        for row in judged:
            row.note(verdict=row.value)

    def _carry(
        self, stages: Sequence[AnyStage], rows: Sequence[_AnyRow], *, label: str = ""
    ) -> Steps[list[_AnyRow]]:
        """Take `rows` through `stages`, but those that were lost before; returns those that arrive. The others
        are marked as failed."""
        alive = [row for row in rows if not row.lost]
        for stage in stages:
            if not alive:
                break
            name = label or stage.name
            results = yield Step(stage=stage, label=name, values=[row.value for row in alive])
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
        requests = [state.request for state in self.states]
        self.memory.foresee([uses_of(stage, requests) for _, stage in steps] * 2)

    def _do_without_repairs(self) -> None:
        for state in self.states:
            state.policy = dataclasses.replace(state.policy, repairs=0)
        if not any(event.note == NO_REPAIRS for event in self.memory.log.decisions):
            self.memory.record("choose", note=NO_REPAIRS)


def _candidate_of(planned: Row, number: int) -> CandidateRow:
    request = dataclasses.replace(planned.value.request, candidate=number)
    plan = dataclasses.replace(planned.value, request=request)
    return CandidateRow(planned.state, plan, candidate=Candidate(plan=plan))


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
