"""What pictures of one setting show of what was asked: by category, by atom, by prompt, with intervals."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...pipelines.evaluation.figures import Measure
from ...pipelines.evaluation.inspector import Sighting
from ...pipelines.evaluation.matching import ALL_RIGHT, CATEGORIES, answers
from ...pipelines.pocket.world import Scene
from .atoms import am_and_gm

OVERALL = "overall"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """One setting: what it costs, and what its pictures show.

    Args:
        seconds: a prompt.
        truths: float (prompts, categories), 1 for a right answer, 0 for a wrong one, NaN where none was asked.
        atoms: float (prompts, 2): the share of each prompt's atoms that are right, and whether all are; see
            `atoms`.
    """

    name: str
    seconds: float
    truths: np.ndarray
    atoms: np.ndarray = dataclasses.field(default_factory=lambda: np.full((0, 2), np.nan))

    @property
    def overall(self) -> float:
        """See `overall`."""
        return overall(self.truths)

    @property
    def measure(self) -> Measure:
        """The same with its interval, that of resampled prompts."""
        return Measure.resampled(lambda rows: overall(self.truths[rows]), len(self.truths), "")

    def over(self, other: "Point") -> Measure:
        """By how much it is above `other`, as a share; the same prompts are resampled together."""
        return Measure.resampled(
            lambda rows: overall(self.truths[rows]) - overall(other.truths[rows]), len(self.truths), ""
        )

    @property
    def atoms_right(self) -> Measure:
        """The share of atoms that are right: the mean of the prompts'."""
        return Measure.mean_of(self.atoms[:, 0].tolist(), "")

    @property
    def whole_prompts(self) -> Measure:
        """The share of prompts of which all atoms are right."""
        return Measure.mean_of(self.atoms[:, 1].tolist(), "")

    def atoms_over(self, other: "Point") -> Measure:
        """By how much its share of atoms is above another's; the same prompts are resampled together."""
        return _difference(self.atoms[:, 0] - other.atoms[:, 0])

    def whole_over(self, other: "Point") -> Measure:
        """The same of whole prompts."""
        return _difference(self.atoms[:, 1] - other.atoms[:, 1])

    def to_json(self) -> dict[str, Any]:
        shares = by_category(self.truths)
        rows = {name: float(share) for name, share in zip(CATEGORIES, shares, strict=True) if share == share}
        asked = {"atoms": self.atoms_right.to_json(), "whole_prompts": self.whole_prompts.to_json()}
        return {OVERALL: self.measure.to_json(), **rows, **asked, "seconds": self.seconds}


def point(name: str, seconds: float, seen: Sequence[Sighting | None], scenes: Sequence[Scene]) -> Point:
    """What the pictures in which the inspector has `seen` this show of `scenes`."""
    answered = [answers(sighting, scene) for sighting, scene in zip(seen, scenes, strict=True)]
    truths = [[float(row[name]) if name in row else np.nan for name in CATEGORIES] for row in answered]
    return Point(name=name, seconds=seconds, truths=np.array(truths), atoms=am_and_gm(seen, scenes))


def _difference(by_prompt: np.ndarray) -> Measure:
    return Measure.resampled(lambda rows: float(by_prompt[rows].mean()), len(by_prompt), "")


def by_category(truths: np.ndarray) -> np.ndarray:
    """The share of right answers in each of `CATEGORIES`, NaN where there are none: float (categories,)."""
    asked = ~np.isnan(truths)
    right = np.where(asked, truths, 0).sum(0)
    return np.divide(right, asked.sum(0), out=np.full(len(CATEGORIES), np.nan), where=asked.any(0))


def overall(truths: np.ndarray) -> float:
    """The mean of the categories' shares, as in GenEval (Ghosh et al. 2023); `all_right` is not one."""
    shares = by_category(truths)[[name != ALL_RIGHT for name in CATEGORIES]]
    return float(np.nanmean(shares))
