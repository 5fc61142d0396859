"""Which device to work on."""

from ..engine.errors import InputError

DEVICES = ("auto", "cpu", "cuda", "mps")


def choose_device(name: str = "auto") -> str:
    """The torch device of this name; `auto` is the fastest kind that is there.

    Raises:
        InputError: no such device is known, or there is none on this machine.
    """
    kind, _, index = name.partition(":")
    if kind not in DEVICES or (index and not (kind == "cuda" and index.isdigit())):
        raise InputError(f"device {name!r}: not known: choose one of {', '.join(DEVICES)}")
    if kind == "cpu":
        return "cpu"
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if kind == "auto":
        return "cuda" if cuda else "mps" if mps else "cpu"
    there = cuda and int(index or 0) < torch.cuda.device_count() if kind == "cuda" else mps
    if not there:
        raise InputError(f"device {name!r}: there is none on this machine: choose auto or cpu")
    return name
