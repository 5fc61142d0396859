"""A model's weights in host memory: read once from the checkpoint, copied to the device as often as needed.

An adapter loads a model on the CPU, and its modules are kept. Filling puts device copies of the masters into
them (see `slots`), dropping takes them out. Nothing is copied back, and on a CPU a master of the right dtype is
its own device copy. Tensors that two models have in common are on a device once. On CUDA, masters that are
needed again are copied to pinned memory, and travel on a stream of their own.
"""

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic

import torch

from ...stage import Handle
from .slots import Shared, Slot, slots_of
from .streaming import Stream


class HostWeights(Generic[Handle]):
    """The modules of one model: full, streamed, or empty. It begins full, on the CPU.

    Args:
        handle: as the adapter loaded it on the CPU: a module, or a dataclass with modules among its fields.
        files: the safetensors files that it was loaded from.
        shared: what other models have brought.
        streams: the field of the handle whose blocks may be streamed.
    """

    def __init__(self, handle: Handle, files: Iterable[Path], shared: Shared, *, streams: str = "") -> None:
        self._handle = handle
        self._shared = shared
        self._slots = slots_of(handle, files)
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
        staying = [slot for slot in self._slots if slot not in apart]
        missing = [slot for slot in staying if not slot.share(self._shared, device)]
        if again and device.startswith("cuda"):
            self._wait = _send(missing, device)
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
        self._form = None


def _nothing() -> None:
    return None


def _send(slots: Iterable[Slot], device: str) -> Callable[[], None]:
    """Copy masters to CUDA beside the work at hand; returns what makes the present stream wait for them."""
    here, aside = torch.cuda.current_stream(device), torch.cuda.Stream(device)
    for slot in slots:
        slot.put(torch.empty_like(slot.pin(), device=device))
    aside.wait_stream(here)  # whoever had this memory before may still be at work
    with torch.cuda.stream(aside):
        for slot in slots:
            slot.tensor.data.copy_(slot.pin(), non_blocking=True)
    sent = aside.record_event()
    return lambda: torch.cuda.current_stream(device).wait_event(sent)
