"""Waves, shapes, modes and failures of the runner, on stages that paint one pixel each."""

import dataclasses
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from diptych.engine.chain import Chain
from diptych.engine.errors import Cancelled, InputError, MemoryBudgetError
from diptych.engine.memory import DeviceMemory
from diptych.engine.runner import Runner, shape_of
from diptych.engine.values import (
    Draft,
    Failure,
    Outcome,
    Picture,
    Plan,
    Request,
    Verdict,
)
from diptych.engine.values.start import Start, Wording
from diptych.engine.watch import Quiet

from ..fakes import FakeStage, NameLoader
from .world import by_brightness, make_draft, make_picture, make_plan, wish, world


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


def looking(picture: Picture) -> Verdict:
    value = int(picture.pixels[0, 0, 0])
    if value == 9 and picture.plan is None:
        raise ValueError("too bright to look at")
    return Verdict(caption=f"a picture of {value}", score=1.0)


def started(value: int, **start: Any) -> Request:
    picture = torch.full((8, 8, 3), value, dtype=torch.uint8)
    return dataclasses.replace(wish(), start=Start(picture=picture, **start))


def test_planners_are_told_what_a_picture_shows_of_which_something_stays() -> None:
    it = world(judge=looking)
    requests = [
        started(3, strength=0.5),
        wish(),
        started(4),
        started(5, redraw=0.5, wording=Wording(prompt="a boat")),
        started(6, redraw=0.5, shows="a hat"),
        started(7, redraw=0.5),
    ]
    outcomes = it.run(*requests)
    shown = [value.start.shows if value.start else None for batch in it.plan.handed for value in batch]
    assert sorted(map(str, shown)) == sorted(["a picture of 3", "None", "", "a hat", "a picture of 7"])
    assert [outcome.request for outcome in outcomes] == requests  # as they were wished for
    assert ["look" in outcome.timings for outcome in outcomes if isinstance(outcome, Outcome)] == [
        *(True, False, False, False, False, True)
    ]


def test_a_picture_that_cannot_be_looked_at_fails_its_row_alone() -> None:
    good, bad = world(judge=looking).run(started(3, strength=0.5), started(9, strength=0.5))
    assert isinstance(good, Outcome) and isinstance(bad, Failure)
    assert bad.stage == "look" and "too bright to look at" in bad.reason


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


def test_the_batch_invariant_mode_runs_one_shape() -> None:
    it = world(batch_invariant=True, micro_batch=4)
    assert len(it.run(*[wish(seed=i) for i in range(5)])) == 5
    assert {len(batch) for stage in (it.plan, it.refine) for batch in stage.handed} == {1}


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

    def clock() -> float:
        return float(next(now))

    it = world(
        budget=20 + 2, micro_batch=2, clock=clock, memory_clock=clock
    )  # loading takes as long as working
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


def test_what_changes_plans_is_asked_for_each_candidate_and_the_planner_once() -> None:
    wet = {1}

    def change(plan: Plan) -> Plan:
        if plan.request.candidate in wet:
            raise ValueError("the paper is wet")
        return dataclasses.replace(plan, prompt=f"{plan.prompt}, number {plan.request.candidate}")

    planner = FakeStage("plan", Request, Plan, make_plan)
    changing = FakeStage("lay out", Plan, Plan, change)
    stages = [
        planner,
        changing,
        FakeStage("draft", Plan, Draft, make_draft),
        FakeStage("refine", Draft, Picture, make_picture),
        FakeStage("judge", Picture, Verdict, by_brightness),
    ]
    runner = Runner(Chain(stages), DeviceMemory(NameLoader(10)))
    (outcome,) = runner.run([wish(candidates=3, rounds=1)])
    assert isinstance(outcome, Outcome)
    assert [(each.index, each.plan.prompt) for each in outcome.trail] == [
        (0, "a boat, number 0"),
        (1, "a boat"),
        (2, "a boat, number 2"),
    ]
    assert outcome.trail[1].reason == "failed at lay out: ValueError: the paper is wet"
    assert [len(batch) for batch in planner.handed] == [1]
    wet.add(0)
    changing.handed.clear()
    (result,) = runner.run([wish(candidates=5, rounds=3)])
    assert isinstance(result, Failure) and result.stage == "lay out"
    assert [plan.request.candidate for batch in changing.handed for plan in batch] == [0]
    assert len(planner.handed) == 2, "what could not be planned is over"


def test_cancelling_stops_and_releases() -> None:
    class Stop(Quiet):
        def cancelled(self) -> bool:
            return True

    it = world()
    with pytest.raises(Cancelled):
        list(it.runner.run([wish()], watch=Stop()))
    assert it.memory.leased == frozenset()


def test_a_long_run_holds_no_more_than_a_short_one() -> None:
    it = world(micro_batch=16, wave=16)

    def endless() -> Iterator[Request]:
        while True:
            yield wish(seed=5)

    def held_after(rows: int) -> int:
        for _ in range(rows):
            next(results)
            for stage in (it.plan, it.draft, it.refine, it.judge):
                stage.handed.clear()
        return tracemalloc.get_traced_memory()[0]

    results = it.runner.run(endless())
    held_after(200)  # what is made once is made
    it.memory.log._last.clear()
    tracemalloc.start()
    try:
        growth = -held_after(400) + held_after(1600)
    finally:
        tracemalloc.stop()
    events = it.memory.log.events
    assert growth < 1000 * len(events)  # nothing but the last events, of which a bounded number is kept
