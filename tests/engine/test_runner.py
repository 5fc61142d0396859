"""Waves, rounds and candidates, on stages that paint one pixel each."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch

from diptych.engine.chain import Chain
from diptych.engine.errors import Cancelled, DiptychError, InputError, MemoryBudgetError
from diptych.engine.memory import DeviceMemory
from diptych.engine.runner import Runner, shape_of
from diptych.engine.stage import ModelKey, Models, Report
from diptych.engine.values import (
    Codebook,
    Draft,
    Fact,
    FactAnswer,
    Failure,
    Outcome,
    Picture,
    Plan,
    Request,
    Settings,
    Verdict,
)
from diptych.engine.watch import Quiet

from ..fakes import NameLoader

BOOK = Codebook(name="fake", size=256)
BOAT = Fact(kind="thing", text="a boat")


@dataclasses.dataclass
class FakeStage:
    """A stage made of a function of one value; keeps a note of what it was handed."""

    name: str
    takes: type
    gives: type
    make: Callable[[Any], Any]
    handed: list[list[Any]] = dataclasses.field(default_factory=list)

    @property
    def uses(self) -> tuple[ModelKey, ...]:
        return (ModelKey("fake", self.name),)

    def workspace(self, batch: Sequence[Any], /) -> int:
        return len(batch)

    def run(self, batch: Sequence[Any], models: Models, report: Report, /) -> list[Any]:
        self.handed.append(list(batch))
        made: list[Any] = []
        for i, value in enumerate(batch):
            report.step(i + 1, len(batch))
            made.append(self.make(value))
        return made


def pixel(value: int) -> torch.Tensor:
    return torch.full((1, 1, 3), value, dtype=torch.uint8)


def make_plan(request: Request) -> Plan:
    if "unplannable" in request.prompt:
        raise DiptychError("no words that I know")
    stressed = "".join(f", with {fact.text}" for fact in request.missed)
    return Plan(request=request, prompt=request.prompt + stressed, facts=(BOAT,))


def make_draft(plan: Plan) -> Draft:
    value = plan.request.seed + plan.request.candidate
    return Draft(plan=plan, tokens=torch.tensor([[value]]), codebook=BOOK, preview=pixel(value))


def make_picture(draft: Draft) -> Picture:
    if "unpaintable" in draft.plan.prompt:
        raise ValueError("the paint is dry")
    return Picture(
        pixels=torch.full((2, 2, 3), int(draft.tokens[0, 0]), dtype=torch.uint8), plan=draft.plan, draft=draft
    )


def by_brightness(picture: Picture) -> Verdict:
    """The brighter, the better; a bright picture shows the boat."""
    score = int(picture.pixels[0, 0, 0]) / 10
    return Verdict(caption="", score=score, answers=(FactAnswer(fact=BOAT, probability=score),))


@dataclasses.dataclass
class World:
    """A runner with all that it stands on."""

    plan: FakeStage
    draft: FakeStage
    refine: FakeStage
    judge: FakeStage
    loader: NameLoader
    memory: DeviceMemory
    runner: Runner

    def run(self, *requests: Request) -> list[Outcome | Failure]:
        return list(self.runner.run(requests))

    def outcome(self, request: Request) -> Outcome:
        (result,) = self.run(request)
        assert isinstance(result, Outcome), result
        return result


def world(
    *,
    budget: int | None = None,
    judge: Callable[[Picture], Verdict] = by_brightness,
    paint: Callable[[Draft], Picture] = make_picture,
    clock: Callable[[], float] = lambda: 0.0,
    **how: Any,
) -> World:
    stages = [
        FakeStage("plan", Request, Plan, make_plan),
        FakeStage("draft", Plan, Draft, make_draft),
        FakeStage("refine", Draft, Picture, paint),
        FakeStage("judge", Picture, Verdict, judge),
    ]
    loader = NameLoader(10)
    memory = DeviceMemory(loader, budget_bytes=budget)
    plan, draft, refine, judging = stages
    runner = Runner(Chain(stages), memory, clock=clock, **how)
    return World(plan, draft, refine, judging, loader, memory, runner)


def wish(prompt: str = "a boat", *, seed: int = 0, height: int = 8, **settings: Any) -> Request:
    return Request(prompt=prompt, seed=seed, height=height, width=8, settings=Settings(**settings))


def test_the_plain_chain_makes_one_candidate_with_its_line_of_descent() -> None:
    request = wish(seed=7)
    outcome = world().outcome(request)
    assert outcome.request is request
    assert outcome.trail == (outcome.best,)
    assert outcome.picture.draft is outcome.draft and outcome.draft is not None
    assert outcome.plan.request == request
    assert outcome.accepted and outcome.verdict.score == 0.7
    assert outcome.best.reason == "the only one: score 0.70"
    assert outcome.best.preview_verdict is None


def test_a_wave_passes_each_stage_before_the_next_begins() -> None:
    it = world(budget=10 + 9, wave=4)
    results = it.run(*[wish(seed=i % 9) for i in range(6)])
    assert len(results) == 6
    assert it.loader.loaded == ["plan", "draft", "refine", "judge"] * 2  # one model fits at a time; two waves
    assert [len(batch) for batch in it.refine.handed] == [4, 2]


def test_requests_are_read_a_wave_at_a_time() -> None:
    read: list[int] = []

    def endless() -> Iterator[Request]:
        while True:
            read.append(len(read))
            yield wish()

    results = world(wave=3).runner.run(endless())
    next(results)
    assert len(read) == 3


def test_results_come_in_the_order_of_the_requests() -> None:
    # The first needs three rounds, the second one.
    results = world().run(wish(seed=3, rounds=3), wish(seed=9), wish("unplannable"))
    assert [type(result) for result in results] == [Outcome, Outcome, Failure]
    assert [result.request.seed for result in results] == [3, 9, 0]


def test_sizes_and_step_counts_do_not_mix() -> None:
    it = world()
    it.run(wish(), wish(height=16), wish(), wish(num_inference_steps=3))
    assert [len(batch) for batch in it.draft.handed] == [2, 1, 1]
    assert shape_of("anything else") is None


def test_the_deterministic_mode_runs_one_shape() -> None:
    it = world(deterministic=True, micro_batch=4)
    assert len(it.run(*[wish(seed=i) for i in range(5)])) == 5
    assert {len(batch) for stage in (it.plan, it.refine) for batch in stage.handed} == {4}


def test_a_row_that_fails_names_its_stage_and_leaves_the_others_alone() -> None:
    it = world()
    results = it.run(wish(seed=1), wish("unplannable"), wish("unpaintable"), wish(seed=2))
    assert [type(result) for result in results] == [Outcome, Failure, Failure, Outcome]
    assert results[1] == Failure(request=results[1].request, stage="plan", reason="no words that I know")
    assert results[2] == Failure(
        request=results[2].request, stage="refine", reason="ValueError: the paint is dry"
    )


def test_what_cannot_fit_at_all_is_refused_before_the_first_result_is_asked_for() -> None:
    it = world(budget=9)
    with pytest.raises(MemoryBudgetError):
        it.runner.run([wish()])
    assert it.loader.loaded == []


@pytest.mark.parametrize(("micro_batch", "wave"), [(0, 1), (1, -1)])
def test_a_runner_of_nothing_is_refused(micro_batch: int, wave: int) -> None:
    with pytest.raises(InputError, match="must be at least 1"):
        world(micro_batch=micro_batch, wave=wave)


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


def test_a_row_is_charged_its_share_of_each_stage() -> None:
    now = iter(range(10_000))
    it = world(clock=lambda: float(next(now)))
    results = it.run(*[wish(seed=seed) for seed in range(4)])
    for result in results:
        assert isinstance(result, Outcome)
        assert result.timings == {"plan": 0.25, "draft": 0.25, "refine": 0.25, "judge": 0.25}
    ran = [(event.stage, event.rows, event.ms) for event in it.memory.events if event.kind == "run"]
    assert ran == [(stage, 4, 1000.0) for stage in ("plan", "draft", "refine", "judge")]


def test_eviction_looks_ahead_along_the_chain() -> None:
    # Two of four models fit. The least recently leased is always needed next: all twelve would be loads.
    it = world(budget=20 + 8, wave=1)
    it.run(wish(), wish(), wish())
    assert it.loader.loaded == [
        *("plan", "draft", "refine", "judge"),
        *("draft", "refine"),  # the planner and the judge had stayed
        *("plan", "draft", "judge"),  # the refiner had stayed
    ]


def test_the_mode_is_in_the_log_with_its_reason_where_it_changes() -> None:
    it = world(budget=40 + 2, micro_batch=2)
    it.run(*[wish(seed=seed) for seed in range(5)])
    assert [
        (event.rows, event.note) for event in it.memory.events if event.kind == "choose" and not event.stage
    ] == [(2, "resident: 40 bytes of weights and 2 bytes of work fit at once")]
    assert [len(batch) for batch in it.refine.handed] == [2, 2, 1]


def test_waves_grow_to_what_loading_is_worth() -> None:
    now = iter(range(100_000))
    it = world(budget=20 + 2, micro_batch=2, clock=lambda: float(next(now)))
    it.memory._clock = it.runner.batching.clock  # loading takes as long as working does
    it.run(*[wish(seed=seed % 9) for seed in range(20)])
    assert len(it.plan.handed[0]) == 2
    waves = [event for event in it.memory.events if event.kind == "choose" and not event.stage]
    assert [event.rows for event in waves] == [2, 64]
    assert it.loader.loaded.count("refine") == 2


def test_one_request_is_told_to_go_by_itself() -> None:
    it = world()
    it.run(wish())
    assert [event.note for event in it.memory.events if event.kind == "choose" and not event.stage] == [
        "one-by-one: there is one request"
    ]


def test_a_chain_without_a_drafter_keeps_all_candidates() -> None:
    stages = [
        FakeStage("plan", Request, Plan, make_plan),
        FakeStage("paint", Plan, Picture, lambda plan: make_picture(make_draft(plan))),
        FakeStage("judge", Picture, Verdict, by_brightness),
    ]
    runner = Runner(Chain(stages), DeviceMemory(NameLoader(10)))
    (outcome,) = runner.run([wish(candidates=3, keep=1)])
    assert isinstance(outcome, Outcome)
    assert outcome.best.index == 2 and outcome.draft is None
    assert all(candidate.picture is not None for candidate in outcome.trail)


def test_cancelling_stops_and_releases() -> None:
    class Stop(Quiet):
        def cancelled(self) -> bool:
            return True

    it = world()
    with pytest.raises(Cancelled):
        list(it.runner.run([wish()], watch=Stop()))
    assert it.memory.leased == frozenset()


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

    spoilt, other = world(judge=judge).run(wish(seed=7, candidates=3), wish(seed=4))
    assert isinstance(spoilt, Outcome) and isinstance(other, Outcome)
    assert spoilt.best.index == 1 and other.best.index == 0
    assert spoilt.trail[2].verdict is None and spoilt.trail[2].picture is not None
    assert "failed at judge" in spoilt.trail[2].reason and f"score {score} outside" in spoilt.trail[2].reason


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
        {"deterministic": True, "micro_batch": 4},
    ]
    for how in ways:
        together = world(**how).run(*requests)
        assert [told(result) for result in together] == [told(world().run(each)[0]) for each in requests]
