"""What a device says of its own memory, and the budget that follows where none is given.

torch keeps what it has got from a device, to use it again: of that, what no tensor holds is *kept*. It is there
for us, and can be handed back; the driver counts it as taken.
"""

import sys
from typing import Any, Protocol

from .units import format_bytes

MARGIN_BYTES = 512 * 2**20
"""Of what is free on a device, left alone where no budget is given. An estimate, not a measurement: kernels of
cuBLAS, cuDNN and torch, which come into the context when they are first used (about 300 MiB), what these take
past torch's account (about 100), and ends of torch's segments that fit nothing (about 100). The context itself
is there once the device is asked: what is free is without it."""


class Account(Protocol):
    """A device's memory, in bytes; see the module."""

    def free(self) -> int | None:
        """What nobody holds, this process or another; `None` where nobody can tell."""
        ...

    def reserved(self) -> int:
        """What torch has got from the device in this process."""
        ...

    def allocated(self) -> int:
        """What tensors hold of that."""
        ...

    def give_back(self) -> None:
        """Hand what is kept back to the device."""
        ...


class NoAccount:
    """For a device that nobody can ask, as the CPU."""

    def free(self) -> int | None:
        return None

    def reserved(self) -> int:
        return 0

    def allocated(self) -> int:
        return 0

    def give_back(self) -> None:
        return None


class CudaAccount:
    """Asks the driver and torch's allocator."""

    def __init__(self, device: str) -> None:
        self._device = device

    def free(self) -> int | None:
        import torch

        return torch.cuda.mem_get_info(self._device)[0] if torch.cuda.is_available() else None

    def reserved(self) -> int:
        import torch

        return torch.cuda.memory_reserved(self._device)

    def allocated(self) -> int:
        import torch

        return torch.cuda.memory_allocated(self._device)

    def give_back(self) -> None:
        import torch

        torch.cuda.empty_cache()


class MpsAccount:
    """Asks Metal: what it recommends, at most, for this process, less what torch has got of that. What other
    processes use of the memory that they share, it does not say."""

    def free(self) -> int | None:
        import torch

        if not torch.backends.mps.is_available():
            return None
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()

    def reserved(self) -> int:
        import torch

        return torch.mps.driver_allocated_memory()

    def allocated(self) -> int:
        import torch

        return torch.mps.current_allocated_memory()

    def give_back(self) -> None:
        import torch

        if torch.backends.mps.is_available():
            torch.mps.empty_cache()


ACCELERATORS = ("xpu", "npu", "hpu")
"""Kinds of devices that torch knows by one name for all, `torch.accelerator`."""


class AcceleratorAccount:
    """Asks `torch.accelerator`; what the torch of this machine, or the device, does not tell is not known."""

    def __init__(self, device: str) -> None:
        self._device = device

    def free(self) -> int | None:
        found = asked("get_memory_info", self._device)
        return None if found is None else found[0]

    def reserved(self) -> int:
        return asked("memory_reserved", self._device) or 0

    def allocated(self) -> int:
        return asked("memory_allocated", self._device) or 0

    def give_back(self) -> None:
        asked("empty_cache")


def asked(name: str, *args: str) -> Any:
    """What a function of `torch.accelerator` gives; `None` where it is missing, or not for this device."""
    import torch

    try:
        return getattr(torch.accelerator, name)(*args)
    except (AttributeError, NotImplementedError, RuntimeError, ValueError):
        return None


def account_of(device: str) -> Account:
    """Of this device."""
    if device.startswith("cuda"):
        return CudaAccount(device)
    if device.startswith(ACCELERATORS):
        return AcceleratorAccount(device)
    return MpsAccount() if device.startswith("mps") else NoAccount()


class Budget:
    """What is accounted for at any moment, at most: what was given, or else what is free on the device.

    Args:
        given: in bytes; `None` for what the device has, or no limit where it cannot be asked.
    """

    def __init__(self, given: int | None, account: Account) -> None:
        self.given = given
        self._account = account
        self._counted: int | None = None

    @property
    def bytes(self) -> int:
        """As it was given, or last counted."""
        if self.given is not None:
            return self.given
        if self._counted is None:
            self.count(0)
        assert self._counted is not None
        return self._counted

    def __str__(self) -> str:
        """In words."""
        if self.bytes == sys.maxsize:
            return "no limit of memory"
        found = "" if self.given is not None else f", which is free but for {format_bytes(MARGIN_BYTES)}"
        return f"memory {format_bytes(self.bytes)}{found}"

    def count(self, accounted: int) -> None:
        """Ask the device again, where no budget is given: others may have come or gone.

        Args:
            accounted: bytes that are ours now, which is room within the budget. What other tensors of this
                process hold is not.
        """
        if self.given is not None:
            return
        free = self._account.free()
        if free is None:
            self._counted = sys.maxsize
            return
        elsewhere = max(0, self._account.allocated() - accounted)
        self._counted = max(0, free + self._account.reserved() - elsewhere - MARGIN_BYTES)

    def make_ready(self, bytes: int) -> None:
        """So much is to be brought: hand back what is kept where the device has not enough without it."""
        if bytes <= 0:
            return
        free = self._account.free()
        if free is not None and free < bytes and self._account.reserved() > self._account.allocated():
            self._account.give_back()
