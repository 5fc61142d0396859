"""Which device to work on."""

from typing import Any

from ..engine.errors import InputError
from ..engine.memory.account import ACCELERATORS
from ..engine.messages import did_you_mean, shown

DEVICES = ("auto", "cpu", "cuda", "mps", *ACCELERATORS)
_NUMBERED = ("cuda", *ACCELERATORS)


def choose_device(name: str = "auto") -> str:
    """The torch device of this name; `auto` is the fastest kind that is there.

    Raises:
        InputError: no such device is known, or there is none on this machine.
    """
    kind, colon, index = name.partition(":")
    if kind not in DEVICES or (colon and not (kind in _NUMBERED and index.isdecimal() and len(index) < 4)):
        hint = did_you_mean(kind, DEVICES)
        raise InputError(f"device {shown(name)}: not known{hint}: choose one of {', '.join(DEVICES)}")
    if kind == "cpu":
        return "cpu"
    if kind == "auto":
        return next((each for each in ("cuda", *ACCELERATORS, "mps") if _module(each) is not None), "cpu")
    module = _module(kind)
    if module is None or (index and int(index) >= module.device_count()):
        raise InputError(f"device {name!r}: there is none on this machine: choose auto or cpu")
    return name


def _module(kind: str) -> Any:
    """What torch knows a kind of device by; `None` where there is none of it. Kinds that it has from another
    package are there once that is installed: torch imports it by itself."""
    import torch

    module: Any = getattr(torch.backends if kind == "mps" else torch, kind, None)
    return module if module is not None and module.is_available() else None
