"""Texts about pictures, right and wrong in one respect, with the score that a judge gave each.

How well it tells them apart, and whether it means what it says.
"""

import dataclasses
import itertools
import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from ...training.data.mismatch import MISMATCHES
from ..figures import Measure
from .score_statistics import auc, calibration_error

MATCHED = ""
AS_PAINTED = "as painted"
OVERALL = "overall"


@dataclasses.dataclass(frozen=True)
class Scored:
    """One text about one picture.

    Args:
        mismatch: in what respect the text is wrong: one of `MISMATCHES`, or `AS_PAINTED` where nobody made it
            so; `MATCHED` for none.
        weight: of a picture's wrong texts together as much as of its right one.
    """

    mismatch: str
    weight: float
    score: float


def auc_by_kind(scored: Sequence[Scored]) -> dict[str, float]:
    """All matched texts against the mismatched ones of each kind, and of all; kinds never tried: left out."""
    scores: dict[str, list[float]] = defaultdict(list)
    for row in scored:
        scores[row.mismatch].append(row.score)
    matched = scores.pop(MATCHED, [])
    found = {kind: auc(matched, scores[kind]) for kind in (*MISMATCHES, AS_PAINTED) if kind in scores}
    found[OVERALL] = auc(matched, [score for each in scores.values() for score in each])
    return found


def error_of(scored: Sequence[Scored]) -> float:
    """The calibration error; NaN of none."""
    if not scored:
        return float("nan")
    return calibration_error(
        [row.score for row in scored],
        [row.mismatch == MATCHED for row in scored],
        [row.weight for row in scored],
    )


def measured(pictures: Sequence[Sequence[Scored]], name: str) -> dict[str, Measure]:
    """AUC by kind and overall, and calibration error, with intervals: pictures are resampled with their texts.

    Args:
        name: of the pictures, which the figures' names begin with.
    """

    def drawn(rows: np.ndarray) -> list[Scored]:
        return list(itertools.chain.from_iterable(pictures[i] for i in rows))

    count = len(pictures)
    if not count:
        return {}
    figures = {
        f"{name}, AUC, {kind}": Measure.resampled(
            lambda rows, kind=kind, whole=whole: _known(auc_by_kind(drawn(rows)).get(kind), whole), count, ""
        )
        for kind, whole in auc_by_kind(drawn(np.arange(count))).items()
    }
    error = Measure.resampled(lambda rows: error_of(drawn(rows)), count, "")
    return {**figures, f"{name}, calibration error": error}


def _known(value: float | None, whole: float) -> float:
    """A resampled figure; that of all pictures, where none was drawn that it is of."""
    return whole if value is None or math.isnan(value) else value
