"""What stages' work takes at most, against what they declare: measured where the device can tell.

A stage declares its workspace before it runs, from shapes alone. How much of it a device really needs depends
on its kernels, so where the peak can be measured, the declaration is scaled by what the largest micro-batch so
far took.
"""

import math
from typing import Protocol

from .account import ACCELERATORS, asked

MARGIN = 1.05
"""Peaks vary a little with the values; allocators round up."""


class MemoryProbe(Protocol):
    """Measures how much memory is allocated on the device at most."""

    def begin(self) -> None:
        """Measure from here on."""
        ...

    def peak(self) -> int | None:
        """Bytes allocated at most since `begin`, beyond what was then; `None` where nobody can tell."""
        ...


class NoGauge:
    """For a device that keeps no account, as the CPU: what stages declare stands."""

    def begin(self) -> None:
        return None

    def peak(self) -> int | None:
        return None


class CudaGauge:
    """Asks torch's allocator. Its account is kept as tensors are made: nothing is waited for."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._before = 0

    def begin(self) -> None:
        import torch

        torch.cuda.reset_peak_memory_stats(self._device)
        self._before = torch.cuda.memory_allocated(self._device)

    def peak(self) -> int | None:
        import torch

        return torch.cuda.max_memory_allocated(self._device) - self._before


class AcceleratorGauge:
    """Asks `torch.accelerator`, where it tells."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._before: int | None = None

    def begin(self) -> None:
        self._before = asked("memory_allocated", self._device)
        if self._before is not None:
            asked("reset_peak_memory_stats", self._device)

    def peak(self) -> int | None:
        most = asked("max_memory_allocated", self._device)
        return None if most is None or self._before is None else most - self._before


def gauge_of(device: str) -> MemoryProbe:
    """What measures on this device."""
    if device.startswith(ACCELERATORS):
        return AcceleratorGauge(device)
    return CudaGauge(device) if device.startswith("cuda") else NoGauge()


class Peaks:
    """What is known of each stage, by the name that it goes by in the log. All amounts are bytes."""

    def __init__(self) -> None:
        self._largest: dict[str, tuple[int, int]] = {}  # what was declared and measured

    def expected(self, stage: str, declared: int) -> int:
        """What work that declares so much will take."""
        before, measured = self._largest.get(stage, (0, 0))
        return math.ceil(declared * measured / before * MARGIN) if before else declared

    def note(self, stage: str, declared: int, measured: int) -> None:
        """Work went well. The largest tells most: of a small one, much is the same for any number of rows."""
        before, peak = self._largest.get(stage, (0, 0))
        if declared > 0 and declared >= before:
            self._largest[stage] = (declared, max(measured, peak) if declared == before else measured)
