"""The budget and the leases.

This file knows bytes, leases and who is used next; what a model *is* it leaves to its `Loader`. The budget is
kept in plain arithmetic over byte counts, before anything is allocated: the same code runs on a CPU, on a GPU
and on the fake device of the tests.

The host keeps the master of all weights (the loader's business), and weights never change, so evicting a model
means dropping its device copy: nothing is copied back. What is evicted is what the chain needs again last
(`eviction.py`), and what it needs next is sent for while the present work runs, into room that nobody needs
sooner.

A `DeviceMemory` serves one thread at a time: whoever works with it holds its `turn`, and others wait.
"""

import contextlib
import gc
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from types import MappingProxyType
from typing import Unpack, cast

from ..errors import MemoryBudgetError
from ..stage import AnyStage, ModelKey, Models
from . import allocator
from .account import Account, Budget, account_of
from .ceilings import Ceilings
from .dry_run_loader import DryRunLoader
from .eviction import choose_victims, spare_at
from .lease_plan import LeasePlan
from .loader import Loader
from .log import Event, EventFields, EventKind, EventLog
from .memory_probe import MemoryProbe, Peaks, gauge_of
from .residents import Residents
from .sizes import Sizes
from .units import format_bytes


class DeviceMemory:
    """Weights and workspace of one device under one budget.

    Args:
        loader: where models come from.
        device: a torch device, as text.
        budget_bytes: at most this much is accounted for at any moment; `None` for what is free on the device,
            less a margin, or on a CPU for no limit.
        gauge: measures what work takes; the device's own, if not given.
        account: of the device's memory; its own, if not given.
        clock: seconds, for the events.
    """

    def __init__(
        self,
        loader: Loader,
        *,
        device: str = "cpu",
        budget_bytes: int | None = None,
        gauge: MemoryProbe | None = None,
        account: Account | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.device = device
        self.on_cpu = device == "cpu"
        self.turn = threading.RLock()
        self.log = EventLog()
        self.peaks = Peaks()
        self.ceilings = Ceilings()
        self.work_bytes = 0  # what the last lease's work took at its peak; 0 where nobody can tell
        self._account = account or account_of(device)
        self._budget = Budget(budget_bytes, self._account)
        self._loader = loader
        self._sizes = Sizes(loader, device)
        self._residents = Residents(loader, self._sizes, device=device, record=self.record, clock=clock)
        self._gauge = gauge or gauge_of(device)
        self._clock = clock
        self._leases: Counter[ModelKey[object]] = Counter()
        self._workspace_bytes = 0
        self._turn = 0  # leases so far
        self._lease_plan = LeasePlan()

    # What there is

    @property
    def given_bytes(self) -> int | None:
        """The budget that was given; `None` for none."""
        return self._budget.given

    @property
    def budget_bytes(self) -> int:
        """The budget, as it was given or last counted; `sys.maxsize` for no limit."""
        return self._budget.bytes

    @property
    def limit(self) -> str:
        """The budget in words, and where it comes from."""
        return str(self._budget)

    def count_again(self) -> None:
        """Ask the device what is free, where no budget is given: before each micro-batch, for others use it,
        too. What is leased stays so, even if it is more than the budget now."""
        self._budget.count(self.accounted_bytes)

    @property
    def resident(self) -> tuple[ModelKey[object], ...]:
        """The models on the device or on their way to it; the least recently leased first, the latter last."""
        return self._residents.keys

    @property
    def streams_freely(self) -> bool:
        """The masters are near; over a bus, models are streamed only where nothing else fits."""
        return self.on_cpu

    @property
    def leased(self) -> frozenset[ModelKey[object]]:
        """The models that may not be evicted now."""
        return frozenset(+self._leases)

    @property
    def resident_bytes(self) -> int:
        """Weights on the device or on their way to it."""
        return self._residents.bytes

    @property
    def accounted_bytes(self) -> int:
        """Weights on the device and the workspace of the leases held; never above the budget."""
        return self.resident_bytes + self._workspace_bytes

    @property
    def peak_bytes(self) -> int:
        """The most that was accounted for at a time so far."""
        return self.log.peak_bytes

    def weight_bytes(self, keys: Iterable[ModelKey[object]], *, streamed: bool = False) -> int:
        """The weights of these models together, each piece counted once; loads nothing.

        Args:
            streamed: what they take while those that can be are streamed.
        """
        distinct = frozenset(keys)
        return self._sizes.together(distinct, distinct if streamed else ())

    def room_for_workspace(self, uses: Iterable[ModelKey[object]], *, streamed: bool = False) -> int:
        """Bytes left for workspace if all but `uses` and what is leased were evicted; negative where even the
        weights are too much.

        Args:
            streamed: whether `uses` are streamed, as far as they can be.
        """
        wanted = frozenset(uses)
        forms = self._residents.streamed & self.leased | (wanted - self.leased if streamed else frozenset())
        return self.budget_bytes - self._sizes.together(self.leased | wanted, forms) - self._workspace_bytes

    def work_of(self, stage: AnyStage, batch: Sequence[object]) -> int:
        """Bytes of workspace that a stage declares for `batch` on this device."""
        beside = getattr(stage, "cpu_workspace", None) if self.on_cpu else None
        return stage.workspace(batch) + (beside() if beside is not None else 0)

    def check(self, uses: Sequence[ModelKey[object]], workspace_bytes: int = 0) -> None:
        """Whether a lease can be had, without loading anything.

        Raises:
            MemoryBudgetError: not even with everything else evicted, and what can be streamed streamed.
        """
        room = self.room_for_workspace(uses, streamed=True)
        if workspace_bytes <= room:
            return
        names = ", ".join(key.checkpoint for key in dict.fromkeys(uses)) or "the stage"
        weights = self.weight_bytes(uses, streamed=True)
        held = self.budget_bytes - room - weights
        raise MemoryBudgetError(_refusal(names, self.budget_bytes, weights, workspace_bytes, held))

    def rehearsal(self) -> "DeviceMemory":
        """The same budget and measured peaks, on an empty device on which nothing is ever really loaded."""
        self.count_again()
        loader = DryRunLoader(self._loader, device=self.device)
        memory = DeviceMemory(loader, device="rehearsal", budget_bytes=self.budget_bytes)
        memory.peaks, memory.ceilings, memory.on_cpu = self.peaks, self.ceilings, self.on_cpu
        return memory

    # Leases

    def foresee(self, uses: Sequence[Iterable[ModelKey[object]]]) -> None:
        """Say which leases are to come, in order; replaces what was said before. A lease may be had several
        times in a row (micro-batches), or not at all; none of it is a promise."""
        self._lease_plan = LeasePlan(uses)
        self._residents.plan_anew()

    @contextlib.contextmanager
    def lease(
        self, uses: Sequence[ModelKey[object]], workspace_bytes: int = 0, *, stage: str = ""
    ) -> Generator[Models]:
        """Load and lock `uses`, and set workspace aside, until the block is left, however it is left.

        Args:
            workspace_bytes: what `stage` declares; what it was measured to take of that is set aside.

        Raises:
            MemoryBudgetError: it cannot fit, whatever is evicted; nothing was loaded or evicted.
        """
        started = self._clock()
        keys = tuple(dict.fromkeys(uses))
        expected = self.peaks.expected(stage, workspace_bytes)
        self.check(keys, expected)
        if self._lease_plan.arrive_at(frozenset(keys)):
            self._residents.plan_anew()
        self._take_forms(keys, expected, stage)
        self._make_room(keys, expected, stage)
        self._leases.update(keys)
        self._workspace_bytes += expected
        handles: dict[ModelKey[object], object] = {}
        try:
            for key in keys:
                handles[key] = self._residents.bring(key, stage)
            ms = (self._clock() - started) * 1000
            self.record("lease", stage=stage, bytes=expected, ms=ms)
            self._look_ahead(stage)
            turn = self._turn = self._turn + 1
            self._gauge.begin()
            with self._residents.streaming(keys, stage):
                yield cast(Models, MappingProxyType(handles))  # a handle is of its key's type
            if turn == self._turn:  # else a lease within this one has measured, and for itself
                self._measure(stage, workspace_bytes)
        finally:
            handles.clear()  # whoever keeps the mapping must not keep an evicted model alive
            self._workspace_bytes -= expected
            self._leases.subtract(keys)

    def _take_forms(self, keys: Sequence[ModelKey[object]], workspace_bytes: int, stage: str) -> None:
        """Settle which of `keys` are streamed: those that are already, or else, where they do not fit whole,
        all that can be. A model that is on the device whole goes then."""
        fresh, streamed = frozenset(keys) - self.leased, self._residents.streamed
        others, forms = streamed - fresh, streamed & fresh.intersection(self.resident)
        most = self.budget_bytes - self._workspace_bytes - workspace_bytes
        if self._sizes.together(self.leased.union(keys), others | forms) > most:
            whole = frozenset(key for key in fresh - forms if self._sizes.can_stream(key))
            for key in whole.intersection(self.resident):
                self._residents.evict(key, stage)
            forms |= whole
        self._residents.streamed = others | forms

    def _make_room(self, keys: Sequence[ModelKey[object]], workspace_bytes: int, stage: str) -> None:
        victims = self._victims(self._idle(but=keys), keys, workspace_bytes)
        assert victims is not None, "what was checked fits"
        for victim in victims:
            self._residents.evict(victim, stage)
        self._make_ready(keys)

    def _make_ready(self, keys: Sequence[ModelKey[object]]) -> None:
        there = self.resident
        self._budget.make_ready(self._residents.together((*there, *keys)) - self._residents.together(there))

    def _measure(self, stage: str, declared_bytes: int) -> None:
        """The work of a lease has gone well: remember what it took."""
        measured = self._gauge.peak()
        self.work_bytes = measured or 0
        if measured is not None:
            self.peaks.note(stage, declared_bytes, measured)

    # Ahead of time

    def _look_ahead(self, stage: str) -> None:
        """Send for the models that are foreseen next, into room that is free or would be made anyway."""
        for distance, uses in self._lease_plan:
            for key in sorted(uses.difference(self.resident)):
                if not (self._residents.may_send_for(key) and self._send_for(key, distance, stage)):
                    return

    def _send_for(self, key: ModelKey[object], distance: int, stage: str) -> bool:
        """Whether a model that is wanted so many leases from now is on its way."""
        if key in self._residents.streamed:  # as it was last; whole, there would be no room for the work
            return False
        spare = spare_at(distance, self._idle(), resident=self.resident, plan=self._lease_plan)
        victims = self._victims(spare, [key], 0)
        if victims is None:
            return False
        for victim in victims:
            self._residents.evict(victim, stage)
        self._make_ready([key])
        return self._residents.send_for(key, stage)

    # Eviction

    def _idle(self, *, but: Iterable[ModelKey[object]] = ()) -> list[ModelKey[object]]:
        spared = self.leased.union(but)
        return [key for key in self.resident if key not in spared]

    def _victims(
        self, candidates: Sequence[ModelKey[object]], wanted: Sequence[ModelKey[object]], workspace_bytes: int
    ) -> list[ModelKey[object]] | None:
        """Which of `candidates` to evict so that `wanted` and a workspace fit; `None` where all are too few."""
        return choose_victims(
            candidates,
            (*self.resident, *wanted),
            most_bytes=self.budget_bytes - self._workspace_bytes - workspace_bytes,
            together=self._residents.together,
            plan=self._lease_plan,
        )

    def evict_idle(self, *, but: Iterable[ModelKey[object]] = ()) -> int:
        """Evict all models that are not leased, save `but`. Returns the bytes of weights that this freed."""
        before = self.resident_bytes
        for key in self._idle(but=but):
            self._residents.evict(key, "")
        return before - self.resident_bytes

    def release_all(self) -> None:
        """Evict everything that is not leased and hand what was cached back to the device."""
        self.evict_idle()
        self.collect()

    def collect(self) -> None:
        """Hand what is no longer referred to back to the device, and what the host's allocator keeps to the
        system: after an out-of-memory error, say."""
        gc.collect()
        self._account.give_back()
        allocator.hand_back()

    # The log

    @property
    def events(self) -> list[Event]:
        """The last events of the log; what all of them add up to, `log` has."""
        return self.log.events

    def record(self, kind: EventKind, /, **fields: Unpack[EventFields]) -> None:
        """Write down what was done, with what is accounted for now."""
        weights = self.resident_bytes
        event = Event(kind=kind, **fields, resident_bytes=weights, workspace_bytes=self._workspace_bytes)
        self.log.add(event)


def _refusal(names: str, budget: int, weights: int, workspace: int, held: int) -> str:
    """Why a lease cannot be had, and what to do; all but `names` are bytes."""
    needed = weights + workspace + held
    return (
        f"{names} cannot fit the memory budget of {format_bytes(budget)}:"
        f" {format_bytes(weights)} of weights + {format_bytes(workspace)} of workspace"
        + (f" + {format_bytes(held)} leased by others" if held else "")
        + f"; allow at least {format_bytes(needed, up=True)}, or choose a recipe with smaller models"
        + (" or a smaller picture" if workspace else "")
    )
