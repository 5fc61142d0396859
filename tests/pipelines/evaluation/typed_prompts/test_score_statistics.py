"""Figures of scores, against what can be worked out by hand."""

import math
import random

import pytest

from diptych.pipelines.evaluation.typed_prompts.score_statistics import auc, calibration_error, ranks, spearman


def test_equals_share_the_mean_of_their_ranks() -> None:
    assert ranks([0.5, 0.1, 0.5, 0.9]).tolist() == [2.5, 1.0, 2.5, 4.0]


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    rng = random.Random(0)
    right, wrong = ([rng.randrange(9) / 9 for _ in range(n)] for n in (17, 11))
    pairs = [(a > b) + 0.5 * (a == b) for a in right for b in wrong]
    assert auc(right, wrong) == pytest.approx(sum(pairs) / len(pairs))
    assert math.isnan(auc([], wrong))


def test_calibration_error_weighs_what_is_claimed_against_what_is_so() -> None:
    assert calibration_error([0.75] * 4, [True, True, True, False], [1.0] * 4) == pytest.approx(0)
    assert calibration_error([1.0, 0.0], [False, True], [1.0, 1.0]) == pytest.approx(1)
    assert calibration_error([0.95, 0.05], [True, True], [3.0, 1.0]) == pytest.approx(0.75 * 0.05 + 0.25 * 0.95)


def test_rank_correlation_is_one_for_the_same_order_and_nothing_where_nothing_varies() -> None:
    assert spearman([1, 2, 3], [10, 100, 1000]) == pytest.approx(1)
    assert spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert math.isnan(spearman([1, 1], [1, 2])) and math.isnan(spearman([], []))
