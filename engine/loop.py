"""The closed loop's policy: which drafts are painted, which picture wins, whether to try again, and why.

Pure: values in, values out; no models, no torch, no clock. The runner asks, and does the work.

Scores count what was asked. They are compared to the hundredth, as people see them. NaN is the worst score, so
a scorer that fails loses but stops nothing. Between equal scores the number of missed asked facts decides, then
what the planner added, then the order: the earliest wins, so the best so far is replaced only by a better one.
A repair that breaks what was right loses, whatever its score.
"""

import dataclasses
import math
from collections.abc import Sequence

from .values import Candidate, Fact, Settings, Verdict
from .values.fact import said


@dataclasses.dataclass(frozen=True, kw_only=True)
class Policy:
    """The loop's settings, resolved: none of them is open any more.

    Args:
        candidates: drafts made in a round.
        keep: drafts of a round that are painted, at most `candidates`.
        rounds: how often a request is planned, at most.
        accept: the score at which a picture is taken at once.
        seconds: no new round starts after this much time.
        repairs: how often the best picture of a plan is repaired before the request is planned again.
        ignore_left_out: accept a picture although its plan left out some of what was asked.
        pick: the index of the candidate that somebody chose: it is painted, and wins, whatever its score. When
            the loop ends does not depend on it, so that a candidate that was once made is made again.
    """

    candidates: int = 1
    keep: int = 1
    rounds: int = 1
    accept: float = 0.5
    seconds: float = math.inf
    repairs: int = 0
    ignore_left_out: bool = False
    pick: int | None = None

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
            repairs=settings.repairs or 0,
            ignore_left_out=bool(settings.ignore_left_out),
            pick=settings.pick,
        )

    @property
    def prunes(self) -> bool:
        """Whether drafts are judged before painting."""
        return self.keep < self.candidates

    def candidates_of_round(self, index: int) -> range:
        """The candidates that round `index`, from 0, is made of."""
        first = index * (self.candidates + self.repairs)
        return range(first, first + self.candidates)

    def repairs_of_round(self, index: int) -> range:
        """The candidates that are repairs after round `index`: they come after the round's own."""
        first = self.candidates_of_round(index).stop
        return range(first, first + self.repairs)


DEFAULT = Policy()
"""That of a request whose settings are silent."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Repair:
    """A picture that is to be repaired.

    Args:
        candidate: whose picture it is: the best so far.
        facts: what it misses of what was asked, the worst first.
    """

    candidate: Candidate
    facts: tuple[Fact, ...]


def accepts(policy: Policy, candidate: Candidate | None) -> bool:
    """Whether a candidate's picture shows what was asked: all of it, and surely enough."""
    if candidate is None or not good_enough(policy, candidate.verdict):
        return False
    return policy.ignore_left_out or not candidate.plan.left_out


def good_enough(policy: Policy, verdict: Verdict | None) -> bool:
    """Whether a picture so judged is good enough to stop. What its plan left out is no reason to go on."""
    return verdict is not None and verdict.score >= policy.accept  # false for NaN


def prune(policy: Policy, drafted: Sequence[Candidate]) -> list[Candidate]:
    """Choose the drafts of one round that are worth painting, by the scores of their previews.

    Returns:
        all of `drafted`, in the same order; those thrown out have a reason, those kept have none. One that was
        picked by hand is kept beside.
    """
    ranking = sorted(drafted, key=lambda candidate: _rank(policy, candidate.preview_verdict))
    kept = min(policy.keep, len(ranking))
    thrown_out = {
        candidate.index: dataclasses.replace(
            candidate,
            reason=f"thrown out at the draft: preview score {_score(candidate.preview_verdict)},"
            f" rank {rank} of {len(ranking)}, {kept} kept",
        )
        for rank, candidate in enumerate(ranking, start=1)
        if rank > kept and candidate.index != policy.pick
    }
    return [thrown_out.get(candidate.index, candidate) for candidate in drafted]


def best_of(trail: Sequence[Candidate], policy: Policy = DEFAULT) -> Candidate | None:
    """The finished candidate that is accepted, else good enough, else has the highest score; `None` where none
    was finished. What was right stays right: a repair that breaks something is never the best."""
    finished = [each for each in trail if each.finished and not broken_by(each, trail)]
    return min(
        finished, key=lambda each: (not accepts(policy, each), *_rank(policy, each.verdict)), default=None
    )


def winner_of(trail: Sequence[Candidate], policy: Policy = DEFAULT) -> Candidate | None:
    """The candidate that was picked by hand, if it was finished; else the best."""
    picked = (each for each in trail if each.index == policy.pick and each.finished)
    return next(picked, None) or best_of(trail, policy)


def broken_by(candidate: Candidate, trail: Sequence[Candidate]) -> tuple[Fact, ...]:
    """The asked facts that a repair lacks, but the picture that it mends shows."""
    if candidate.verdict is None or candidate.repairs is None:
        return ()
    origin = next((each for each in trail if each.index == candidate.repairs), None)
    if origin is None or origin.verdict is None:
        return ()
    shown = {answer.fact for answer in origin.verdict.answers if answer.shown}
    return tuple(fact for fact in candidate.verdict.missed if fact in shown)


