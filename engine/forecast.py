"""What a chain will do under a budget, found out by rehearsing it: the very leases that the runner would take,
with the very decisions of memory, on models that are never loaded."""

import dataclasses

from .chain import Chain
from .dummy_values import dummy_values
from .errors import MemoryBudgetError
from .execution_mode import ExecutionMode, choose
from .memory import DeviceMemory
from .microbatch import fitting_size
from .stage import AnyStage, ModelKey
from .values import Request


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a wave.

    Args:
        weights_bytes: of its models on the device.
        streamed: whether they are streamed.
        rows: of a micro-batch; 0 where not even one row fits.
        workspace_bytes: that is set aside for those rows, or that one row would take.
        loads, sends, evicts: models that are loaded when it begins, sent for while it works, and dropped.
        peak_bytes: weights and workspace on the device while it works.
        refusal: why it cannot be carried out, with the numbers; empty where it can.
    """

    name: str
    uses: tuple[ModelKey[object], ...]
    weights_bytes: int
    streamed: bool
    rows: int
    workspace_bytes: int
    loads: tuple[ModelKey[object], ...] = ()
    sends: tuple[ModelKey[object], ...] = ()
    evicts: tuple[ModelKey[object], ...] = ()
    peak_bytes: int = 0
    refusal: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a batch of many requests will do.

    Args:
        mode: how it begins; measured times may change the size of the later waves.
        first: the steps of the first wave, which finds the device empty.
        again: the steps of each later wave.
        weights_bytes: of all models together.
        least_bytes: the smallest budget with which every step can carry out one row.
        ample_bytes: the smallest budget with which all models stay and micro-batches are full.
    """

    mode: ExecutionMode
    first: tuple[Step, ...]
    again: tuple[Step, ...]
    weights_bytes: int
    least_bytes: int
    ample_bytes: int

    @property
    def fits(self) -> bool:
        return not any(step.refusal for step in self.first)

    @property
    def peak_bytes(self) -> int:
        """The most that will be accounted for at a time."""
        return max(step.peak_bytes for step in (*self.first, *self.again))


def forecast(
    chain: Chain,
    memory: DeviceMemory,
    request: Request,
    *,
    micro_batch: int = 16,
    wave: int = 64,
    previews: bool = False,
) -> Forecast:
    """What many requests like this one will do; loads nothing.

    Args:
        micro_batch, wave: as `Runner`.
        previews: whether drafts are judged by their previews.

    Raises:
        CheckpointError: a checkpoint is missing or damaged.
    """
    stand_in = memory.rehearsal()
    values = dummy_values(request, chain.stages)
    round_ = [(name, stage) for name, stage in chain.round(previews=previews) if stage.takes in values]
    waves: list[tuple[Step, ...]] = []
    for _ in range(2):
        stand_in.foresee([stage.uses for _, stage in round_] * 2)
        waves.append(
            tuple(_step(name, stage, values[stage.takes], stand_in, micro_batch) for name, stage in round_)
        )
    weights = memory.weight_bytes(key for uses in chain.uses_in_order() for key in uses)
    one, full = (_works(round_, values, memory, rows) for rows in (1, micro_batch))
    pairs = zip(round_, one, strict=True)
    return Forecast(
        mode=choose(chain, stand_in, request, micro_batch=micro_batch, wave=wave),
        first=waves[0],
        again=waves[1],
        weights_bytes=weights,
        least_bytes=max(memory.weight_bytes(stage.uses, streamed=True) + work for (_, stage), work in pairs),
        ample_bytes=weights + max(full),
    )


def _works(
    round_: list[tuple[str, AnyStage]], values: dict[type, object], memory: DeviceMemory, rows: int
) -> list[int]:
    """The workspace of each step for so many rows."""
    declared = ((name, memory.work_of(stage, [values[stage.takes]] * rows)) for name, stage in round_)
    return [memory.peaks.expected(name, size) for name, size in declared]


def _step(name: str, stage: AnyStage, value: object, memory: DeviceMemory, micro_batch: int) -> Step:
    """Take the lease of one micro-batch, and read in the log what that did."""
    rows = fitting_size(stage, lambda n: [value] * n, micro_batch, memory=memory, label=name)
    declared = memory.work_of(stage, [value] * max(1, rows))
    work = memory.peaks.expected(name, declared)
    streamed = work > memory.room_for_workspace(stage.uses)
    step = Step(
        name=name,
        uses=tuple(stage.uses),
        weights_bytes=memory.weight_bytes(stage.uses, streamed=streamed),
        streamed=streamed and memory.weight_bytes(stage.uses) > memory.weight_bytes(stage.uses, streamed=True),
        rows=rows,
        workspace_bytes=work,
    )
    try:
        with memory.log.part() as log, memory.lease(stage.uses, declared, stage=name):
            peak = memory.accounted_bytes
    except MemoryBudgetError as error:
        return dataclasses.replace(step, refusal=str(error))
    done = log.events
    return dataclasses.replace(
        step,
        loads=tuple(event.key for event in done if event.kind == "load" and event.key),
        sends=tuple(event.key for event in done if event.kind == "prefetch" and event.key),
        evicts=tuple(event.key for event in done if event.kind == "evict" and event.key),
        peak_bytes=peak,
    )
