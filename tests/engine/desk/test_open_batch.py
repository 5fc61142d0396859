"""Stages that rows join while others are under way: who is in, what comes of them, and what goes wrong."""

import dataclasses
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.engine.desk import open_batch
from diptych.engine.desk.desk import Desk
from diptych.engine.errors import Cancelled, CheckpointError
from diptych.engine.guards import loading, numerics
from diptych.engine.values import Failure, Outcome, Plan

from ..world import wish, world
from .sketching import LONG, Gate, Sketches, sketching_world
from .test_desk import WISHES, Guest, as_they_come, counter, finish


@given(st.lists(st.tuples(WISHES, st.integers(0, 20), st.integers(0, 2)), max_size=8), st.booleans())
def test_what_comes_of_a_request_does_not_depend_on_whom_it_joins(plan: list[Any], all_of_them: bool) -> None:
    it, stage = sketching_world(micro_batch=3)
    stage.takes_in = lambda each: all_of_them or each.request.seed % 2 == 0
    coming = [(after, Guest(each, it, priority=high)) for each, after, high in plan]
    alone = world(micro_batch=1)
    results = as_they_come(Desk(), coming)
    assert stage.most <= 3
    for _, guest in coming:
        assert results[guest] == alone.run(guest.request)[0]


def in_line(desk: Desk, guests: Sequence[Guest]) -> None:
    """Turns until all are planned, and one in which they are lined up."""
    while not all(guest.seen for guest in guests):
        desk.turn()
    desk.turn()


def test_who_comes_later_joins_a_draft_that_is_under_way_and_both_see_it() -> None:
    it, stage = sketching_world()
    begun, came = Gate(), Gate()

    def upset(plans: Sequence[Plan]) -> None:
        begun.open()
        if len(plans) == 1 and plans[0].prompt == "a boat":
            came.wait()
            time.sleep(0.001)  # for the desk's thread

    stage.upset = upset
    desk, first = Desk(clock=counter()), Guest(wish("a boat", seed=9), it)
    first.looks = True
    desk.enter(first)
    while not begun.opened.is_set():
        desk.turn()
    second = Guest(wish("a hat", seed=9), it)
    desk.enter(second)
    in_line(desk, [second])
    came.open()
    order = [visitor for _ in iter(lambda: len(desk), 0) for visitor, _ in desk.turn()]
    assert order == [first, second] and stage.joined == [0, 1] and stage.handed == []
    assert ("draft", "drafting", LONG) in first.views and not second.views
    assert [fraction for label, fraction in second.fractions if label == "draft"][-1] == 1.0
    assert not it.memory.leased
    runs = [event for event in it.memory.log.events if event.kind == "run" and event.stage == "draft"]
    assert sum(event.rows for event in runs) == 2


def test_other_stages_are_at_work_at_the_same_time() -> None:
    it, stage = sketching_world()
    both, painting, drafting = Gate(), Gate(), Gate()

    def paint(batch: Sequence[Any]) -> None:
        if batch[0].plan.prompt == "a boat":
            painting.open()
            drafting.wait()

    def upset(plans: Sequence[Plan]) -> None:
        if [plan.prompt for plan in plans] == ["a boat"]:
            both.wait()
        if [plan.prompt for plan in plans] == ["a hat"]:
            painting.wait()
            drafting.open()

    it.refine.before, stage.upset = paint, upset
    desk, hat = Desk(), Guest(wish("a hat", seed=9), it)
    desk.enter(Guest(wish("a boat", seed=9), it))
    while not stage.joined:
        desk.turn()
    desk.enter(hat)
    in_line(desk, [hat])
    both.open()
    assert all(isinstance(result, Outcome) for result in finish(desk).values())
    assert stage.joined == [0, 1] and stage.handed == [], "somebody waited in vain"


