"""Waves: many requests pass each stage before any passes the next. The one place where chain and memory meet.

A model is so loaded once a wave, not once a picture, and the candidates of all requests fill the same
micro-batches. How large a wave is, `execution_mode` decides; what it needs next, `waves.wave` says; and
`microbatch` carries out a stage. For requests that come while others are under way there is `desk`.
"""

import contextlib
import itertools
import time
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator
from typing import Any

from .chain import Chain
from .errors import InputError
from .execution_mode import ExecutionMode, WaveTiming, choose
from .guards.numerics import WORKSPACE, settle_workspace
from .guards.threads import Threads
from .guards.watchdog import PATIENCE_S, Watchdog
from .memory import DeviceMemory
from .microbatch import Batching, run_stage
from .repair import Aim, Flaw
from .stage import Stage
from .values import Draft, Failure, Outcome, Picture, Plan, Request
from .values.reference import likeness_of
from .values.setting import whole_number
from .watch import Quiet, Watcher
from .waves.request_state import RequestState
from .waves.wave import Wave


class Runner:
    """Carries requests through a chain.

    Args:
        chain: the stages.
        memory: where their models are leased.
        aim: says where a picture is to be mended; `None` for a chain that cannot begin with a picture, which
            makes no repairs.
        micro_batch: rows that a stage runs at once, at most; fewer where the memory budget says so.
        wave: requests under way at a time, at most.
        batch_invariant: the same bits whatever the neighbours, at the price of padding (see `Batching`).
        stall_s: seconds without progress after which a stage is said to hang (see `Watchdog`); 0 for never.
        clock: seconds.
    """

    def __init__(
        self,
        chain: Chain,
        memory: DeviceMemory,
        *,
        aim: Stage[Flaw, Aim] | None = None,
        micro_batch: int = 16,
        wave: int = 64,
        batch_invariant: bool = False,
        stall_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        for name, count in (("micro_batch", micro_batch), ("wave", wave)):
            if whole_number(name, count) < 1:
                raise InputError(f"{name} = {count}: must be at least 1")
        self.chain = chain
        self.memory = memory
        self.aim = aim
        self.wave = wave
        self.stall_s = stall_s
        self.batching = Batching(
            micro_batch=micro_batch,
            batch_invariant=batch_invariant,
            alike=shape_of,
            clock=clock,
            threads=Threads(steady=batch_invariant) if memory.device == "cpu" else None,
            watchdog=Watchdog(patience_s=stall_s) if stall_s else None,
        )
        if batch_invariant and memory.device.startswith("cuda") and not settle_workspace():
            memory.record("choose", note=f"CUDA was in use before {WORKSPACE} could be set: set it to :4096:8")

    def run(
        self, requests: Iterable[Request], *, watch: Watcher | None = None, in_order: bool = True
    ) -> Iterator[Outcome | Failure]:
        """Carry out `requests`, read a wave at a time.

        Args:
            in_order: results come in the order of the requests, each as soon as it and those before it are
                finished; else each as soon as it is.

        Returns:
            one Outcome or Failure for each request. A request fails only if none of its candidates was
            finished.

        Raises:
            MemoryBudgetError, CheckpointError: at once, before anything is loaded: a stage's models can never
                fit the budget, or cannot be found.
            Cancelled: while iterating: the watcher said so.
        """
        for uses in (*self.chain.uses_in_order(), *([self.aim.uses] if self.aim else [])):
            self.memory.check(uses)
        return self._in_turn(self._waves(iter(requests), watch or Quiet(), in_order=in_order))

    def _in_turn(self, results: Generator[Outcome | Failure]) -> Iterator[Outcome | Failure]:
        """The same, while no other thread works with the memory. Between two results others may."""
        with contextlib.closing(results):
            while True:
                with self.memory.turn:
                    result = next(results, None)
                if result is None:
                    return
                yield result

    def _waves(
        self, requests: Iterator[Request], watch: Watcher, *, in_order: bool
    ) -> Generator[Outcome | Failure]:
        ahead = list(itertools.islice(requests, 2))
        alone = len(ahead) == 1
        mode: ExecutionMode | None = None
        timing: WaveTiming | None = None
        while ahead:
            mode = self._choose(ahead[0], mode, alone=alone, timing=timing)
            ahead += itertools.islice(requests, max(0, mode.wave - len(ahead)))
            wave, ahead = ahead[: mode.wave], ahead[mode.wave :]
            with self.memory.log.part() as log:
                under_way = Wave(self.chain, self.aim, self.memory, self.batching.clock, wave)
                finished = self._finished(under_way, watch)
                for state in _in_order(finished, under_way.states) if in_order else finished:
                    assert state.result is not None, "a request that is finished has a result"
                    yield state.result
            timing = WaveTiming.of(log, len(wave))
            ahead = ahead or list(itertools.islice(requests, 1))

    def _finished(self, wave: Wave, watch: Watcher) -> Iterator[RequestState]:
        """Each request of a wave as soon as it is finished; every step of it is carried out at once."""
        how: dict[str, Any] = {"memory": self.memory, "batching": self.batching, "watch": watch}
        for steps in wave.passes():
            results: Any = None
            while True:
                try:
                    step = steps.send(results)
                except StopIteration as ended:
                    yield from ended.value
                    break
                results = run_stage(step.stage, step.values, label=step.label, **how)

    def _choose(
        self, request: Request, before: ExecutionMode | None, *, alone: bool, timing: WaveTiming | None
    ) -> ExecutionMode:
        """How to go on; written to the log where it differs from before."""
        mode = choose(
            self.chain,
            self.memory,
            request,
            micro_batch=self.batching.micro_batch,
            wave=self.wave,
            alone=alone,
            timing=timing,
        )
        if before is None or (mode.name, mode.wave) != (before.name, before.wave):
            self.memory.record("choose", rows=mode.wave, note=f"{mode.name}: {mode.reason}")
        return mode


def _in_order(finished: Iterable[RequestState], states: Iterable[RequestState]) -> Iterator[RequestState]:
    """The requests of a wave in their order, each as soon as it and those before it are finished."""
    waiting = deque(states)
    for _ in finished:
        while waiting and waiting[0].result is not None:
            yield waiting.popleft()


def shape_of(value: Any) -> Hashable:
    """What rows must share to go into one micro-batch: the size of their tensors, steps, guidance (which
    decides how many branches run), the scheduler, the LoRA weights they put on, what they start from, and how
    closely they take after references."""
    match value:
        case Picture():
            return tuple(value.pixels.shape)
        case Draft():
            return (*value.grid, shape_of(value.plan))
        case Plan():
            return shape_of(value.request)
        case Request():
            settings = value.settings
            return (
                value.height,
                value.width,
                settings.num_inference_steps,
                settings.guidance_scale,
                settings.scheduler,
                settings.draft_guidance_scale,
                settings.loras,
                value.start and value.start.likeness,
                likeness_of(value.references),
                *(each.likeness for each in value.controls),
            )
        case _:  # between two stages of a recipe's own
            plan = getattr(value, "plan", None)
            return None if plan is None else (shape_of(plan), getattr(value, "alike", None))
