"""Candidates, rounds and their budget as the runner carries them out, on stages that paint one pixel each."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from diptych.engine.values import (
    Draft,
    FactAnswer,
    Failure,
    Outcome,
    Picture,
    Verdict,
)

from .world import (
    BOAT,
    by_brightness,
    make_picture,
    wish,
    world,
)


def test_candidates_share_a_plan_and_differ_in_their_draws() -> None:
    it = world()
    outcome = it.outcome(wish(candidates=4))
    assert len(it.plan.handed) == 1
    assert [candidate.index for candidate in outcome.trail] == [0, 1, 2, 3]
    assert outcome.best.index == 3
    assert outcome.best.reason == "best of 4: score 0.30, below the 0.50 asked for"
    assert outcome.trail[0].reason == "lost: score 0.00, candidate 3 has 0.30"


def test_candidates_of_all_requests_fill_the_same_micro_batches() -> None:
    it = world(micro_batch=6)
    it.run(wish(candidates=4), wish(candidates=2), wish(candidates=6))
    assert [len(batch) for batch in it.draft.handed] == [6, 6]


def test_the_first_candidate_is_the_plain_chains() -> None:
    plain = world().outcome(wish(seed=5)).best
    first = world().outcome(wish(seed=5, candidates=3, rounds=2)).trail[0]
    assert first.plan.request.candidate == plain.plan.request.candidate
    assert first.picture is not None and plain.picture is not None
    assert torch.equal(first.picture.pixels, plain.picture.pixels)


def test_poor_drafts_are_thrown_out_before_painting() -> None:
    it = world()
    outcome = it.outcome(wish(candidates=4, keep=1))
    assert [len(batch) for batch in it.refine.handed] == [1]
    assert outcome.best.index == 3
    assert [candidate.picture is None for candidate in outcome.trail] == [True, True, True, False]
    assert outcome.trail[0].reason == "thrown out at the draft: preview score 0.00, rank 4 of 4, 1 kept"
    assert outcome.best.preview_verdict is not None
    assert set(outcome.timings) == {"plan", "draft", "preview", "refine", "judge"}


def test_only_those_that_prune_have_previews_judged() -> None:
    it = world()
    it.run(wish(candidates=2), wish(candidates=2, keep=1))
    assert [len(batch) for batch in it.judge.handed] == [2, 3]


def test_previews_that_cannot_be_judged_do_not_lose_the_request() -> None:
    def judge(picture: Picture) -> Verdict:
        if picture.pixels.shape[0] == 1:
            raise ValueError("too small to see")
        return by_brightness(picture)

    outcome = world(judge=judge).outcome(wish(candidates=3, keep=2))
    assert [candidate.verdict is not None for candidate in outcome.trail] == [True, True, False]


def test_a_scorer_that_gives_nan_is_that_rows_failure() -> None:
    (failure,) = world(judge=lambda picture: Verdict(caption="", score=math.nan)).run(wish())
    assert isinstance(failure, Failure) and failure.stage == "judge"
    assert "score nan outside" in failure.reason


def test_a_candidate_that_fails_loses_to_the_others() -> None:
    def paint(draft: Draft) -> Picture:
        if draft.plan.request.candidate == 1:
            raise ValueError("the paint is dry")
        return make_picture(draft)

    outcome = world(paint=paint).outcome(wish(candidates=2))
    assert outcome.best.index == 0
    assert outcome.trail[1].reason == "failed at refine: ValueError: the paint is dry"


def test_another_round_plans_again_with_what_was_missed() -> None:
    it = world()
    outcome = it.outcome(wish(seed=3, candidates=2, rounds=3, accept=0.6))
    asked = [request for batch in it.plan.handed for request in batch]
    assert [(request.candidate, request.missed) for request in asked] == [(0, ()), (2, (BOAT,))]
    assert outcome.accepted and outcome.best.index == 3
    assert outcome.plan.prompt == "a boat, with a boat"
    assert outcome.request.missed == ()


def test_those_who_are_done_leave_the_rounds() -> None:
    it = world()
    it.run(wish(seed=1, rounds=3), wish(seed=9, rounds=3))
    assert [len(batch) for batch in it.plan.handed] == [2, 1, 1]


def test_the_best_so_far_is_not_replaced_by_a_worse_one() -> None:
    def judge(picture: Picture) -> Verdict:
        return Verdict(caption="", score=0.4 - int(picture.pixels[0, 0, 0]) / 100)

    outcome = world(judge=judge).outcome(wish(rounds=3))
    assert outcome.best.index == 0 and len(outcome.trail) == 3
    assert not outcome.accepted


def test_a_plan_that_fails_in_a_later_round_keeps_the_best_so_far() -> None:
    it = world()
    plan = it.plan.make
    it.plan.make = lambda request: plan(
        dataclasses.replace(request, prompt="unplannable") if request.missed else request
    )
    outcome = it.outcome(wish(seed=2, rounds=3))
    assert outcome.best.index == 0 and len(outcome.trail) == 1
    assert len(it.plan.handed) == 2  # and is not asked a third time


def test_no_round_is_begun_after_the_time_is_up() -> None:
    now = iter(range(10_000))
    it = world(clock=lambda: float(next(now)))
    outcome = it.outcome(wish(rounds=50, seconds=30.0))
    assert 1 < len(outcome.trail) < 10


def flat(score: float) -> Callable[[Picture], Verdict]:
    """A scorer to whom all pictures are the same, and who sees no boat."""
    return lambda picture: Verdict(caption="", score=score, answers=(FactAnswer(fact=BOAT, probability=score),))


def told(result: Outcome | Failure) -> Any:
    """All that came of a request but its times and its place in a batch, down to the bytes."""
    if isinstance(result, Failure):
        return result.stage, result.reason
    rows = [
        (
            c.index,
            c.plan.prompt,
            c.draft and c.draft.token_hash,
            c.preview_verdict,
            c.picture and c.picture.pixels.numpy().tobytes(),
            c.verdict,
            c.reason,
        )
        for c in result.trail
    ]
    return rows, result.best.index, result.accepted


def test_a_scorer_that_always_says_no_uses_the_budget_up_and_keeps_the_first() -> None:
    it = world(judge=flat(0.0))
    outcome = it.outcome(wish(seed=1, candidates=3, keep=2, rounds=4))
    assert len(outcome.trail) == 12 and len(it.plan.handed) == 4
    assert sum(len(batch) for batch in it.refine.handed) == 8
    assert outcome.best.index == 0 and not outcome.accepted
    assert outcome.best.reason == "best of 8: score 0.00, below the 0.50 asked for"


def test_a_scorer_that_always_says_yes_stops_after_the_first_round() -> None:
    it = world(judge=flat(1.0))
    outcome = it.outcome(wish(seed=1, candidates=3, keep=2, rounds=4, accept=1.0))
    assert [candidate.picture is not None for candidate in outcome.trail] == [True, True, False]
    assert outcome.best.index == 0 and outcome.accepted and len(it.plan.handed) == 1


@pytest.mark.parametrize("score", [math.nan, math.inf, -0.1, 1.5])
def test_a_scorer_that_gives_no_probability_costs_that_candidate_alone(score: float) -> None:
    def judge(picture: Picture) -> Verdict:
        if int(picture.pixels[0, 0, 0]) == 9:  # the best, if it were judged
            return Verdict(caption="", score=score)
        return by_brightness(picture)

    corrupted, other = world(judge=judge).run(wish(seed=7, candidates=3), wish(seed=4))
    assert isinstance(corrupted, Outcome) and isinstance(other, Outcome)
    assert corrupted.best.index == 1 and other.best.index == 0
    assert corrupted.trail[2].verdict is None and corrupted.trail[2].picture is not None
    assert (
        "failed at judge" in corrupted.trail[2].reason and f"score {score} outside" in corrupted.trail[2].reason
    )


def test_a_scorer_that_never_gives_a_probability_ends_with_the_rounds() -> None:
    it = world(judge=lambda picture: Verdict(caption="", score=math.nan))
    (failure,) = it.run(wish(candidates=4, keep=2, rounds=3))
    assert isinstance(failure, Failure) and failure.stage == "judge" and "\n" not in failure.reason
    assert len(it.plan.handed) == 3 and sum(len(batch) for batch in it.refine.handed) == 6


def test_a_budget_of_no_seconds_is_one_whole_round() -> None:
    it = world()
    outcome = it.outcome(wish(candidates=3, keep=1, rounds=9, seconds=0.0))
    assert len(it.plan.handed) == 1 and outcome.best.index == 2
    assert outcome.picture.pixels.shape == (2, 2, 3)


def test_one_candidate_is_the_plain_chain_to_the_byte() -> None:
    def results(**settings: Any) -> list[Any]:
        it = world()
        return [told(result) for result in it.run(wish(seed=2, **settings), wish("unpaintable", **settings))]

    plain = results()
    assert results(candidates=1, rounds=1) == plain
    assert results(candidates=1, keep=4, rounds=1, seconds=0.0) == plain
    assert (
        results(accept=0.0, rounds=7)[0][0][0][:-1] == plain[0][0][0][:-1]
    )  # good at once: but for the reason


def test_a_loops_outcome_is_the_same_alone_and_in_a_batch() -> None:
    requests = [wish(seed=seed % 3, candidates=2 + seed % 2, keep=1, rounds=1 + seed) for seed in range(5)]
    requests += [wish("unpaintable", candidates=2), wish(seed=9)]
    ways: list[dict[str, Any]] = [
        {},
        {"micro_batch": 3},
        {"wave": 2},
        {"batch_invariant": True, "micro_batch": 4},
    ]
    for how in ways:
        together = world(**how).run(*requests)
        assert [told(result) for result in together] == [told(world().run(each)[0]) for each in requests]
