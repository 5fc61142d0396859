"""The one budget for everything on the device: models are leased, never simply loaded.

This file knows bytes, leases and who is used next; what a model *is* it leaves to its `Loader`. The budget is
kept in plain arithmetic over byte counts, before anything is allocated: the same code runs on a CPU, on a GPU
and on the fake device of the tests.

The host keeps the master of all weights (memory-mapped files; the loader's business), and weights never change,
so evicting a model means dropping its device copy: nothing is copied back. What is evicted is what the chain
needs again last (Belady, "A study of replacement algorithms for a virtual-storage computer", 1966).

A `DeviceMemory` belongs to one thread.
"""

import contextlib
import dataclasses
import gc
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import MappingProxyType
from typing import Any, Literal, Protocol

from .errors import MemoryBudgetError
from .stage import ModelKey, Models

EventKind = Literal["load", "evict", "lease", "run", "shrink"]


class Loader(Protocol):
    """Where models come from."""

    def weight_bytes(self, key: ModelKey, /) -> int:
        """Bytes of the weights, read from the files' headers; loads nothing."""
        ...

    def load(self, key: ModelKey, device: str, /) -> Any:
        """The model's handle, its weights on `device`."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """One decision or deed, for `--stats` and benchmarks.

    Args:
        kind: load, evict (of the model `key`); lease, run, shrink (by the stage `stage`, on `rows` rows).
        bytes: the weights that were loaded or evicted, or the workspace that was leased.
        ms: how long it took, in milliseconds.
        resident_bytes: weights on the device afterwards.
    """

    kind: EventKind
    key: ModelKey | None = None
    stage: str = ""
    rows: int = 0
    bytes: int = 0
    ms: float = 0.0
    resident_bytes: int = 0


class DeviceMemory:
    """Weights and workspace of one device under one budget.

    Args:
        loader: where models come from.
        device: a torch device, as text.
        budget_bytes: at most this much is accounted for at any moment; `None` sets no limit.
        clock: seconds, for the events.
    """

    def __init__(
        self,
        loader: Loader,
        *,
        device: str = "cpu",
        budget_bytes: int | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.device = device
        self.budget_bytes = sys.maxsize if budget_bytes is None else budget_bytes
        self.events: list[Event] = []
        self._loader = loader
        self._clock = clock
        self._handles: dict[ModelKey, Any] = {}  # on the device; the least recently leased first
        self._weight_bytes: dict[ModelKey, int] = {}  # what the loader said, asked once
        self._leases: Counter[ModelKey] = Counter()
        self._workspace_bytes = 0
        self._future: list[frozenset[ModelKey]] = []

    # What there is

    @property
    def resident(self) -> tuple[ModelKey, ...]:
        """The models on the device, the least recently leased first."""
        return tuple(self._handles)

    @property
    def leased(self) -> frozenset[ModelKey]:
        """The models that may not be evicted now."""
        return frozenset(+self._leases)

    @property
    def resident_bytes(self) -> int:
        """Weights on the device."""
        return self.weight_bytes(self._handles)

    @property
    def accounted_bytes(self) -> int:
        """Weights on the device and the workspace of the leases held; never above the budget."""
        return self.resident_bytes + self._workspace_bytes

    def weight_bytes(self, keys: Iterable[ModelKey]) -> int:
        """The weights of these models together, each counted once; loads nothing."""
        distinct = frozenset(keys)
        for key in distinct - self._weight_bytes.keys():
            self._weight_bytes[key] = self._loader.weight_bytes(key)
        return sum(self._weight_bytes[key] for key in distinct)

    def room_for_workspace(self, uses: Iterable[ModelKey]) -> int:
        """Bytes left for workspace if all but `uses` and what is leased were evicted; negative where even the
        weights are too much."""
        return self.budget_bytes - self.weight_bytes(self.leased.union(uses)) - self._workspace_bytes

    def check(self, uses: Sequence[ModelKey], workspace_bytes: int = 0) -> None:
        """Whether a lease can be had, without loading anything.

        Raises:
            MemoryBudgetError: not even with everything else evicted.
        """
        room = self.room_for_workspace(uses)
        if workspace_bytes <= room:
            return
        weights = self.weight_bytes(uses)
        needed = self.budget_bytes - room + workspace_bytes
        held = needed - weights - workspace_bytes
        raise MemoryBudgetError(
            f"{', '.join(key.checkpoint for key in dict.fromkeys(uses)) or 'the stage'} cannot fit the memory"
            f" budget of {format_bytes(self.budget_bytes)}: {format_bytes(weights)} of weights"
            f" + {format_bytes(workspace_bytes)} of workspace"
            + (f" + {format_bytes(held)} leased by others" if held else "")
            + f"; allow at least {format_bytes(needed)}, or choose a recipe with smaller models"
            + (" or a smaller picture" if workspace_bytes else "")
        )

    # Leases

    def foresee(self, uses: Sequence[Iterable[ModelKey]]) -> None:
        """Say which leases are to come, in order; replaces what was said before. A lease may be had several
        times in a row (micro-batches), or not at all; none of it is a promise."""
        self._future = [frozenset(keys) for keys in uses]

    @contextlib.contextmanager
    def lease(self, uses: Sequence[ModelKey], workspace_bytes: int = 0, *, stage: str = "") -> Iterator[Models]:
        """Load and lock `uses`, and set `workspace_bytes` aside, until the block is left, however it is left.

        Raises:
            MemoryBudgetError: it cannot fit, whatever is evicted; nothing was loaded or evicted.
        """
        started = self._clock()
        self.check(uses, workspace_bytes)
        keys = tuple(dict.fromkeys(uses))
        self._arrive_at(frozenset(keys))
        self._make_room(keys, workspace_bytes)
        self._leases.update(keys)
        self._workspace_bytes += workspace_bytes
        handles: dict[ModelKey, Any] = {}
        try:
            for key in keys:
                handles[key] = self._bring(key)
            ms = (self._clock() - started) * 1000
            self.record("lease", stage=stage, bytes=workspace_bytes, ms=ms)
            yield MappingProxyType(handles)
        finally:
            handles.clear()  # whoever keeps the mapping must not keep an evicted model alive
            self._workspace_bytes -= workspace_bytes
            self._leases.subtract(keys)

    def _arrive_at(self, uses: frozenset[ModelKey]) -> None:
        """Forget the foreseen leases before this one. It is itself kept: its next micro-batch may follow."""
        if uses in self._future:
            self._future = self._future[self._future.index(uses) :]

    def _make_room(self, keys: Sequence[ModelKey], workspace_bytes: int) -> None:
        missing_bytes = self.weight_bytes(key for key in keys if key not in self._handles)
        while self.accounted_bytes + missing_bytes + workspace_bytes > self.budget_bytes:
            self._evict(max(self._idle(but=keys), key=self._next_use))

    def _bring(self, key: ModelKey) -> Any:
        if key in self._handles:
            handle = self._handles[key] = self._handles.pop(key)  # now the most recently leased
            return handle
        started = self._clock()
        handle = self._handles[key] = self._loader.load(key, self.device)
        ms = (self._clock() - started) * 1000
        self.record("load", key=key, bytes=self.weight_bytes([key]), ms=ms)
        return handle

    # Eviction

    def _idle(self, *, but: Iterable[ModelKey] = ()) -> list[ModelKey]:
        spared = self.leased.union(but)
        return [key for key in self._handles if key not in spared]

    def _next_use(self, key: ModelKey) -> int:
        """How many leases away `key` is wanted next; among equals `max` takes the least recently leased."""
        return next((i for i, uses in enumerate(self._future) if key in uses), sys.maxsize)

    def _evict(self, key: ModelKey) -> None:
        started = self._clock()
        del self._handles[key]
        self.record("evict", key=key, bytes=self.weight_bytes([key]), ms=(self._clock() - started) * 1000)

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
    ) -> None:
        """Add to `events` what was done, with what is resident now."""
        event = Event(
            kind=kind, key=key, stage=stage, rows=rows, bytes=bytes, ms=ms, resident_bytes=self.resident_bytes
        )
        self.events.append(event)


def format_bytes(count: int) -> str:
    """`count` bytes for a reader: "512 bytes", "1.5 MiB", "2.0 GiB"."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
