"""Page-locked memory of the host, from which a GPU copies beside other work: pooled, bounded, made aside.

To lock pages takes about as long as to copy them, so it is done by a thread of its own; what is not locked yet,
or finds no room, travels from where it lies, which is slower and right. First come, first served: whoever is in
the pool stays while its model does. A model that came later would else turn out one that is needed as soon.
"""

import os
import queue
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol
from weakref import WeakKeyDictionary, ref

import torch

SHARE = 0.25
"""Of the host's memory, that may be locked at most: nobody else can have it, it cannot be swapped out, and the
masters lie beside it in the cache of files."""


class Pinnable(Protocol):
    """Something with a master on the host, which may be copied to locked memory."""

    pinned: torch.Tensor | None

    @property
    def like(self) -> torch.Tensor:
        """Its shape, layout and dtype on the device."""
        ...

    def ready(self) -> torch.Tensor:
        """On the CPU, in the dtype and layout of the device."""
        ...


class PinnedPool:
    """Locks memory of the host, within a bound.

    Args:
        most_bytes: locked, at most; `None` for `SHARE` of what the host has.
        lock: a copy of a tensor in locked memory.
    """

    def __init__(
        self,
        most_bytes: int | None = None,
        *,
        lock: Callable[[torch.Tensor], torch.Tensor] = torch.Tensor.pin_memory,
    ) -> None:
        self.most_bytes = int(SHARE * host_bytes()) if most_bytes is None else most_bytes
        self._lock_pages = lock
        self._held: WeakKeyDictionary[Pinnable, int] = WeakKeyDictionary()  # given back when a model goes
        self._guard = threading.Lock()
        self._waiting: queue.SimpleQueue[ref[Pinnable]] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None

    @property
    def bytes(self) -> int:
        """Locked now."""
        with self._guard:
            return sum(self._held.values())

    def pin(self, slot: Pinnable) -> None:
        """Lock a copy of the slot's master, unless that is done, or there is no room."""
        size = locked_size(slot.like.nbytes)
        with self._guard:
            if slot in self._held or sum(self._held.values()) + size > self.most_bytes:
                return
            self._held[slot] = size
        try:
            slot.pinned = self._lock_pages(slot.ready())
        except (RuntimeError, MemoryError):  # the system allows no more, which may change
            with self._guard:
                self._held.pop(slot, None)

    def pin_aside(self, slots: Iterable[Pinnable]) -> None:
        """As `pin`, one after the other, beside the work at hand."""
        for slot in slots:
            self._waiting.put(ref(slot))
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, name="diptych-pinning", daemon=True)
            self._worker.start()

    def _work(self) -> None:
        while True:
            slot = self._waiting.get()()
            if slot is not None:
                self.pin(slot)
            del slot  # or it would stay until there is another


def locked_size(size: int) -> int:
    """What torch locks for so many bytes: its pool has blocks of powers of two."""
    return 1 << (max(1, size) - 1).bit_length()


def host_bytes(group: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    """The host's memory, or what of it this process may have; 0 where the system does not tell."""
    try:
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 0
    try:
        return min(there, int(group.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no such group, or "max"
        return there
