"""Requests that come and go: what comes of them, who is next, and what they share."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diptych.engine.desk.desk import Desk
from diptych.engine.desk.fairness import Shares
from diptych.engine.desk.visitor import Visitor
from diptych.engine.errors import Cancelled, CheckpointError
from diptych.engine.values import Draft, Failure, Outcome, Picture, Plan, Request, Start, Verdict

from ..world import World, wish, world


def shared_world(**how: Any) -> World:
    """Stages whose rows go together on a CPU, too."""
    it = world(**how)
    for stage in (it.plan, it.draft, it.refine, it.judge):
        vars(stage)["token_by_token"] = True
    return it


def counter(step: float = 1.0) -> Callable[[], float]:
    count = itertools.count()
    return lambda: next(count) * step


class Guest(Visitor):
    """Keeps what it is told."""

    def __init__(self, request: Request, it: World, **more: Any) -> None:
        super().__init__(request, it.runner, **more)
        self.gone = self.looks = False
        self.seen: list[tuple[str, type]] = []
        self.fractions: list[tuple[str, float]] = []
        self.views: list[tuple[str, str, int]] = []

    def cancelled(self) -> bool:
        return self.gone

    def wants_views(self) -> bool:
        return self.looks

    def on_progress(self, stage: str, fraction: float) -> None:
        self.fractions.append((stage, fraction))

    def on_value(self, stage: str, value: Any) -> None:
        self.seen.append((stage, type(value)))

    def on_view(self, stage: str, value: Any, what: str, i: int, view: Any) -> None:
        self.views.append((stage, what, i))


def finish(desk: Desk) -> dict[Visitor, Outcome | Failure]:
    results: dict[Visitor, Outcome | Failure] = {}
    while len(desk):
        results |= dict(desk.turn())
    return results


def as_they_come(desk: Desk, coming: list[tuple[int, Guest]]) -> dict[Visitor, Outcome | Failure]:
    """What becomes of guests each of whom comes after so many turns."""
    results: dict[Visitor, Outcome | Failure] = {}
    for turn in itertools.count():
        for after, guest in coming:
            if after == turn:
                desk.enter(guest)
        if not len(desk) and all(after <= turn for after, _ in coming):
            return results
        results |= dict(desk.turn())
    raise AssertionError("turns without end")


WISHES = st.builds(
    wish,
    prompt=st.sampled_from(["a boat", "a hat", "unplannable", "unpaintable"]),
    seed=st.integers(0, 9),
    height=st.sampled_from([8, 16]),
    candidates=st.integers(1, 3),
    keep=st.integers(1, 2),
    rounds=st.integers(1, 3),
    accept=st.sampled_from([0.5, 0.9]),
)


@given(st.lists(st.tuples(WISHES, st.integers(0, 6), st.integers(0, 2), st.sampled_from("ab")), max_size=8))
def test_what_comes_of_a_request_does_not_depend_on_when_it_comes(plan: list[Any]) -> None:
    it, alone = shared_world(micro_batch=3), world(micro_batch=1)
    coming = [(after, Guest(each, it, priority=high, client=who)) for each, after, high, who in plan]
    results = as_they_come(Desk(), coming)
    for _, guest in coming:
        assert results[guest] == alone.run(guest.request)[0]


def test_who_comes_later_shares_the_micro_batch_of_a_stage_that_has_room() -> None:
    it, desk = shared_world(), Desk(clock=counter())
    desk.enter(Guest(wish(seed=1), it))
    finish(desk)  # now it is known how long stages take
    desk.enter(Guest(wish("a hat", seed=2), it))
    desk.turn()  # planned
    desk.enter(Guest(wish("a cap", seed=3), it))
    vars(desk)["_seconds"] = {at: 1.0 if at[1] == "plan" else 9.0 for at in vars(desk)["_seconds"]}
    finish(desk)
    assert [len(batch) for batch in it.plan.handed] == [1, 1, 1]
    assert [len(batch) for batch in it.draft.handed] == [1, 2]  # the one waited a second for the other


def test_nobody_waits_for_others_to_catch_up_at_a_stage_that_takes_as_long() -> None:
    it, desk = shared_world(), Desk(clock=counter())
    desk.enter(Guest(wish(seed=1), it))
    finish(desk)
    desk.enter(Guest(wish("a hat", seed=2), it))
    desk.turn()
    desk.enter(Guest(wish("a cap", seed=3), it))
    finish(desk)
    assert [len(batch) for batch in it.draft.handed] == [1, 1, 1]


def test_a_batch_that_is_under_way_does_not_hold_up_who_has_priority() -> None:
    it, desk = shared_world(micro_batch=4), Desk()
    for seed in range(12):
        desk.enter(Guest(wish(seed=seed % 9), it, client="batch"))
    desk.turn()
    urgent = Guest(wish("a hat", seed=9), it, client="person", priority=1)
    desk.enter(urgent)
    turns = 1
    while urgent not in dict(desk.turn()):
        turns += 1
    assert turns == 4  # its four stages, and nothing between them
    assert len(finish(desk)) >= 8


def test_the_client_that_had_least_is_next() -> None:
    it, desk, order = shared_world(micro_batch=1), Desk(clock=counter()), list[str]()
    for client, count in (("many", 6), ("few", 2)):
        for i in range(count):
            desk.enter(Guest(wish(f"a {client} {i}", seed=9), it, client=client))
    while len(desk):
        order += [visitor.client for visitor, _ in desk.turn()]
    assert order[:4].count("few") == 2
    assert order.count("many") == 6


def test_what_nobody_wants_any_more_is_dropped_and_the_others_go_on() -> None:
    it, desk = shared_world(), Desk()
    guests = [Guest(wish(f"a boat {seed}", seed=seed), it) for seed in (7, 8, 9)]
    for guest in guests:
        desk.enter(guest)
    desk.turn()
    guests[1].gone = True
    results = finish(desk)
    assert set(results) == {guests[0], guests[2]}
    assert all(isinstance(result, Outcome) for result in results.values())
    assert [len(batch) for batch in it.draft.handed] == [2]


def test_a_micro_batch_of_which_nobody_wants_anything_is_broken_off() -> None:
    it, desk = shared_world(), Desk()
    guest = Guest(wish(), it)

    def leave(batch: Any) -> None:
        guest.gone = True

    it.draft.before = leave
    desk.enter(guest)
    desk.turn()
    assert desk.turn() == []
    desk.turn()
    assert len(desk) == 0
    assert it.refine.handed == []


def test_a_desk_that_is_stopped_finishes_nothing() -> None:
    it, desk = shared_world(), Desk()
    it.plan.before = lambda batch: desk.stop()
    desk.enter(Guest(wish(), it))
    with pytest.raises(Cancelled):
        desk.turn()


def test_a_model_that_cannot_be_loaded_fails_those_who_need_it_alone() -> None:
    it, other, desk = shared_world(), shared_world(), Desk()

    def load(*args: Any, **more: Any) -> Any:
        raise CheckpointError("refiner: is damaged: get it again")

    it.loader.load = load
    bad, good = Guest(wish(seed=9), it), Guest(wish(seed=9), other)
    desk.enter(bad)
    desk.enter(good)
    results = finish(desk)
    failure = results[bad]
    assert isinstance(failure, Failure) and failure.reason == "refiner: is damaged: get it again"
    assert isinstance(results[good], Outcome)


def test_a_request_that_is_made_again_is_not_planned_again() -> None:
    it, desk = shared_world(), Desk()
    first, again = Guest(wish(seed=9), it), Guest(dataclasses.replace(wish(seed=9), row=7), it)
    for guest in (first, again):
        desk.enter(guest)
        (result,) = finish(desk).values()
        assert isinstance(result, Outcome) and result.plan.request.row == guest.request.row
    assert len(it.plan.handed) == 1
    assert [stage for stage, _ in again.seen] == ["plan", "draft", "refine", "judge"]
    desk.enter(Guest(wish(seed=8), it))
    finish(desk)
    assert len(it.plan.handed) == 2


def test_models_that_take_turns_are_not_loaded_once_for_each_request() -> None:
    it, desk = shared_world(budget=10 + 9), Desk()
    for seed in range(9):
        desk.enter(Guest(wish(f"a boat {seed}", seed=seed), it))
        desk.turn()
    finish(desk)
    assert it.loader.loaded.count("refine") <= 2


def test_everybody_hears_what_is_made_for_them_and_how_far_it_is() -> None:
    it, desk = shared_world(), Desk()
    guest = Guest(wish(seed=9), it)
    desk.enter(guest)
    finish(desk)
    assert guest.seen == [("plan", Plan), ("draft", Draft), ("refine", Picture), ("judge", Verdict)]
    assert guest.fractions[0] == ("plan", 0.0) and ("judge", 1.0) in guest.fractions
    assert all(0 <= fraction <= 1 for _, fraction in guest.fractions)


def test_who_comes_back_has_saved_up_no_turns() -> None:
    shares = Shares()
    shares.present(["a"])
    shares.charge("a", 10)
    shares.present(["a", "b"])
    assert shares.had("b") == 10
    shares.charge("a", 5)
    shares.present(["a"])
    shares.present(["a", "b"])
    assert shares.had("b") == shares.had("a") == shares.had("anybody else") == 15


def test_pictures_that_requests_start_from_are_not_kept_with_their_plans() -> None:
    desk, it = Desk(), shared_world()
    for grey in range(3):
        start = Start(picture=torch.full((8, 8, 3), grey, dtype=torch.uint8))
        desk.enter(Guest(dataclasses.replace(wish(height=8), width=8, start=start), it))
    desk.enter(Guest(wish(), it))
    finish(desk)
    assert [plan.request.start for _, plan in vars(vars(desk)["_plans"])["_plans"].values()] == [None]
