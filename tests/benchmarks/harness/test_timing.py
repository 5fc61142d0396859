import itertools

import pytest

from diptych.benchmarks.harness.timing import Ratio, run_in_pairs


def test_rivals_take_turns_at_going_first() -> None:
    order: list[str] = []
    run_in_pairs({name: lambda name=name: order.append(name) for name in "abc"}, repeats=3, clock=lambda: 0.0)
    assert order == list("abc" + "bca" + "cab")


def test_the_ratio_is_the_median_of_pairs_not_the_pair_of_medians() -> None:
    ticks = itertools.accumulate([0, 2, 0, 1, 0, 8, 0, 30, 0, 90, 0, 10])  # b before a in the second repeat
    clock = iter(ticks)
    paired = run_in_pairs({"a": int, "b": int}, repeats=3, clock=lambda: float(next(clock)))
    assert paired.seconds == {"a": [2, 30, 90], "b": [1, 8, 10]}
    assert paired.ratio("a", "b") == Ratio(median=3.75, low=2.0, high=9.0)
    assert paired.median("a") == 30


def test_the_last_results_are_kept() -> None:
    numbers = itertools.count()
    paired = run_in_pairs({"a": lambda: next(numbers)}, repeats=2, clock=lambda: 0.0)
    assert paired.results == {"a": 1}


def test_a_spread_is_told_in_words() -> None:
    ratio = Ratio.of([1.0, 3.0, 2.0])
    assert (ratio.median, str(ratio)) == (2.0, "1.00 to 3.00")
    assert ratio.spread == pytest.approx([1.0, 3.0])
