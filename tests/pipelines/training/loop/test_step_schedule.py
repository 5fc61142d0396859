"""How long a run is: so many steps, or as many as fit into so many minutes."""

import dataclasses
import itertools

import pytest

from diptych import InputError
from diptych.pipelines.training.loop.step_schedule import Reached, StepSchedule, TrainSettings

MINUTE = TrainSettings(steps=7, batch_size=1, warmup=10, cooldown=0.5, minutes=1)


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def run(
    schedule: StepSchedule, watch: Watch, seconds_of: dict[range, float], *, stop: int = 10**6
) -> list[float]:
    """The learning rates of a run's steps, of which those in a range take so long."""
    factors = []
    for step in schedule.coming():
        if step == stop:
            break
        factors.append(schedule.lr_factor(step))
        watch.now += next(seconds for steps, seconds in seconds_of.items() if step in steps)
        schedule.after(step + 1)
    return factors


ALWAYS = range(10**6)


def test_so_many_steps_are_a_range() -> None:
    settings = TrainSettings(steps=7, batch_size=1)
    assert list(StepSchedule(settings).coming()) == list(range(7))
    assert list(StepSchedule(settings, Reached(step=5, steps=99)).coming()) == [5, 6]
    assert list(StepSchedule(settings, Reached(step=9)).coming()) == []
    assert StepSchedule(settings).lr_factor(3) == settings.lr_factor(3)


def test_an_open_run_has_no_end_yet() -> None:
    schedule = StepSchedule(MINUTE, clock=Watch())
    assert schedule.steps is None and schedule.left() == 60
    assert list(itertools.islice(schedule.coming(), 100)) == list(range(100))
    assert schedule.reached() == Reached()


def test_a_run_of_a_minute_ends_a_little_before_it_with_a_rate_of_nearly_nothing() -> None:
    watch = Watch()
    schedule = StepSchedule(MINUTE, clock=watch)
    factors = run(schedule, watch, {ALWAYS: 1.0})
    assert len(factors) == schedule.steps == 58 and 57 <= watch.now - 1000 <= 60
    assert factors[0] == pytest.approx(0.1) and set(factors[9:30]) == {1.0}
    assert factors[30:] == sorted(factors[30:], reverse=True)
    assert factors[30] > 0.9 and 0 < factors[-1] < 0.04


def test_a_slow_start_does_not_count() -> None:
    watch = Watch()
    schedule = StepSchedule(MINUTE, clock=watch)
    run(schedule, watch, {range(4): 2.5, ALWAYS: 0.1})
    assert 57 <= watch.now - 1000 <= 60


@pytest.mark.parametrize("stop", [1, 12, 29, 30, 31, 45])
def test_a_stop_changes_nothing(stop: int) -> None:
    watch = Watch()
    whole = run(StepSchedule(MINUTE, clock=watch), watch, {ALWAYS: 1.0})
    before = StepSchedule(MINUTE, clock=watch)
    first = run(before, watch, {ALWAYS: 1.0}, stop=stop)
    reached = Reached.from_metadata(before.reached().as_metadata())
    assert reached.step == stop and (reached.steps is None) == (stop < 30)
    watch.now += 5000
    after = StepSchedule(MINUTE, reached, clock=watch)
    assert first + run(after, watch, {ALWAYS: 1.0}) == whole
    assert after.steps == 58


def test_a_number_once_settled_stays() -> None:
    schedule = StepSchedule(MINUTE, Reached(step=40, seconds=9999, steps=44), clock=Watch())
    assert list(schedule.coming()) == [40, 41, 42, 43]


def test_a_run_that_has_used_up_its_minutes_is_refused_and_more_are_taken() -> None:
    used = Reached(step=900, seconds=7200)
    with pytest.raises(
        InputError, match="already taken 120 minutes of its 1: name more with --minutes, or --steps"
    ):
        StepSchedule(MINUTE, used)
    assert StepSchedule(dataclasses.replace(MINUTE, minutes=130), used, clock=Watch()).steps is None
    assert list(StepSchedule(dataclasses.replace(MINUTE, minutes=0, steps=902), used).coming()) == [900, 901]


def test_a_number_that_was_settled_for_other_minutes_is_told() -> None:
    watch = Watch()
    schedule = StepSchedule(MINUTE, clock=watch)
    run(schedule, watch, {ALWAYS: 1.0}, stop=40)
    reached = Reached.from_metadata(schedule.reached().as_metadata())
    assert reached.minutes == 1 and StepSchedule(MINUTE, reached).settled_for() is None
    more = StepSchedule(dataclasses.replace(MINUTE, minutes=2), reached)
    assert more.settled_for() == 1 and more.reached().minutes == 1
    assert StepSchedule(dataclasses.replace(MINUTE, minutes=0), reached).settled_for() is None
    assert StepSchedule(MINUTE, Reached(step=40, steps=58)).settled_for() is None  # nobody noted for how many


def test_a_cooldown_of_all_minutes_does_not_begin_with_the_first_step() -> None:
    watch = Watch()
    schedule = StepSchedule(dataclasses.replace(MINUTE, cooldown=1.0), clock=watch)
    run(schedule, watch, {range(1): 2.5, ALWAYS: 0.1})
    assert 57 <= watch.now - 1000 <= 60


def test_without_a_cooldown_the_minutes_end_it() -> None:
    watch = Watch()
    settings = TrainSettings(steps=7, batch_size=1, cooldown=0, minutes=1)
    assert 58 <= len(run(StepSchedule(settings, clock=watch), watch, {ALWAYS: 1.0})) <= 60


def test_a_step_longer_than_the_minutes_is_the_only_one() -> None:
    watch = Watch()
    assert len(run(StepSchedule(MINUTE, clock=watch), watch, {ALWAYS: 100.0})) == 1


def test_the_speed_is_that_of_late() -> None:
    watch = Watch()
    schedule = StepSchedule(TrainSettings(steps=1000, batch_size=1), clock=watch)
    run(schedule, watch, {range(100): 1.0, ALWAYS: 0.25}, stop=500)
    assert schedule.speed() == pytest.approx(4) and schedule.left() == pytest.approx(125)


def test_a_clock_that_stands_still_is_borne() -> None:
    schedule = StepSchedule(MINUTE, clock=lambda: 5.0)
    assert schedule.after(1) is False and schedule.speed() == 0


def test_a_state_without_times_can_be_gone_on_from() -> None:
    assert Reached.from_metadata({"step": "4"}) == Reached(step=4)
