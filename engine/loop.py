"""The closed loop's policy: which drafts are painted, which picture wins, whether to try again, and why.

Pure: values in, values out; no models, no torch, no clock. The runner asks, and does the work.

Scores are compared with NaN as the worst of all, so that a scorer that fails loses and stops nothing; among
equals the earliest wins, so that the best so far is replaced by a better one only.
"""

import dataclasses
import math
from collections.abc import Sequence

from .values import Candidate, Fact, Settings, Verdict


@dataclasses.dataclass(frozen=True, kw_only=True)
class Policy:
    """The loop's settings, resolved: none of them is open any more.

    Args:
        candidates: drafts made in a round.
        keep: drafts of a round that are painted, at most `candidates`.
        rounds: how often a request is planned, at most.
        accept: the score at which a picture is taken at once.
        seconds: no new round is begun after this much time.
    """

    candidates: int = 1
    keep: int = 1
    rounds: int = 1
    accept: float = 0.5
    seconds: float = math.inf

    @classmethod
    def of(cls, settings: Settings) -> "Policy":
        """The policy that a request's settings ask for; where they are silent, the plain chain: one candidate,
        one round. `keep` is all candidates unless it says fewer."""
        candidates = settings.candidates or 1
        return cls(
            candidates=candidates,
            keep=min(settings.keep or candidates, candidates),
            rounds=settings.rounds or 1,
            accept=0.5 if settings.accept is None else settings.accept,
            seconds=math.inf if settings.seconds is None else settings.seconds,
        )

    @property
    def prunes(self) -> bool:
        """Whether drafts are judged before painting."""
        return self.keep < self.candidates

    def candidates_of_round(self, index: int) -> range:
        """The candidates that round `index`, from 0, is made of."""
        return range(index * self.candidates, (index + 1) * self.candidates)


def accepts(policy: Policy, verdict: Verdict | None) -> bool:
    """Whether a picture so judged is good enough to stop."""
    return verdict is not None and verdict.score >= policy.accept  # false for NaN


def prune(policy: Policy, drafted: Sequence[Candidate]) -> list[Candidate]:
    """Choose the drafts of one round that are worth painting, by the scores of their previews.

    Returns:
        all of `drafted`, in the same order; those thrown out have a reason, those kept have none.
    """
    ranking = sorted(drafted, key=lambda candidate: _rank(candidate.preview_verdict))
    kept = min(policy.keep, len(ranking))
    thrown_out = {
        candidate.index: dataclasses.replace(
            candidate,
            reason=f"thrown out at the draft: preview score {_score(candidate.preview_verdict)},"
            f" rank {rank} of {len(ranking)}, {kept} kept",
        )
        for rank, candidate in enumerate(ranking, start=1)
        if rank > kept
    }
    return [thrown_out.get(candidate.index, candidate) for candidate in drafted]


def best_of(trail: Sequence[Candidate]) -> Candidate | None:
    """The finished candidate with the highest score; `None` where none was finished."""
    finished = [candidate for candidate in trail if candidate.verdict is not None]
    return min(finished, key=lambda candidate: _rank(candidate.verdict), default=None)


def another_round(policy: Policy, trail: Sequence[Candidate], *, rounds_done: int, seconds: float) -> bool:
    """Whether to plan again: nothing is good enough yet, and neither rounds nor `seconds` are used up."""
    best = best_of(trail)
    if best is not None and accepts(policy, best.verdict):
        return False
    return rounds_done < policy.rounds and seconds < policy.seconds


def facts_to_stress(missed_before: Sequence[Fact], trail: Sequence[Candidate]) -> tuple[Fact, ...]:
    """What the next plan must bring out: what was missed before, and what the best so far still misses."""
    best = best_of(trail)
    missed_now = best.verdict.missed if best is not None and best.verdict is not None else ()
    return tuple(dict.fromkeys((*missed_before, *missed_now)))


def explain(policy: Policy, trail: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The trail with a reason for each candidate: why the best won, and why each of the others lost."""
    best = best_of(trail)
    finished = sum(candidate.verdict is not None for candidate in trail)
    return tuple(
        candidate
        if candidate.reason or best is None
        else dataclasses.replace(candidate, reason=_reason(policy, candidate, best, finished))
        for candidate in trail
    )


def _reason(policy: Policy, candidate: Candidate, best: Candidate, finished: int) -> str:
    score = _score(candidate.verdict)
    if candidate is not best:
        return f"lost: score {score}, candidate {best.index} has {_score(best.verdict)}"
    place = "the only one" if finished == 1 else f"best of {finished}"
    if accepts(policy, candidate.verdict):
        return f"{place}: score {score}"
    return f"{place}: score {score}, below the {policy.accept:.2f} asked for"


def _rank(verdict: Verdict | None) -> float:
    """Sorts the best first, NaN and no verdict last; sorting and `min` keep the earliest of equals first."""
    if verdict is None or math.isnan(verdict.score):
        return math.inf
    return -verdict.score


def _score(verdict: Verdict | None) -> str:
    return "unknown" if verdict is None else f"{verdict.score:.2f}"
