"""One request under way through the loop, and the rows on their way through the stages on its behalf."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from .. import loop
from ..repair import Flaw, calmed
from ..values import Candidate, Fact, Failure, Outcome, Request


@dataclasses.dataclass(eq=False)
class RequestState:
    """One request, with what came of it so far.

    Attributes:
        planned: whether the round before came to a plan.
        repairs_done: since that round.
        mending: the repair that comes next, if any.
        failure: the latest; it is the request's own if no candidate is finished.
    """

    request: Request
    policy: loop.Policy
    rounds_done: int = 0
    planned: bool = False
    repairs_done: int = 0
    mending: loop.Repair | None = None
    missed: tuple[Fact, ...] = ()
    trail: list[Candidate] = dataclasses.field(default_factory=list)
    timings: defaultdict[str, float] = dataclasses.field(default_factory=lambda: defaultdict(float))
    failure: Failure | None = None
    result: Outcome | Failure | None = None

    def candidates(self) -> list[int]:
        """The candidates of the coming round."""
        return [self.request.candidate + i for i in self.policy.candidates_of_round(self.rounds_done)]

    def close_round(self, candidates: Sequence[Candidate], *, planned: bool) -> None:
        """Add the candidates of a round.

        Args:
            planned: any of them was.
        """
        self.trail += candidates
        self.planned = planned
        self.rounds_done += 1
        self.repairs_done = 0

    def repair_row(self) -> "CandidateRow":
        """The next repair, on its way: a candidate of its own, of the plan of the one that it mends."""
        repair, self.mending = self.mending, None
        assert repair is not None, "nothing is to be mended"
        index = self.policy.repairs_of_round(self.rounds_done - 1)[self.repairs_done]
        self.repairs_done += 1
        request = dataclasses.replace(
            repair.candidate.plan.request,
            candidate=self.request.candidate + index,
            settings=calmed(self.request.settings),
        )
        plan = dataclasses.replace(repair.candidate.plan, request=request)
        mended = Candidate(plan=plan, repairs=repair.candidate.index, mends=repair.facts)
        flaw = Flaw(candidate=repair.candidate, facts=repair.facts, start=self.request.start)
        return CandidateRow(self, flaw, candidate=mended)

    def conclude(self, seconds: float) -> None:
        """After a round or a repair: another of them, or the end. What could not be planned is over."""
        self.mending = loop.repair_of(self.policy, self.trail, repairs_done=self.repairs_done, seconds=seconds)
        if self.mending is not None:
            return
        again = loop.another_round(self.policy, self.trail, rounds_done=self.rounds_done, seconds=seconds)
        if self.planned and again:
            self.missed = loop.facts_to_stress(self.missed, self.trail)
        else:
            self._finish()

    def _finish(self) -> None:
        trail = loop.explain(self.policy, self.trail)
        best = loop.winner_of(trail, self.policy)
        if best is None:
            assert self.failure is not None, "a request without a finished candidate has a failure"
            self.result = self.failure
            return
        self.result = Outcome(
            request=self.request,
            best=best,
            accepted=loop.accepts(self.policy, best),
            trail=trail,
            timings=dict(self.timings),
        )


@dataclasses.dataclass
class Row:
    """A value on its way through the stages, for one request."""

    state: RequestState
    value: Any  # what the next stage takes
    lost: bool = False

    def fail(self, stage: str, reason: str) -> None:
        self.lost = True
        self.state.failure = Failure(request=self.state.request, stage=stage, reason=reason)


@dataclasses.dataclass
class CandidateRow(Row):
    """A candidate on its way from its plan to its verdict."""

    candidate: Candidate = dataclasses.field(kw_only=True)

    def note(self, **fields: object) -> None:
        """Write down what became of the candidate."""
        self.candidate = dataclasses.replace(self.candidate, **fields)

    def fail(self, stage: str, reason: str) -> None:
        super().fail(stage, reason)
        self.note(reason=f"failed at {stage}: {reason}")
