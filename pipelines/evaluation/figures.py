"""Figures with their uncertainty: shares of counts, and measures over pictures. Knows not what was counted."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

Z95 = 1.959964  # standard deviations that hold 95 % of a normal distribution
RESAMPLES = 48


@dataclasses.dataclass(frozen=True)
class Share:
    """So many of so many, with the 95 % interval of Wilson (1927), which holds near 0 and 1 and for few."""

    count: int
    of: int

    def __post_init__(self) -> None:
        assert 0 <= self.count <= self.of, f"{self.count} of {self.of}"

    @classmethod
    def of_truths(cls, truths: Iterable[bool]) -> "Share":
        """How many of `truths` hold."""
        listed = list(truths)
        return cls(sum(listed), len(listed))

    @property
    def value(self) -> float:
        """From 0 to 1; NaN of none."""
        return self.count / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """From 0 to 1, low end and high end; everything is possible where nothing was counted."""
        if not self.of:
            return 0.0, 1.0
        n, p = self.of, self.value
        middle = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
        half = Z95 / (1 + Z95**2 / n) * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        if not self.of:
            return "none counted"
        low, high = self.interval
        return f"{self.count}/{self.of} = {self.value:.3f} [{low:.3f}, {high:.3f}]"

    def to_json(self) -> dict[str, Any]:
        low, high = self.interval
        value = round(self.value, 4) if self.of else None
        return {"value": value, "count": self.count, "of": self.of, "interval": [round(low, 4), round(high, 4)]}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measure:
    """A figure measured over pictures, with its 95 % interval (normal approximation)."""

    value: float
    half_width: float
    of: int
    unit: str

    @classmethod
    def mean_of(cls, values: Sequence[float], unit: str) -> "Measure":
        """The mean of one figure a picture; NaN of none, and an endless interval of fewer than two."""
        n = len(values)
        mean = math.fsum(values) / n if n else math.nan
        if n < 2:
            return cls(value=mean, half_width=math.inf, of=n, unit=unit)
        variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
        return cls(value=mean, half_width=Z95 * math.sqrt(variance / n), of=n, unit=unit)

    @classmethod
    def resampled(cls, statistic: Callable[[np.ndarray], float], n: int, unit: str) -> "Measure":
        """A figure of `n` pictures together; its interval is that of the bootstrap (Efron 1979).

        The spread of the resampled figures is used, and not their place: repeated pictures bias most figures.

        Args:
            statistic: the figure of the pictures with these indices, (n,), some of them repeated.
        """
        if n < 2:
            return cls(value=statistic(np.arange(n)) if n else math.nan, half_width=math.inf, of=n, unit=unit)
        rng = np.random.default_rng(0)
        drawn = [statistic(rng.integers(0, n, n)) for _ in range(RESAMPLES)]
        half_width = Z95 * float(np.std(drawn, ddof=1))
        return cls(value=statistic(np.arange(n)), half_width=half_width, of=n, unit=unit)

    def __str__(self) -> str:
        if not self.of:
            return "none measured"
        return f"{self.value:.3f} ± {self.half_width:.3f} {self.unit}"

    def to_json(self) -> dict[str, Any]:
        low, high = self.value - self.half_width, self.value + self.half_width
        bounded = math.isfinite(low)
        return {
            "value": round(self.value, 4) if self.of else None,
            "unit": self.unit,
            "of": self.of,
            "interval": [round(low, 4), round(high, 4)] if bounded else None,
        }


Figure = Share | Measure
