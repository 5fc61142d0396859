"""How much of the time that streamed weights take to come to the device is hidden behind the work on them."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import torch

from ...engine.errors import DiptychError
from ...engine.memory import DeviceMemory
from ...engine.microbatch import Batching, Failed, run_stage
from ...engine.models.registry import Registry
from .peak import seconds_of
from .timing import Clock, run_in_pairs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Overlap:
    """One stage on one micro-batch, both ways.

    Args:
        overlap: share of `copying_s` that did not lengthen the stage, 0 to 1.
        copying_s: what the streamed bytes take from the host's memory when nothing else is done.
    """

    overlap: float
    resident_s: float
    streamed_s: float
    copying_s: float
    streamed_bytes: float
    budget_bytes: int
    rows: int


def overlap_of(stage: Any, values: Sequence[Any], *, device: str, repeats: int, clock: Clock) -> Overlap:
    """Time `stage` on `values` with all weights there, and with those streamed that can be.

    The budget of the latter is the least that holds the same micro-batch.

    Raises:
        DiptychError: a row fails, or nothing of the stage's models can be streamed.
    """
    free = DeviceMemory(Registry(), device=device)
    budget = free.weight_bytes(stage.uses, streamed=True) + stage.workspace(values)
    if budget >= free.weight_bytes(stage.uses) + stage.workspace(values):
        raise DiptychError(f"stage {stage.name!r}: none of its models can be streamed")
    tight = DeviceMemory(Registry(), device=device, budget_bytes=budget)
    resident = functools.partial(_run, stage, values, free)
    streamed = functools.partial(_run, stage, values, tight)
    for warm_up in (resident, streamed):
        warm_up()
    with tight.log.part() as log:
        streamed()
    sent = log.totals("stream").bytes
    paired = run_in_pairs({"resident": resident, "streamed": streamed}, repeats=repeats, clock=clock)
    copying = sent / host_bandwidth(device, clock=clock)
    longer = max(0.0, paired.median("streamed") - paired.median("resident"))
    return Overlap(
        overlap=max(0.0, 1 - longer / copying) if copying else 0.0,
        resident_s=paired.median("resident"),
        streamed_s=paired.median("streamed"),
        copying_s=copying,
        streamed_bytes=sent,
        budget_bytes=budget,
        rows=len(values),
    )


def host_bandwidth(device: str, size_bytes: int = 2**26, *, clock: Clock) -> float:
    """Bytes a second that come to the device from the host's memory, pinned where the device is a GPU."""
    there = torch.empty(size_bytes, dtype=torch.uint8, device=device)
    here = torch.ones(size_bytes, dtype=torch.uint8, pin_memory=device.startswith("cuda"))
    return size_bytes / seconds_of(lambda: there.copy_(here, non_blocking=True), clock=clock)


def _run(stage: Any, values: Sequence[Any], memory: DeviceMemory) -> None:
    for result in run_stage(stage, values, memory=memory, batching=Batching(micro_batch=len(values))):
        if isinstance(result, Failed):
            raise DiptychError(f"{stage.name}: {result.reason}")
