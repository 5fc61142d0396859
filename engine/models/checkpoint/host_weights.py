"""A model's weights in host memory: read once from the checkpoint, copied to the device as often as needed.

An adapter loads a model on the CPU, and its modules are kept. Filling puts device copies of the masters into
them (see `slots`), dropping takes them out. Nothing is copied back, and on a CPU a master of the right dtype is
its own device copy. Tensors that two models have in common are on a device once. On CUDA, masters that are
needed again are copied to pinned memory (see `pinned`), and travel on a stream of their own (see `lanes`).
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Generic

import torch

from ...stage import Handle
from .lanes import Lane, lane_of
from .pinned import PinnedPool
from .slots import Shared, Slot, slots_of
from .streaming import Stream


class HostWeights(Generic[Handle]):
    """The modules of one model: full, streamed, or empty. It begins full, on the CPU.

    Args:
        handle: as the adapter loaded it on the CPU: a module, or a dataclass with modules among its fields.
        files: the safetensors files that it was loaded from.
        shared: what other models have brought.
        streams: the field of the handle whose blocks may be streamed.
        pool: of locked memory; one that others share, if given.
        aliases: what tensors are called in the files beside their own names, by those.
    """

    def __init__(
        self,
        handle: Handle,
        files: Iterable[Path],
        shared: Shared,
        *,
        streams: str = "",
        pool: PinnedPool | None = None,
        aliases: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._handle = handle
        self._pool = pool or PinnedPool()
        self._shared = shared
        self._slots = slots_of(handle, files, aliases=aliases or {})
        self._form: tuple[str, bool] | None = ("cpu", False)  # where the weights are, and whether streamed
        self._wait: Callable[[], None] = _nothing  # until they are there
        self.stream = Stream(getattr(handle, streams), self._slots) if streams else None
        for slot in self._slots:
            if not slot.share(shared, "cpu"):
                slot.offer(shared, "cpu")

    def fill(self, device: str, *, streamed: bool = False) -> Handle:
        """Put the weights on `device`; returns a new handle.

        Args:
            streamed: leave out the blocks that can be streamed.
        """
        self.begin_to_fill(device, streamed=streamed)
        return self.arrive()

    def begin_to_fill(self, device: str, *, streamed: bool = False) -> None:
        """As `fill`, but nothing waits for what is on its way until `arrive`."""
        form = (device, streamed and self.stream is not None)
        if self._form == form:
            return
        if self._form not in (None, ("cpu", False)):
            self.drop()
        again = self._form is None
        apart: set[Slot] = set()
        if form[1]:
            assert self.stream is not None
            apart = self.stream.slots
            self.stream.open(device)
            if device.startswith("cuda"):
                self._pool.pin_aside(apart)
        staying = [slot for slot in self._slots if slot not in apart]
        missing = [slot for slot in staying if not slot.share(self._shared, device)]
        if again and device.startswith("cuda"):
            self._wait = _send(missing, lane_of(device), device)
        else:
            for slot in missing:
                slot.put(slot.fetch(device) if again else slot.tensor.to(device))
        for slot in missing:
            slot.offer(self._shared, device)
        self._form = form

    def arrive(self) -> Handle:
        """The handle, once its weights are there: a new one, so that what hangs on it goes with it."""
        self._wait()
        if isinstance(self._handle, torch.nn.Module):
            return self._handle
        assert dataclasses.is_dataclass(self._handle) and not isinstance(self._handle, type), (
            "slots_of found slots"
        )
        return dataclasses.replace(self._handle)

    def drop(self) -> None:
        """Let go of the weights. Handles from before cannot be used any more."""
        self._wait()  # nothing may be under way to memory that others are given
        self._wait = _nothing
        if self.stream is not None:
            self.stream.close()
        for slot in self._slots:
            slot.clear()
        if self._form is not None and self._form[0].startswith("cuda"):
            self._pool.pin_aside(self._slots)  # they may well be wanted again
        self._form = None


def _nothing() -> None:
    return None


def _send(slots: Iterable[Slot], lane: Lane, device: str) -> Callable[[], None]:
    """Copy masters to a device beside the work at hand; returns what makes work that follows wait for them."""
    for slot in slots:
        slot.put(torch.empty_like(slot.like, device=device))
    copies = ((slot.tensor.data, slot.source_for(slot.tensor)) for slot in slots)
    sent = lane.send(copies, after=lane.mark())  # whoever had this memory before may still be at work
    return lambda: lane.wait(sent)