def test_of_more_than_there_is_room_for_those_with_priority_are_next() -> None:
    it, stage = sketching_world(micro_batch=2)
    lined_up, came = Gate(), list[str]()

    def upset(plans: Sequence[Plan]) -> None:
        lined_up.wait()
        came.extend(plan.prompt for plan in plans if plan.prompt not in came)

    stage.upset = upset
    desk = Desk()
    guests = [Guest(wish(f"a hat {i}", seed=9), it, priority=i // 4) for i in range(6)]
    for guest in guests[:2]:
        desk.enter(guest)
    while not stage.joined:
        desk.turn()
    for guest in guests[2:]:
        desk.enter(guest)
    in_line(desk, guests)
    lined_up.open()
    assert len(finish(desk)) == 6
    assert came == [f"a hat {i}" for i in (0, 1, 4, 5, 2, 3)] and stage.most == 2


def test_who_is_gone_hears_nothing_more() -> None:
    it, _ = sketching_world()
    desk, gone, stays = Desk(), Guest(wish(seed=8), it), Guest(wish("a hat", seed=9), it)
    gone.looks = True
    for guest in (gone, stays):
        desk.enter(guest)
    while not gone.views:
        desk.turn()
    desk.leave(gone)
    heard = len(gone.views)
    finish(desk)
    assert len(gone.views) == heard


def test_a_desk_that_is_closed_leaves_nothing_at_work() -> None:
    it, stage = sketching_world()
    desk, begun = Desk(), Gate()
    stage.upset = begun.open
    desk.enter(Guest(wish(seed=9), it))
    desk.turn()
    desk.turn()
    begun.wait()
    desk.close()
    assert not it.memory.leased and not [t for t in threading.enumerate() if t.name == "diptych-draft"]
    assert len(finish(desk)) == 1  # whoever goes on with it begins anew


def test_who_leaves_leaves_the_draft_and_the_others_go_on() -> None:
    it, stage = sketching_world()
    desk, gone, stays = Desk(), Guest(wish(seed=8), it), Guest(wish("a hat", seed=9), it)
    desk.enter(gone)
    desk.enter(stays)
    while not stage.joined:
        desk.turn()
    gone.gone = True
    assert [*finish(desk)] == [stays]
    desk.enter(Guest(wish("a cap", seed=9), it))  # into an empty one
    assert len(finish(desk)) == 1


def test_a_row_that_a_stage_gives_up_fails_alone() -> None:
    it, stage = sketching_world()
    stage.upset = lambda plans: next((plan for plan in plans if plan.prompt == "a hat"), None)
    desk, well, ill = Desk(), Guest(wish(seed=9), it), Guest(wish("a hat", seed=9), it)
    desk.enter(well)
    desk.enter(ill)
    results = finish(desk)
    assert isinstance(results[well], Outcome)
    failed = results[ill]
    assert isinstance(failed, Failure) and failed.reason == "the pencil broke"


@pytest.mark.parametrize(
    "error", [ValueError("the paint is dry"), SystemExit(7), CheckpointError("no weights")]
)
def test_what_goes_wrong_among_many_is_found_out_one_by_one(error: BaseException) -> None:
    it, stage = sketching_world()

    def upset(plans: Sequence[Plan]) -> None:
        if len(plans) > 1:
            raise error

    stage.upset = upset
    desk, guests = Desk(), [Guest(wish(f"a hat {i}", seed=9), it) for i in range(3)]
    for guest in guests:
        desk.enter(guest)
    assert all(isinstance(result, Outcome) for result in finish(desk).values())
    assert sorted(plan.prompt for batch in stage.handed for plan in batch) == ["a hat 0", "a hat 1", "a hat 2"]


@pytest.mark.parametrize("where", ["continuous", "join", "lease"])
def test_a_batch_that_ends_at_once_keeps_nobody_for_ever(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    it, stage = sketching_world(stall_s=0)
    opened: list[str] = []

    def fails(*args: Any, **more: Any) -> Any:
        opened.append(where)
        raise ValueError("no pair")

    if where == "lease":
        monkeypatch.setattr(open_batch.OpenBatch, "begin", fails)
    elif where == "join":
        monkeypatch.setattr(Sketches, "join", fails)
    else:
        vars(stage)["continuous"] = fails
    desk = Desk()
    for seed in (8, 9):
        desk.enter(Guest(wish(seed=seed), it))
    assert all(isinstance(result, Outcome) for result in finish(desk).values())
    assert len(opened) <= 2 and len(stage.handed) == 2 and not it.memory.leased


def test_whoever_only_stood_in_line_stands_before_the_next_one() -> None:
    it, stage = sketching_world(micro_batch=2)
    lined_up = Gate()

    def upset(plans: Sequence[Plan]) -> None:
        lined_up.wait()
        if any(plan.prompt == "a hat 0" for plan in plans):
            raise ValueError("the paint is dry")

    stage.upset = upset
    desk = Desk()
    guests = [Guest(wish(f"a hat {i}", seed=9), it) for i in range(8)]
    for guest in guests:
        desk.enter(guest)
    in_line(desk, guests)
    lined_up.open()
    assert len(finish(desk)) == 8
    assert sum(map(len, stage.handed)) <= 2


def test_when_the_last_is_given_up_nothing_is_kept() -> None:
    it, stage = sketching_world()
    desk, begun, guest = Desk(), Gate(), Guest(wish(seed=9), it)
    stage.upset = begun.open
    desk.enter(guest)
    desk.turn()
    desk.turn()
    begun.wait()
    desk.leave(guest)
    assert not len(desk) and not it.memory.leased


def test_stages_that_compute_otherwise_are_not_at_work_beside() -> None:
    it, stage = sketching_world()
    (key,) = it.refine.uses
    vars(it.refine)["uses"] = (dataclasses.replace(key, tuning=(("attention", "math"),)),)
    desk = Desk()
    desk.enter(Guest(wish(seed=9), it))
    assert len(finish(desk)) == 1 and stage.joined == [] and len(stage.handed) == 1


def test_nobody_draws_while_a_library_loads() -> None:
    it, stage = sketching_world()
    drawn: list[int] = []
    stage.upset = lambda plans: drawn.append(1)
    desk = Desk()
    desk.enter(Guest(wish(seed=9), it))
    with loading.turns.loading():
        for _ in range(6):
            desk.turn()
        assert not drawn
    assert len(finish(desk)) == 1 and drawn


def test_a_stage_that_cancels_by_itself_ends_its_rows_alone() -> None:
    it, stage = sketching_world()

    def upset(plans: Sequence[Plan]) -> None:
        raise Cancelled("of its own")

    stage.upset = upset
    desk = Desk()
    for seed in (8, 9):
        desk.enter(Guest(wish(seed=seed), it))
    assert len(finish(desk)) == 2 and not it.memory.leased


@pytest.mark.parametrize("who", ["loads", "computes"])
def test_a_batch_that_waits_for_others_can_be_closed(who: str) -> None:
    it, _ = sketching_world()
    desk, free = Desk(), Gate()
    held = loading.turns.loading() if who == "loads" else numerics.computing("cpu", [{"attention": "math"}])
    within = Gate()

    def other() -> None:
        with held:
            within.open()
            free.wait()

    desk.enter(Guest(wish(seed=9), it))
    desk.turn()  # planned
    thread = threading.Thread(target=other)
    thread.start()
    within.wait()
    desk.turn()  # in line
    desk.close()
    assert not it.memory.leased and not free.opened.is_set()
    free.open()
    thread.join()
    assert len(finish(desk)) == 1


def test_models_of_which_rows_depend_on_each_other_are_not_joined() -> None:
    it, stage = sketching_world()
    stage.opens = False
    desk = Desk()
    for seed in (8, 9):
        desk.enter(Guest(wish(seed=seed), it))
    assert len(finish(desk)) == 2 and stage.joined == [] and len(stage.handed) == 2


def test_a_desk_that_is_stopped_breaks_off_a_draft() -> None:
    it, stage = sketching_world()
    desk = Desk()
    stage.upset = lambda plans: desk.stop()
    desk.enter(Guest(wish(seed=9), it))
    with pytest.raises(Cancelled, match="draft"):
        finish(desk)
    assert not it.memory.leased


def test_who_is_under_way_is_not_held_up_by_newcomers_for_ever() -> None:
    """One more comes at each turn, whom no planner understands, so that the batch never fills."""
    it, _ = sketching_world()
    desk, first = Desk(clock=counter()), Guest(wish(seed=9), it)
    desk.enter(first)
    for turn in range(40):
        if first in dict(desk.turn()):
            break
        desk.enter(Guest(wish(f"unplannable {turn}", seed=1), it))
    else:
        pytest.fail("the first was held up")


def test_whoever_has_several_candidates_hears_how_far_all_of_them_are() -> None:
    it, _ = sketching_world(micro_batch=2)
    desk, guest = Desk(), Guest(wish(seed=9, candidates=3, keep=3), it)
    desk.enter(guest)
    finish(desk)
    heard = [fraction for label, fraction in guest.fractions if label == "draft"]
    assert heard == sorted(heard) and heard[-1] == pytest.approx(1.0)
