"""The loop's policy, on scores alone."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.engine import loop
from diptych.engine.loop import Policy
from diptych.engine.values import Candidate, Fact, FactAnswer, Plan, Request, Settings, Span, Verdict

BOAT = Fact(kind="thing", text="a boat")
RED = Fact(kind="colour", text="a red boat")
SEA = Fact(kind="setting", text="at sea")
CLOUDS = Fact(kind="thing", text="clouds", asked=False)
HAT = Span(start=14, end=17, text="hat")


def verdict(score: float, *, missed: tuple[Fact, ...] = (), added: float | None = None) -> Verdict:
    answers = tuple(FactAnswer(fact=fact, probability=0.1) for fact in missed)
    if added is not None:
        answers += (FactAnswer(fact=CLOUDS, probability=added),)
    judged = Verdict(caption="", score=0.0 if math.isnan(score) else score, answers=answers)
    if math.isnan(score):
        object.__setattr__(judged, "score", score)  # what a broken scorer might smuggle in
    return judged


def candidate(
    index: int,
    *,
    preview: float | None = None,
    score: float | None = None,
    added: float | None = None,
    left_out: tuple[Span, ...] = (),
) -> Candidate:
    request = Request(prompt="a boat with a hat", candidate=index)
    return Candidate(
        plan=Plan(request=request, prompt="", facts=(), left_out=left_out),
        preview_verdict=None if preview is None else verdict(preview),
        verdict=None if score is None else verdict(score, added=added),
    )


def test_settings_that_say_nothing_are_the_plain_chain() -> None:
    policy = Policy.of(Settings())
    assert (policy.candidates, policy.keep, policy.rounds, policy.seconds) == (1, 1, 1, math.inf)
    assert not policy.prunes


def test_all_candidates_are_kept_unless_fewer_are_asked_for() -> None:
    assert Policy.of(Settings(candidates=4)).keep == 4
    assert Policy.of(Settings(candidates=4, keep=9)).keep == 4
    assert Policy.of(Settings(candidates=4, keep=2)).prunes
    assert Policy.of(Settings(accept=0.0)).accept == 0.0


def test_rounds_use_candidates_of_their_own() -> None:
    policy = Policy(candidates=3, keep=3)
    assert [list(policy.candidates_of_round(i)) for i in range(2)] == [[0, 1, 2], [3, 4, 5]]


def test_the_drafts_with_the_best_previews_are_kept_in_their_order() -> None:
    drafted = [candidate(i, preview=score) for i, score in enumerate([0.2, 0.9, 0.1, 0.5])]
    pruned = loop.prune(Policy(candidates=4, keep=2), drafted)
    assert [c.index for c in pruned] == [0, 1, 2, 3]
    assert [c.index for c in pruned if not c.reason] == [1, 3]
    assert pruned[2].reason == "thrown out at the draft: preview score 0.10, rank 4 of 4, 2 kept"


def test_drafts_without_a_sound_score_go_first_and_ties_go_to_the_earliest() -> None:
    drafted = [candidate(0), candidate(1, preview=math.nan), *(candidate(i, preview=0.0) for i in (2, 3, 4))]
    pruned = loop.prune(Policy(candidates=5, keep=2), drafted)
    assert [c.index for c in pruned if not c.reason] == [2, 3]
    assert "preview score unknown" in pruned[0].reason


def test_pruning_keeps_what_is_left_when_others_failed() -> None:
    assert [c.reason for c in loop.prune(Policy(candidates=8, keep=2), [candidate(5)])] == [""]


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([0.3, 0.9, 0.5], 1),
        ([0.4, 0.4], 0),
        ([math.nan, 0.0], 1),
        ([math.nan, math.nan], 0),
        ([None, 0.1], 1),
    ],
)
def test_the_best_candidate(scores: list[float | None], best: int) -> None:
    chosen = loop.best_of([candidate(i, score=score) for i, score in enumerate(scores)])
    assert chosen is not None and chosen.index == best


def test_there_is_no_best_of_nothing() -> None:
    assert loop.best_of([]) is None
    assert loop.best_of([candidate(0)]) is None


def test_a_score_at_the_bar_is_accepted_and_none_is_not() -> None:
    policy = Policy(accept=0.7)
    assert loop.accepts(policy, candidate(0, score=0.7))
    assert not loop.accepts(policy, candidate(0, score=0.69))
    assert not loop.accepts(Policy(accept=0.0), candidate(0, score=math.nan))
    assert not loop.accepts(Policy(accept=0.0), candidate(0))
    assert not loop.accepts(Policy(accept=0.0), None)


def test_what_was_left_out_keeps_a_picture_from_being_accepted_unless_it_is_ignored() -> None:
    wanting = candidate(0, score=0.99, left_out=(HAT,))
    assert not loop.accepts(Policy(), wanting)
    assert loop.accepts(Policy(ignore_left_out=True), wanting)
    assert not loop.accepts(Policy(ignore_left_out=True), candidate(0, score=0.4, left_out=(HAT,)))


def test_what_was_left_out_is_no_reason_to_plan_again() -> None:
    trail = [candidate(0, score=0.99, left_out=(HAT,))]
    assert not loop.another_round(Policy(rounds=9), trail, rounds_done=1, seconds=0.0)


def test_what_was_added_never_turns_a_picture_down() -> None:
    assert loop.accepts(Policy(accept=0.9), candidate(0, score=0.95, added=0.0))


def test_among_equal_scores_what_was_added_decides_and_then_the_earliest() -> None:
    def best(*added: float | None, scores: tuple[float, ...] = (0.9, 0.9, 0.9)) -> int:
        trail = [candidate(i, score=s, added=a) for i, (s, a) in enumerate(zip(scores, added, strict=True))]
        found = loop.best_of(trail)
        assert found is not None
        return found.index

    assert best(0.2, 0.8, 0.5) == 1
    assert best(0.8, 0.8, 0.8) == 0
    assert best(0.8, None, 0.8) == 1, "nothing added is nothing doubtful"
    assert best(0.9, 0.1, 0.5, scores=(0.900, 0.96, 0.95)) == 1, "the score comes first"
    assert best(0.2, 0.8, 0.5, scores=(0.904, 0.901, 0.9)) == 1, "to the hundredth, as people see it"


@pytest.mark.parametrize(
    ("score", "rounds_done", "seconds", "again"),
    [
        (0.2, 1, 0.0, True),
        (0.8, 1, 0.0, False),  # accepted
        (0.2, 3, 0.0, False),  # rounds used up
        (0.2, 1, 10.0, False),  # time used up
        (math.nan, 1, 0.0, True),
        (None, 2, 9.9, True),
    ],
)
def test_another_round(score: float | None, rounds_done: int, seconds: float, again: bool) -> None:
    policy = Policy(rounds=3, accept=0.5, seconds=10.0)
    trail = [candidate(0, score=score)]
    assert loop.another_round(policy, trail, rounds_done=rounds_done, seconds=seconds) is again


def test_a_time_budget_of_zero_is_one_round() -> None:
    assert not loop.another_round(Policy(rounds=9, seconds=0.0), [], rounds_done=1, seconds=0.0)


def test_the_facts_that_the_best_misses_are_stressed_beside_those_missed_before() -> None:
    best = dataclasses.replace(candidate(1), verdict=verdict(0.4, missed=(RED, SEA)))
    worse = dataclasses.replace(candidate(0), verdict=verdict(0.1, missed=(BOAT,)))
    assert loop.facts_to_stress((SEA,), [worse, best]) == (SEA, RED)
    assert loop.facts_to_stress((SEA,), [candidate(0)]) == (SEA,)


def test_an_addition_that_is_missing_is_not_stressed() -> None:
    best = dataclasses.replace(candidate(1), verdict=verdict(0.4, missed=(RED, CLOUDS)))
    assert loop.facts_to_stress((), [best]) == (RED,)


def test_every_candidate_is_told_why_it_won_or_lost() -> None:
    lost = dataclasses.replace(candidate(2), reason="failed at refine: too dark")
    trail = [candidate(0, score=0.8), candidate(1, score=0.91), lost]
    assert [c.reason for c in loop.explain(Policy(), trail)] == [
        "lost: score 0.80, candidate 1 has 0.91",
        "best of 2: score 0.91",
        "failed at refine: too dark",
    ]


@pytest.mark.parametrize(
    ("lost", "best", "reason"),
    [
        ((0.994, 0.2), (0.996, 0.9), "lost: score 0.99, candidate 1 has 1.00"),
        (
            (1.0, 0.2),
            (1.0, 0.9),
            "lost: score 1.00 like candidate 1, but 'clouds', which was added, is less sure (0.20)",
        ),
        ((math.nan, None), (0.0, None), "lost: score nan, candidate 1 has 0.00"),
    ],
)
def test_a_reason_tells_candidates_apart(
    lost: tuple[float, float | None], best: tuple[float, float | None], reason: str
) -> None:
    trail = [candidate(i, score=score, added=added) for i, (score, added) in enumerate((lost, best))]
    told = loop.explain(Policy(), trail)
    assert told[0].reason == reason and told[1].reason.startswith("best of 2")


def test_of_two_that_are_equal_in_all_the_later_is_told_that_it_came_later() -> None:
    trail = [candidate(0, score=1.0, added=0.9), candidate(1, score=1.0, added=0.9)]
    assert (
        loop.explain(Policy(), trail)[1].reason == "lost: score 1.00 like candidate 0, which was there before"
    )


def test_the_best_is_told_what_is_not_drawn() -> None:
    wearing = Span(start=7, end=11, text="with")
    trail = [candidate(0, score=0.97, left_out=(wearing, HAT))]
    (told,) = loop.explain(Policy(), trail)
    assert told.reason == "the only one: score 0.97 of the rest, but not drawn: with, hat"
    (ignored,) = loop.explain(Policy(ignore_left_out=True), trail)
    assert ignored.reason == "the only one: score 0.97"
    (poor,) = loop.explain(Policy(), [candidate(0, score=0.2, left_out=(HAT,))])
    assert poor.reason == "the only one: score 0.20, below the 0.50 asked for"


def test_the_best_is_told_when_it_is_not_good_enough() -> None:
    (told,) = loop.explain(Policy(accept=0.5), [candidate(0, score=0.2)])
    assert told.reason == "the only one: score 0.20, below the 0.50 asked for"


SCORES = st.lists(st.none() | st.floats(0, 1) | st.just(math.nan), max_size=9)


@given(scores=SCORES)
def test_the_best_so_far_is_replaced_by_a_better_one_only(scores: list[float | None]) -> None:
    trail = [candidate(i, score=score) for i, score in enumerate(scores)]
    before: Candidate | None = None
    for n in range(len(trail) + 1):
        best = loop.best_of(trail[:n])
        if before is not None and best is not before:
            assert best is not None and best.verdict is not None and before.verdict is not None
            assert math.isnan(before.verdict.score) or best.verdict.score > before.verdict.score
        before = best


@given(previews=SCORES, keep=st.integers(1, 12))
def test_pruning_loses_no_candidate_and_keeps_none_worse_than_one_thrown_out(
    previews: list[float | None], keep: int
) -> None:
    drafted = [candidate(i, preview=score) for i, score in enumerate(previews)]
    pruned = loop.prune(Policy(candidates=12, keep=keep), drafted)
    assert [c.index for c in pruned] == list(range(len(drafted)))

    def rank(c: Candidate) -> float:
        score = c.preview_verdict.score if c.preview_verdict else math.nan
        return -1.0 if math.isnan(score) else round(score, 2)  # as people see it

    kept, thrown_out = [c for c in pruned if not c.reason], [c for c in pruned if c.reason]
    assert len(kept) == min(keep, len(drafted))
    assert min(map(rank, kept), default=1.0) >= max(map(rank, thrown_out), default=-1.0)


@given(scores=SCORES, rounds=st.integers(1, 100))
def test_rounds_end(scores: list[float | None], rounds: int) -> None:
    trail = [candidate(i, score=score) for i, score in enumerate(scores)]
    assert not loop.another_round(Policy(rounds=rounds), trail, rounds_done=rounds, seconds=0.0)


def test_a_candidate_that_leaves_nothing_out_wins_over_a_surer_one_that_does() -> None:
    hat = Span(start=14, end=17, text="hat")
    skips = candidate(0, score=0.9)
    skips = dataclasses.replace(skips, plan=dataclasses.replace(skips.plan, left_out=(hat,)))
    whole = candidate(1, score=0.6)
    assert loop.best_of([skips, whole]) is whole
    assert loop.best_of([skips, whole], Policy(ignore_left_out=True)) is skips


def test_what_is_accepted_wins_over_what_looks_the_same_and_is_not() -> None:
    shaky = FactAnswer(fact=Fact(kind="setting", text="at sea", asked=False), probability=0.3)
    enough, short = candidate(0, score=0.504), candidate(1, score=0.496)
    assert enough.verdict is not None
    enough = dataclasses.replace(enough, verdict=dataclasses.replace(enough.verdict, answers=(shaky,)))
    assert loop.best_of([enough, short], Policy(accept=0.5)) is enough


def test_of_equal_scores_the_better_fit_to_the_whole_plan_wins() -> None:
    one, other = candidate(0, score=0.99), candidate(1, score=0.99)
    assert one.verdict is not None and other.verdict is not None
    one = dataclasses.replace(one, verdict=dataclasses.replace(one.verdict, fit=3.0))
    other = dataclasses.replace(other, verdict=dataclasses.replace(other.verdict, fit=9.0))
    assert loop.best_of([one, other]) is other
    lost, _ = loop.explain(Policy(), [one, other])
    assert lost.reason == "lost: score 0.99 like candidate 1, which fits the whole plan better"


def test_a_candidate_picked_by_hand_wins_whatever_its_score() -> None:
    trail = [candidate(0, score=0.9), candidate(1, score=0.2), candidate(2)]
    policy = Policy(candidates=3, keep=3, pick=1)
    assert loop.winner_of(trail, policy) is trail[1]
    assert [each.reason for each in loop.explain(policy, trail)][:2] == [
        "best of 2: score 0.90, but candidate 1 was picked by hand",
        "picked by hand: score 0.20",
    ]
    unfinished = dataclasses.replace(policy, pick=2)
    assert loop.winner_of(trail, unfinished) is trail[0]
    assert loop.winner_of(trail, dataclasses.replace(policy, pick=99)) is trail[0]


def test_a_draft_picked_by_hand_is_painted_beside_those_that_are_kept() -> None:
    drafted = [candidate(i, preview=score) for i, score in enumerate([0.2, 0.9, 0.1, 0.5])]
    pruned = loop.prune(Policy(candidates=4, keep=2, pick=2), drafted)
    assert [c.index for c in pruned if not c.reason] == [1, 2, 3]


def test_without_a_judge_a_finished_picture_wins_and_is_neither_accepted_nor_tried_again() -> None:
    made = dataclasses.replace(candidate(0), unjudged=True)
    policy = Policy(rounds=3, repairs=2)
    assert loop.best_of([made], policy) is made and made.finished
    assert not loop.accepts(policy, made)
    assert loop.repair_of(policy, [made], repairs_done=0, seconds=0) is None
    assert not loop.another_round(policy, [made], rounds_done=1, seconds=0)
    assert loop.explain(policy, [made])[0].reason == "the only one: not judged"