def repair_of(
    policy: Policy, trail: Sequence[Candidate], *, repairs_done: int, seconds: float
) -> Repair | None:
    """What to repair before the request is planned again; `None` if there is nothing to repair: the best so far
    is good enough, misses nothing that could be aimed at, or could not be repaired before; or the round's
    repairs, or `seconds`, are used up.

    Args:
        repairs_done: of the present round.
    """
    best = best_of(trail, policy)
    if best is None or best.unjudged or good_enough(policy, best.verdict):
        return None
    if repairs_done >= policy.repairs or seconds >= policy.seconds:
        return None
    failed = any(each.repairs == best.index and each.verdict is None for each in trail)
    facts = _worst_first(best)
    return Repair(candidate=best, facts=facts) if facts and not failed else None


def _worst_first(candidate: Candidate) -> tuple[Fact, ...]:
    """The asked facts that a candidate's picture misses, or else the one that it shows the least surely."""
    answers = candidate.verdict.answers if candidate.verdict is not None else ()
    asked = sorted((each for each in answers if each.fact.asked), key=lambda answer: answer.probability)
    return tuple(each.fact for each in asked if not each.shown) or tuple(each.fact for each in asked[:1])


def another_round(policy: Policy, trail: Sequence[Candidate], *, rounds_done: int, seconds: float) -> bool:
    """Whether to plan again: nothing is good enough yet, and neither rounds nor `seconds` are used up."""
    best = best_of(trail, policy)
    if best is not None and (best.unjudged or good_enough(policy, best.verdict)):
        return False
    return rounds_done < policy.rounds and seconds < policy.seconds


def facts_to_stress(missed_before: Sequence[Fact], trail: Sequence[Candidate]) -> tuple[Fact, ...]:
    """What the next plan must bring out: what was missed before, and what the best so far still misses."""
    best = best_of(trail)
    missed_now = best.verdict.missed if best is not None and best.verdict is not None else ()
    return tuple(dict.fromkeys((*missed_before, *missed_now)))


def explain(policy: Policy, trail: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The trail with a reason for each candidate: why the best won, and why each of the others lost."""
    best, winner = best_of(trail, policy), winner_of(trail, policy)
    finished = sum(candidate.finished for candidate in trail)
    explained: list[Candidate] = []
    for candidate in trail:
        reason = candidate.reason
        if not reason and winner is not None and candidate.index == policy.pick:
            reason = f"picked by hand: score {_score(candidate.verdict)}"
        elif not reason and best is not None:
            reason = _reason(policy, candidate, best, finished, broken_by(candidate, trail))
            if candidate is best and best is not winner:
                reason = f"{reason}, but candidate {policy.pick} was picked by hand"
        if candidate.repairs is not None:
            reason = f"repair of candidate {candidate.repairs}: {_named(candidate.mends)}; {reason}"
        explained.append(dataclasses.replace(candidate, reason=reason))
    return tuple(explained)


def _reason(
    policy: Policy, candidate: Candidate, best: Candidate, finished: int, broken: Sequence[Fact] = ()
) -> str:
    score = _score(candidate.verdict)
    if broken:
        return f"lost: it broke {_named(broken)}"
    if candidate is not best:
        return f"lost: {_difference(candidate, best)}"
    place = "the only one" if finished == 1 else f"best of {finished}"
    if candidate.unjudged:
        return f"{place}: not judged"
    if not good_enough(policy, candidate.verdict):
        return f"{place}: score {score}, below the {policy.accept:.2f} asked for"
    if not accepts(policy, candidate):
        return f"{place}: score {score} of the rest, but not drawn: {said(candidate.plan.left_out)}"
    return f"{place}: score {score}"


def _difference(candidate: Candidate, best: Candidate) -> str:
    """What tells a candidate from the best, in words."""
    mine, theirs = candidate.verdict, best.verdict
    if mine is None or theirs is None or _score(mine) != _score(theirs):
        return f"score {_score(mine)}, candidate {best.index} has {_score(theirs)}"
    equal = f"score {_score(mine)} like candidate {best.index}"
    if len(mine.missed) > len(theirs.missed):
        return f"{equal}, but misses {len(mine.missed)} of what was asked, not {len(theirs.missed)}"
    if round(mine.weakest_addition, 2) < round(theirs.weakest_addition, 2):
        (doubtful,) = [a for a in mine.answers if not a.fact.asked and a.probability == mine.weakest_addition][
            :1
        ]
        return (
            f"{equal}, but {doubtful.fact.text!r}, which was added, is less sure ({doubtful.probability:.2f})"
        )
    if mine.fit is not None and theirs.fit is not None and mine.fit < theirs.fit:
        return f"{equal}, which fits the whole plan better"
    return f"{equal}, which was there before"


def _rank(policy: Policy, verdict: Verdict | None) -> tuple[bool, float, int, float]:
    """Sorts the best first, NaN and no verdict last; sorting and `min` keep the earliest of equals first."""
    if verdict is None or math.isnan(verdict.score):
        return True, math.inf, 0, 0.0
    poor = not good_enough(policy, verdict)
    whole = verdict.weakest_addition if verdict.fit is None else verdict.fit
    return poor, -round(verdict.score, 2), len(verdict.missed), -round(whole, 2)


def _score(verdict: Verdict | None) -> str:
    return "unknown" if verdict is None else f"{verdict.score:.2f}"


def _named(facts: Sequence[Fact]) -> str:
    return ", ".join(fact.text for fact in facts)
