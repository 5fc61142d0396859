"""How long requests wait at the desk that come at random: by a clock that the stages set, as long as the pocket
models were measured to take on two cores of a CPU. No other program's work shows in it."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from diptych.engine.desk.desk import Desk
from diptych.engine.desk.fairness import UnderWay, turns

from ..world import World, wish, world
from .test_desk import Guest

SECONDS = {"plan": (0.005, 0.001), "draft": (0.19, 0.055), "refine": (0.0, 0.11), "judge": (0.02, 0.0105)}
"""Of a micro-batch, and of each row of it besides."""

ALONE = sum(whole + row for whole, row in SECONDS.values())
COUNT = 300


class Machine:
    """A world whose stages take time, on a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.it: World = world()
        for name, (whole, row) in SECONDS.items():
            stage = vars(self.it)[name]
            vars(stage)["before"] = lambda batch, whole=whole, row=row: self.takes(whole + row * len(batch))
            vars(stage)["token_by_token"] = name in ("plan", "draft")
        vars(self.it.judge)["rows_on_cpu"] = 4

    def takes(self, seconds: float) -> None:
        self.now += seconds

    def waits(self, coming: list[float], *, most: int, client: Callable[[int], str] = str) -> list[float]:
        """Of requests that come at these times, `most` under way at once."""
        desk, queue, waits = Desk(clock=lambda: self.now), list(enumerate(coming)), list[float]()
        came: dict[Any, float] = {}
        while queue or len(desk):
            while queue and queue[0][1] <= self.now and len(desk) < most:
                number, at = queue.pop(0)
                guest = Guest(wish(f"a boat {number}", seed=9), self.it, client=client(number))
                came[guest] = at
                desk.enter(guest)
            if not len(desk):
                self.now = max(self.now, queue[0][1])
                continue
            waits += [self.now - came[guest] for guest, _ in desk.turn()]
        return waits


def drawn(load: float, seed: int) -> list[float]:
    """Times by Poisson's law, at this share of what one at a time can do."""
    chance, now, times = random.Random(seed), 0.0, list[float]()
    for _ in range(COUNT):
        now += chance.expovariate(load / ALONE)
        times.append(now)
    return times


def at(share: float, waits: list[float]) -> float:
    return sorted(waits)[int(share * len(waits))]


@pytest.mark.parametrize("clients", ["one", "each its own"])
def test_at_80_percent_one_in_twenty_waits_at_most_half_as_long_as_one_after_the_other(clients: str) -> None:
    client: Callable[[int], str] = str if clients == "each its own" else lambda number: "one"
    one, desk = list[float](), list[float]()
    for seed in (1, 2):
        coming = drawn(0.8, seed)
        one += Machine().waits(coming, most=1)
        desk += Machine().waits(coming, most=64, client=client)
    said = (
        f"p50 {at(0.5, one):.2f} and {at(0.5, desk):.2f} s, p95 {at(0.95, one):.2f} and {at(0.95, desk):.2f} s"
    )
    print(f"clients {clients}: one after the other and at the desk {said}")
    assert at(0.95, desk) <= 0.5 * at(0.95, one), said
    assert at(0.5, desk) <= at(0.5, one), said


def test_all_at_once_take_hardly_longer_than_a_batch() -> None:
    batch, desk = Machine(), Machine()
    requests = [wish(f"a boat {number}", seed=9) for number in range(48)]
    assert len(batch.it.run(*requests)) == 48
    desk.waits([0.0] * 48, most=64)
    print(f"all at once: a batch {batch.now:.2f} s, the desk {desk.now:.2f} s")
    assert desk.now <= 1.05 * batch.now


@pytest.mark.parametrize(("row_s", "most"), [(0.001, 12), (1.0, 4)])
def test_rows_that_are_quick_go_together_though_only_one_at_a_time_pays(row_s: float, most: int) -> None:
    machine = Machine()
    vars(machine.it.refine)["before"] = lambda batch: machine.takes(row_s * len(batch))
    desk = Desk(clock=lambda: machine.now)
    for count in (1, 12):  # after one it is known how long a row takes
        for number in range(count):
            desk.enter(Guest(wish(f"a boat {number}", seed=9), machine.it, client=str(number)))
        machine.it.refine.handed.clear()
        while len(desk):
            desk.turn()
    assert max(map(len, machine.it.refine.handed)) == most


def test_whoever_has_many_requests_lets_one_with_few_in_between() -> None:
    machine = Machine()
    coming = [0.0] * 40 + [1.0] * 2
    waits = machine.waits(coming, most=64, client=lambda number: "many" if number < 40 else "few")
    assert len(waits) == 42
    order = [draft.plan.request.prompt for batch in machine.it.refine.handed for draft in batch]
    assert {order.index("a boat 40"), order.index("a boat 41")} < set(range(16))


def test_what_is_begun_is_finished_before_what_comes_later() -> None:
    said = [UnderWay("a", 0, 0.3), UnderWay("b", 0, 0.0), UnderWay("b", 0, 0.0)]
    had = {"a": 0.3, "b": 0.3}
    assert turns(said, had.__getitem__, usual=0.4) == pytest.approx([0.0, 0.3, 0.7])


def test_what_takes_far_longer_than_is_usual_gives_way() -> None:
    said = [UnderWay("a", 0, 5.0), UnderWay("b", 0, 0.0)]
    first, second = turns(said, {"a": 5.0, "b": 0.0}.__getitem__, usual=0.4)
    assert first == pytest.approx(4.2) and second == 0.0


def test_requests_of_another_priority_do_not_stand_before_ones_own() -> None:
    said = [UnderWay("a", 0, 0.0), UnderWay("a", 10, 0.0), UnderWay("a", 0, 0.0)]
    assert turns(said, lambda client: 1.0, usual=0.4) == pytest.approx([1.0, 1.0, 1.4])
