"""The machine's measured peak: floating-point operations a second, for each kind of operation that models do.

Measured on large tensors, on which libraries do best, and on the shapes that were used, so that the peak of a
kind is never below what one of its operations reaches. Each time is the median of several.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from .arithmetic import ATTENTION, KINDS, PRODUCT, Operation, Tally
from .timing import Clock, wait_for_device

SLICE_S = 0.05
"""Seconds of each timing: long beside a clock tick and beside other processes' turns."""

TIMINGS = 3
SAMPLE = 24


def seconds_of(call: Callable[[], Any], *, clock: Clock) -> float:
    """How long one `call` takes: the median of some timings of many calls each."""
    call()
    once = _timed(call, 1, clock)
    many = max(1, int(SLICE_S / max(once, 1e-7)))
    return statistics.median(_timed(call, many, clock) for _ in range(TIMINGS))


@torch.inference_mode()
def seconds_alone(flops: Mapping[Operation, int], device: str, *, clock: Clock) -> dict[Operation, float]:
    """How long each takes alone, on tensors of its shapes.

    Of a function that has more than `SAMPLE` shapes (attention over ever longer rows), as many are timed; the
    others lie between them by their `flops`.
    """
    families: dict[Any, list[Operation]] = {}
    for operation in sorted(flops, key=lambda each: flops[each]):
        families.setdefault(operation.function, []).append(operation)
    found: dict[Operation, float] = {}
    for family in families.values():
        step = max(1.0, (len(family) - 1) / (SAMPLE - 1))
        timed = [family[round(i * step)] for i in range(min(SAMPLE, len(family)))]
        seconds = [seconds_of(operation.on(device), clock=clock) for operation in timed]
        sizes = [flops[operation] for operation in timed]
        between = np.interp([flops[operation] for operation in family], sizes, seconds)
        found |= dict(zip(family, map(float, between), strict=True))
        found |= dict(zip(timed, seconds, strict=True))
    return found


@torch.inference_mode()
def measured_peak(
    device: str, dtype: torch.dtype, *, used: Mapping[Operation, float], clock: Clock
) -> dict[str, float]:
    """Floating-point operations a second, by kind.

    Args:
        used: rates of operations that were timed alone; a peak is at least as high.
    """
    best: dict[str, float] = dict.fromkeys(KINDS, 0.0)
    for call in _large(device, dtype):
        with Tally() as tally:
            call()
        (operation,) = tally.calls
        best[operation.kind] = max(best[operation.kind], tally.flops / seconds_of(call, clock=clock))
    for operation, rate in used.items():
        best[operation.kind] = max(best[operation.kind], rate)
    best[ATTENTION] = max(best[ATTENTION], best[PRODUCT])  # products, too, with a softmax between them
    return best


def bandwidth(device: str, size_bytes: int, *, clock: Clock) -> float:
    """Bytes a second that the device reads of its memory, in a sum over `size_bytes`."""
    numbers = torch.ones(size_bytes // 4, device=device)
    return size_bytes / seconds_of(numbers.sum, clock=clock)


def _large(device: str, dtype: torch.dtype) -> Iterator[Callable[[], torch.Tensor]]:
    """Calls of each kind on large tensors, in the layouts that there are."""
    gpu = device.startswith("cuda")
    for n in (4096, 8192) if gpu else (512, 1024, 1536):
        left, right = (torch.randn(n, n, dtype=dtype, device=device) for _ in range(2))
        yield lambda left=left, right=right: left @ right
        if not gpu:  # oneDNN's products can be much quicker than those of the BLAS that torch takes by itself
            yield lambda left=left, right=right: torch.ops.mkldnn._linear_pointwise(
                left, right, None, "none", [], ""
            )
    for channels, side in ((320, 128), (640, 64)) if gpu else ((96, 64), (128, 32), (256, 32)):
        pictures = torch.randn(8, channels, side, side, dtype=dtype, device=device)
        kernel = torch.randn(channels, channels, 3, 3, dtype=dtype, device=device)
        for layout in (torch.contiguous_format, torch.channels_last):
            x, w = pictures.contiguous(memory_format=layout), kernel.contiguous(memory_format=layout)
            yield lambda x=x, w=w: torch.nn.functional.conv2d(x, w, padding=1)


def _timed(call: Callable[[], Any], times: int, clock: Clock) -> float:
    wait_for_device()
    started = clock()
    for _ in range(times):
        call()
    wait_for_device()
    return (clock() - started) / times
