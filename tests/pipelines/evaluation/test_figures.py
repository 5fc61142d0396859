"""Shares and means with their intervals."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.pipelines.evaluation.figures import Measure, Share


def test_wilsons_interval_is_that_of_the_textbooks() -> None:
    low, high = Share(8, 10).interval
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    low, high = Share(0, 10).interval
    assert (low, high) == (0.0, pytest.approx(0.2775, abs=1e-4))


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_value_and_lies_within_bounds(pair: tuple[int, int]) -> None:
    share = Share(*pair)
    low, high = share.interval
    assert 0 <= low <= share.value + 1e-9 and share.value - 1e-9 <= high <= 1
    mirrored = Share(share.of - share.count, share.of).interval
    assert mirrored[0] == pytest.approx(1 - high, abs=1e-9)


def test_a_share_of_nothing_says_so() -> None:
    share = Share.of_truths([])
    assert math.isnan(share.value) and share.interval == (0.0, 1.0)
    assert share.to_json() == {"value": None, "count": 0, "of": 0, "interval": [0.0, 1.0]}
    assert str(share) == "none counted"


def test_a_mean_has_the_interval_of_the_mean() -> None:
    mean = Measure.mean_of([1.0, 2.0, 3.0, 4.0], "dB")
    assert mean.value == 2.5 and mean.half_width == pytest.approx(1.96 * 1.29099 / 2, rel=1e-3)
    assert Measure.mean_of([1.0], "dB").to_json()["interval"] is None
    assert Measure.mean_of([], "dB").to_json()["value"] is None


def test_a_resampled_mean_has_the_interval_of_the_mean_about() -> None:
    ratios: list[float] = []
    for seed in range(20):
        values = np.random.default_rng(seed).normal(size=400)
        drawn = Measure.resampled(lambda i, values=values: float(values[i].mean()), 400, "")
        assert drawn.value == pytest.approx(values.mean())
        ratios.append(drawn.half_width / (1.96 * values.std() / 20))
    assert statistics.fmean(ratios) == pytest.approx(1, abs=0.06)  # other 20 are off by 0.044 at most

    def of_ones(i: np.ndarray) -> float:
        return float((i % 2).mean())

    assert Measure.resampled(of_ones, 400, "") == Measure.resampled(of_ones, 400, "")
    assert Measure.resampled(lambda i: 7.0, 1, "").to_json()["interval"] is None
