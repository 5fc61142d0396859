"""Figures of scores: how well they tell right from wrong, whether they mean what they say, how they agree."""

from collections.abc import Sequence

import numpy as np

BINS = 10


def ranks(values: Sequence[float]) -> np.ndarray:
    """The place of each value among all, from 1 for the least; equals share their mean. float64 (n,)."""
    _, place, counts = np.unique(np.asarray(values, float), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def auc(right: Sequence[float], wrong: Sequence[float]) -> float:
    """How likely one of `right` scores above one of `wrong` (Mann and Whitney 1947); NaN if either is empty."""
    if not right or not wrong:
        return float("nan")
    above = ranks([*right, *wrong])[: len(right)].sum() - len(right) * (len(right) + 1) / 2
    return float(above / (len(right) * len(wrong)))


def calibration_error(scores: Sequence[float], truths: Sequence[bool], weights: Sequence[float]) -> float:
    """Expected calibration error in ten equal bins (Guo et al. 2017, eq. 3), each score with its weight."""
    p, y, w = (np.asarray(each, float) for each in (scores, truths, weights))
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    return float(np.abs(np.bincount(bins, weights=w * (y - p), minlength=BINS)).sum() / w.sum())


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Rank correlation; NaN where either does not vary."""
    if not one:
        return float("nan")
    x, y = (each - each.mean() for each in (ranks(one), ranks(other)))
    spread = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum() / spread) if spread else float("nan")
