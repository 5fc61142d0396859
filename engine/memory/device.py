"""The budget and the leases.

This file knows bytes, leases and who is used next; what a model *is* it leaves to its `Loader`. The budget is
kept in plain arithmetic over byte counts, before anything is allocated: the same code runs on a CPU, on a GPU
and on the fake device of the tests.

The host keeps the master of all weights (the loader's business), and weights never change, so evicting a model
means dropping its device copy: nothing is copied back. What is evicted is what the chain needs again last
(Belady, "A study of replacement algorithms for a virtual-storage computer", 1966), and what it needs next is
sent for while the present work runs, into room that nobody needs sooner.

A `DeviceMemory` belongs to one thread.
"""

import contextlib
import gc
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import MappingProxyType
from typing import Any

from ..errors import MemoryBudgetError
from ..stage import ModelKey, Models
from .dry_run_loader import DryRunLoader
from .lease_plan import LeasePlan
from .loader import Loader
from .log import Event, EventKind
from .memory_probe import MemoryProbe, Peaks, gauge_of
from .sizes import Sizes
from .units import format_bytes

_log = logging.getLogger(__name__)


class DeviceMemory:
    """Weights and workspace of one device under one budget.

    Args:
        loader: where models come from.
        device: a torch device, as text.
        budget_bytes: at most this much is accounted for at any moment; `None` sets no limit.
        gauge: measures what work takes; the device's own, if not given.
        clock: seconds, for the events.
    """

    def __init__(
        self,
        loader: Loader,
        *,
        device: str = "cpu",
        budget_bytes: int | None = None,
        gauge: MemoryProbe | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.device = device
        self.streams_freely = device == "cpu"  # the masters are near; over a bus, only where nothing else fits
        self.budget_bytes = sys.maxsize if budget_bytes is None else budget_bytes
        self.events: list[Event] = []
        self.peaks = Peaks()
        self.peak_bytes = 0  # the most that was accounted for so far
        self.work_bytes = 0  # what the last lease's work took at its peak; 0 where nobody can tell
        self._loader = loader
        self._sizes = Sizes(loader)
        self._gauge = gauge or gauge_of(device)
        self._clock = clock
        self._handles: dict[ModelKey, Any] = {}  # on the device; the least recently leased first
        self._arriving: dict[ModelKey, Callable[[], Any]] = {}  # sent for, not leased since
        self._in_vain: set[ModelKey] = set()  # sent for and evicted before they were leased
        self._streamed: frozenset[ModelKey] = frozenset()  # in whose form they are on the device, or were last
        self._leases: Counter[ModelKey] = Counter()
        self._workspace_bytes = 0
        self._turn = 0  # leases so far
        self._foresight = LeasePlan()

    # What there is

    @property
    def resident(self) -> tuple[ModelKey, ...]:
        """The models on the device or on their way to it; the least recently leased first, the latter last."""
        return (*self._handles, *self._arriving)

    @property
    def leased(self) -> frozenset[ModelKey]:
        """The models that may not be evicted now."""
        return frozenset(+self._leases)

    @property
    def resident_bytes(self) -> int:
        """Weights on the device or on their way to it."""
        return self._sizes.together(self.resident, self._streamed)

    @property
    def accounted_bytes(self) -> int:
        """Weights on the device and the workspace of the leases held; never above the budget."""
        return self.resident_bytes + self._workspace_bytes

    def weight_bytes(self, keys: Iterable[ModelKey], *, streamed: bool = False) -> int:
        """The weights of these models together, each piece counted once; loads nothing.

        Args:
            streamed: what they take while those that can be are streamed.
        """
        distinct = frozenset(keys)
        return self._sizes.together(distinct, distinct if streamed else ())

    def room_for_workspace(self, uses: Iterable[ModelKey], *, streamed: bool = False) -> int:
        """Bytes left for workspace if all but `uses` and what is leased were evicted; negative where even the
        weights are too much.

        Args:
            streamed: whether `uses` are streamed, as far as they can be.
        """
        wanted = frozenset(uses)
        forms = self._streamed & self.leased | (wanted - self.leased if streamed else frozenset())
        return self.budget_bytes - self._sizes.together(self.leased | wanted, forms) - self._workspace_bytes

    def check(self, uses: Sequence[ModelKey], workspace_bytes: int = 0) -> None:
        """Whether a lease can be had, without loading anything.

        Raises:
            MemoryBudgetError: not even with everything else evicted, and what can be streamed streamed.
        """
        room = self.room_for_workspace(uses, streamed=True)
        if workspace_bytes <= room:
            return
        weights = self.weight_bytes(uses, streamed=True)
        needed = self.budget_bytes - room + workspace_bytes
        held = needed - weights - workspace_bytes
        raise MemoryBudgetError(
            f"{', '.join(key.checkpoint for key in dict.fromkeys(uses)) or 'the stage'} cannot fit the memory"
            f" budget of {format_bytes(self.budget_bytes)}: {format_bytes(weights)} of weights"
            f" + {format_bytes(workspace_bytes)} of workspace"
            + (f" + {format_bytes(held)} leased by others" if held else "")
            + f"; allow at least {format_bytes(needed, up=True)}, or choose a recipe with smaller models"
            + (" or a smaller picture" if workspace_bytes else "")
        )

    def rehearsal(self) -> "DeviceMemory":
        """The same budget and measured peaks, on an empty device on which nothing is ever really loaded."""
        loader = DryRunLoader(self._loader, ahead=self.device.startswith("cuda"))
        memory = DeviceMemory(loader, device="rehearsal", budget_bytes=self.budget_bytes)
        memory.peaks, memory.streams_freely = self.peaks, self.streams_freely
        return memory

    # Leases

    def foresee(self, uses: Sequence[Iterable[ModelKey]]) -> None:
        """Say which leases are to come, in order; replaces what was said before. A lease may be had several
        times in a row (micro-batches), or not at all; none of it is a promise."""
        self._foresight = LeasePlan(uses)
        self._in_vain.clear()

    @contextlib.contextmanager
    def lease(self, uses: Sequence[ModelKey], workspace_bytes: int = 0, *, stage: str = "") -> Iterator[Models]:
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
        if self._foresight.arrive_at(frozenset(keys)):
            self._in_vain.clear()
        self._take_forms(keys, expected, stage)
        self._make_room(keys, expected, stage)
        self._leases.update(keys)
        self._workspace_bytes += expected
        handles: dict[ModelKey, Any] = {}
        try:
            for key in keys:
                handles[key] = self._bring(key, stage)
            ms = (self._clock() - started) * 1000
            self.record("lease", stage=stage, bytes=expected, ms=ms)
            self._look_ahead(stage)
            turn = self._turn = self._turn + 1
            self._gauge.begin()
            with self._streaming(keys, stage):
                yield MappingProxyType(handles)
            if turn == self._turn:  # else a lease within this one has measured, and for itself
                self._measure(stage, workspace_bytes)
        finally:
            handles.clear()  # whoever keeps the mapping must not keep an evicted model alive
            self._workspace_bytes -= expected
            self._leases.subtract(keys)

    def _take_forms(self, keys: Sequence[ModelKey], workspace_bytes: int, stage: str) -> None:
        """Settle which of `keys` are streamed: those that are already, or else, where they do not fit whole,
        all that can be. A model that is on the device whole goes then."""
        fresh = frozenset(keys) - self.leased
        others = self._streamed - fresh
        forms = self._streamed & fresh.intersection(self.resident)
        most = self.budget_bytes - self._workspace_bytes - workspace_bytes
        if self._sizes.together(self.leased.union(keys), others | forms) > most:
            whole = frozenset(key for key in fresh - forms if self._sizes.can_stream(key))
            for key in whole.intersection(self.resident):
                self._evict(key, stage)
            forms |= whole
        self._streamed = others | forms

    @contextlib.contextmanager
    def _streaming(self, keys: Sequence[ModelKey], stage: str) -> Iterator[None]:
        """Tell, after the work, what came and went meanwhile."""
        before = {key: self._loader.brought(key) for key in self._streamed.intersection(keys)}
        yield
        for key, (count, seconds) in before.items():
            now, until = self._loader.brought(key)
            if now > count:
                self.record("stream", key=key, stage=stage, bytes=now - count, ms=(until - seconds) * 1000)

    def _make_room(self, keys: Sequence[ModelKey], workspace_bytes: int, stage: str) -> None:
        victims = self._victims(self._idle(but=keys), keys, workspace_bytes)
        assert victims is not None, "what was checked fits"
        for victim in victims:
            self._evict(victim, stage)

    def _bring(self, key: ModelKey, stage: str) -> Any:
        if key in self._handles:
            handle = self._handles[key] = self._handles.pop(key)  # now the most recently leased
            return handle
        arrival = self._arriving.pop(key, None)
        started = self._clock()
        before = self.resident_bytes
        try:
            streamed = key in self._streamed
            handle = arrival() if arrival else self._loader.load(key, self.device, streamed=streamed)
        except BaseException:
            self._loader.unload(key)
            raise
        self._handles[key] = handle
        if not arrival:
            ms = (self._clock() - started) * 1000
            self.record("load", key=key, stage=stage, bytes=self.resident_bytes - before, ms=ms)
        return handle

    def _measure(self, stage: str, declared_bytes: int) -> None:
        """The work of a lease has gone well: remember what it took."""
        measured = self._gauge.peak()
        self.work_bytes = measured or 0
        if measured is not None:
            self.peaks.note(stage, declared_bytes, measured)

    # Ahead of time

    def _look_ahead(self, stage: str) -> None:
        """Send for the models that are foreseen next, into room that is free or would be made anyway."""
        for distance, uses in self._foresight:
            for key in sorted(uses.difference(self.resident)):
                if key in self._in_vain or not self._loader.can_load_ahead(key, self.device):
                    return
                if not self._send_for(key, distance, stage):
                    return

    def _send_for(self, key: ModelKey, distance: int, stage: str) -> bool:
        """Whether a model that is wanted so many leases from now is on its way."""
        if key in self._streamed:  # as it was last; whole, there would be no room for the work
            return False
        victims = self._victims(self._spare_at(distance), [key], 0)
        if victims is None:
            return False
        started = self._clock()
        for victim in victims:
            self._evict(victim, stage)
        before = self.resident_bytes
        try:
            self._arriving[key] = self._loader.load_ahead(key, self.device)
        except Exception:  # whatever it is, it is told when the model is leased, to whom it concerns
            _log.debug("%s could not be sent for", key, exc_info=True)
            self._loader.unload(key)
            self._in_vain.add(key)
            return False
        ms = (self._clock() - started) * 1000
        self.record("prefetch", key=key, stage=stage, bytes=self.resident_bytes - before, ms=ms)
        return True

    def _spare_at(self, distance: int) -> list[ModelKey]:
        """The idle models that a lease so far away would evict first: they are not wanted before it, and of
        what is here now nothing is wanted later. To evict them now costs no load that would not be anyway."""
        foresight = self._foresight
        unwanted = [key for key in self._idle() if foresight.next_use(key) > distance]
        others = (key for key in self.resident if key not in unwanted)
        last = max((foresight.next_use(key, after=distance) for key in others), default=0)
        return [key for key in unwanted if foresight.next_use(key) >= last]

    # Eviction

    def _idle(self, *, but: Iterable[ModelKey] = ()) -> list[ModelKey]:
        spared = self.leased.union(but)
        return [key for key in self.resident if key not in spared]

    def _victims(
        self, candidates: Sequence[ModelKey], wanted: Sequence[ModelKey], workspace_bytes: int
    ) -> list[ModelKey] | None:
        """Which of `candidates` to evict so that `wanted` and a workspace fit; `None` where all are not enough.

        What is wanted again last goes first; among equals, what was leased longest ago. What need not go after
        all, since a larger one had to follow, stays.
        """
        staying = {*self.resident, *wanted}
        most = self.budget_bytes - self._workspace_bytes - workspace_bytes

        def taken(keys: Iterable[ModelKey]) -> int:
            return self._sizes.together(keys, self._streamed)

        victims: list[ModelKey] = []
        for victim in sorted(candidates, key=self._foresight.next_use, reverse=True):
            if taken(staying) <= most:
                break
            staying.remove(victim)
            victims.append(victim)
        if taken(staying) > most:
            return None
        for victim in reversed(victims):
            if taken({*staying, victim}) <= most:
                staying.add(victim)
        return [victim for victim in victims if victim not in staying]

    def _evict(self, key: ModelKey, stage: str = "") -> None:
        started = self._clock()
        before = self.resident_bytes
        if self._arriving.pop(key, None):
            self._in_vain.add(key)
        else:
            del self._handles[key]
        self._loader.unload(key)
        ms = (self._clock() - started) * 1000
        self.record("evict", key=key, stage=stage, bytes=before - self.resident_bytes, ms=ms)

    def evict_idle(self, *, but: Iterable[ModelKey] = ()) -> int:
        """Evict all models that are not leased, save `but`. Returns the bytes of weights that this freed."""
        before = self.resident_bytes
        for key in self._idle(but=but):
            self._evict(key)
        return before - self.resident_bytes

    def release_all(self) -> None:
        """Evict everything that is not leased and hand what was cached back to the device."""
        self.evict_idle()
        self.collect()

    def collect(self) -> None:
        """Hand what is no longer referred to back to the device: after an out-of-memory error, say."""
        gc.collect()
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.empty_cache()

    # The log

    def record(
        self,
        kind: EventKind,
        *,
        key: ModelKey | None = None,
        stage: str = "",
        rows: int = 0,
        bytes: int = 0,
        ms: float = 0.0,
        note: str = "",
    ) -> None:
        """Add to `events` what was done, with what is accounted for now."""
        event = Event(
            kind=kind,
            key=key,
            stage=stage,
            rows=rows,
            bytes=bytes,
            ms=ms,
            resident_bytes=self.resident_bytes,
            workspace_bytes=self._workspace_bytes,
            note=note,
        )
        self.peak_bytes = max(self.peak_bytes, self.accounted_bytes)
        self.events.append(event)
