"""How a batch is carried out: resident, in waves, or one by one; and why. Rows come out the same in each.

resident     all models and the work fit the budget together: nothing is ever loaded twice. A wave is one
             micro-batch, so that the first pictures come as early as may be.
waves        models take turns. Where micro-batches are full, the first wave is one of them; from what loading
             and working then took, the next are as large as makes loading a small share of the time. Where the
             budget makes micro-batches smaller, waves are large: small ones leave too many of them half empty.
one-by-one   there is one request, or all models fit but no stage runs more than one row at once.
"""

import dataclasses
import math
from typing import Literal

from .chain import Chain
from .dummy_values import dummy_values
from .memory import DeviceMemory, EventLog, format_bytes
from .microbatch import fitting_size
from .values import Request

LOADING_SHARE = 0.03
"""Of a wave's time, what waiting for models may be."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExecutionMode:
    """How the next requests are carried out.

    Args:
        wave: requests that pass a stage before any passes the next.
        reason: in words, with the numbers.
    """

    name: Literal["resident", "waves", "one-by-one"]
    wave: int
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class WaveTiming:
    """What the last wave took: `loading_s` waiting for models, `working_s` in stages, for so many requests."""

    loading_s: float
    working_s: float
    requests: int

    @classmethod
    def of(cls, log: EventLog, requests: int) -> "WaveTiming":
        """From the log of one wave."""
        return cls(
            loading_s=log.totals("lease").ms / 1000,
            working_s=log.totals("run").ms / 1000,
            requests=requests,
        )


def choose(
    chain: Chain,
    memory: DeviceMemory,
    request: Request,
    *,
    micro_batch: int,
    wave: int,
    alone: bool = False,
    timing: WaveTiming | None = None,
) -> ExecutionMode:
    """The mode for requests like `request`.

    Args:
        micro_batch: rows that a stage runs at once, at most.
        wave: requests under way at a time, at most.
        alone: there is no other request.
        timing: of the last wave, if there was one.
    """
    if alone:
        return ExecutionMode(name="one-by-one", wave=1, reason="there is one request")
    rows, least, work = _sizes(chain, memory, request, micro_batch)
    weights = memory.weight_bytes(key for uses in chain.uses_in_order() for key in uses)
    sizes = f"{format_bytes(weights)} of weights and {format_bytes(work)} of work"
    one = min(wave, micro_batch)
    if weights + work <= memory.budget_bytes:
        if rows == 1:
            return ExecutionMode(
                name="one-by-one", wave=1, reason=f"{sizes} fit at once, for one row at a time"
            )
        return ExecutionMode(name="resident", wave=one, reason=f"{sizes} fit at once")
    why = f"{sizes} do not fit {format_bytes(memory.budget_bytes)} at once"
    if least < micro_batch:
        return ExecutionMode(
            name="waves", wave=wave, reason=f"{why}, which leaves room for {least} at once in a stage"
        )
    if timing is None or not timing.working_s:
        return ExecutionMode(name="waves", wave=one, reason=f"{why}; nothing is measured yet")
    worth = timing.loading_s / LOADING_SHARE / (timing.working_s / timing.requests)
    size = min(wave, max(one, math.ceil(worth / micro_batch) * micro_batch))
    took = f"models took {timing.loading_s:.2f} s, work {timing.working_s:.2f} s, of {timing.requests} requests"
    return ExecutionMode(name="waves", wave=size, reason=f"{why}; {took}")


def _sizes(chain: Chain, memory: DeviceMemory, request: Request, micro_batch: int) -> tuple[int, int, int]:
    """The most rows that a stage takes at once, the fewest, and the most bytes that one sets aside for work."""
    values = dummy_values(request, chain.stages)
    rows, work = [1], 0
    for stage in chain.stages:
        if stage.takes not in values:
            continue
        value = values[stage.takes]
        size = fitting_size(stage, lambda n, value=value: [value] * n, micro_batch, memory=memory)
        declared = memory.work_of(stage, [value] * max(1, size))
        rows.append(max(1, size))
        work = max(work, memory.peaks.expected(stage.name, declared))
    return max(rows), min(rows[1:], default=1), work
