"""How weights travel to a device beside the work on it: copies on a stream of their own, ordered by events."""

from collections.abc import Iterable
from typing import Any, Protocol

import torch

Copies = Iterable[tuple[torch.Tensor, torch.Tensor]]
"""To where, and from where."""


class Lane(Protocol):
    """Copies in order, beside work that is in an order of its own. A mark is a moment in one of the two."""

    def send(self, copies: Copies, *, after: Any) -> Any:
        """Copy once the work is past the mark `after`. Returns the mark at which all is there."""
        ...

    def wait(self, mark: Any) -> None:
        """Work that follows begins when the copies are past this mark."""
        ...

    def mark(self) -> Any:
        """The moment at which all work so far is done."""
        ...


class CudaLane:
    """A stream for copies, beside the present one."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)

    def send(self, copies: Copies, *, after: Any) -> Any:
        self._stream.wait_event(after)
        with torch.cuda.stream(self._stream):
            for place, source in copies:
                place.copy_(source, non_blocking=True)
        return self._stream.record_event()

    def wait(self, mark: Any) -> None:
        torch.cuda.current_stream(self._device).wait_event(mark)

    def mark(self) -> Any:
        return torch.cuda.current_stream(self._device).record_event()


class NoLane:
    """Copies at once, for a device that shares the host's memory, or does one thing after the other."""

    def send(self, copies: Copies, *, after: None) -> None:
        for place, source in copies:
            place.copy_(source)

    def wait(self, mark: None) -> None:
        return None

    def mark(self) -> None:
        return None


def lane_of(device: str) -> Lane:
    """Of this device."""
    return CudaLane(device) if device.startswith("cuda") else NoLane()
