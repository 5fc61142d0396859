"""Paired runs: rivals do the same work by turns in one process, and the ratio of each pair is reported.

A machine that others use is slower at one time than at another; both halves of a pair meet the same of it.
Where that is not enough, the clock can count the time that the processor spent on this process alone.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Clock = Callable[[], float]

CLOCKS: Mapping[str, Clock] = {"wall": time.perf_counter, "processor": time.process_time}
"""Seconds that went by; seconds that processors spent on this process (all its threads together)."""


@dataclasses.dataclass(frozen=True)
class Ratio:
    """The median of the pairs' ratios, and the least and greatest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Ratio":
        return cls(statistics.median(values), min(values), max(values))

    @property
    def spread(self) -> list[float]:
        """[least, greatest]."""
        return [self.low, self.high]

    def __str__(self) -> str:
        return f"{self.low:.2f} to {self.high:.2f}"


@dataclasses.dataclass(frozen=True)
class Paired:
    """Seconds of each rival's runs, and what its last run returned."""

    seconds: Mapping[str, Sequence[float]]
    results: Mapping[str, Any]

    def ratio(self, slow: str, fast: str) -> Ratio:
        """How many times as long as `fast` took `slow`, pair by pair."""
        pairs = zip(self.seconds[slow], self.seconds[fast], strict=True)
        return Ratio.of([one / max(other, 1e-9) for one, other in pairs])

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])


def run_in_pairs(rivals: Mapping[str, Callable[[], Any]], *, repeats: int, clock: Clock) -> Paired:
    """Let each rival run `repeats` times, in an order that moves on by one with every repeat.

    The caller warms up.
    """
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    results: dict[str, Any] = {}
    names = list(rivals)
    for i in range(repeats):
        shift = i % len(names)
        for name in names[shift:] + names[:shift]:
            wait_for_device()
            started = clock()
            results[name] = rivals[name]()
            wait_for_device()
            seconds[name].append(clock() - started)
    return Paired(seconds, results)


def wait_for_device() -> None:
    """Until a GPU, where there is one, has done what it was given."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
