"""Where the tensors of modules belong, and where they come from: one slot for each.

The master of a tensor is that of the memory-mapped safetensors file, where that is what the module holds, in
whatever dtype or layout (this is compared, for libraries may rename, merge or turn what they read); else it is
what the module holds.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from safetensors import safe_open

from ...errors import CheckpointError

Name = tuple[str, str, torch.dtype, str]
"""Of a tensor on a device: file, name in the file, dtype, device."""

Shared = WeakValueDictionary[Name, torch.Tensor]
"""The tensors on devices that come from files, for as long as a module holds them."""

Place = tuple[dict[str, Any], str]
"""A module's table of parameters or buffers, and a name in it."""


@dataclasses.dataclass(eq=False)
class Slot:
    """A tensor of a module, or of several that share it.

    Args:
        places: where it belongs.
        source: (file, name in it), where it is a file's.
        master: on the CPU; in the file's dtype, where it is a file's.
        like: on the meta device, a parameter if it is one: its shape, layout and dtype on a device.
    """

    places: list[Place]
    source: tuple[str, str] | None
    master: torch.Tensor
    like: torch.Tensor
    pinned: torch.Tensor | None = None

    @property
    def tensor(self) -> torch.Tensor:
        """What the modules hold now."""
        table, name = self.places[0]
        return table[name]

    def put(self, tensor: torch.Tensor) -> None:
        """Let the modules hold `tensor`, as a parameter if they held one before."""
        tensor = self.wrapped(tensor)
        for table, name in self.places:
            table[name] = tensor

    def wrapped(self, tensor: torch.Tensor) -> torch.Tensor:
        """`tensor` as a parameter, where `like` is one."""
        if isinstance(self.like, torch.nn.Parameter) and not isinstance(tensor, torch.nn.Parameter):
            return torch.nn.Parameter(tensor, requires_grad=False)
        return tensor

    def clear(self) -> None:
        """Let the modules hold nothing but the shape."""
        self.put(self.like)

    def fetch(self, device: str) -> torch.Tensor:
        """The tensor on `device`."""
        return self.ready().to(device)

    def source_for(self, place: torch.Tensor) -> torch.Tensor:
        """What to copy to memory of a device: from pinned memory on CUDA, where there is any."""
        if place.is_cuda:
            return self.ready() if self.pinned is None else self.pinned
        return self.master

    def ready(self) -> torch.Tensor:
        """On the CPU, in the dtype and layout of the device: the master itself, where it has them."""
        if self.master.dtype == self.like.dtype and self.master.stride() == self.like.stride():
            return self.master
        return torch.empty_like(self.like, device="cpu").copy_(self.master)

    def share(self, shared: Shared, device: str) -> bool:
        """Hold what another model has brought from the same place. False where there is no such thing."""
        there = None if self.source is None else shared.get((*self.source, self.like.dtype, device))
        if there is None or there.stride() != self.like.stride():
            return False
        self.put(there)
        return True

    def offer(self, shared: Shared, device: str) -> None:
        """Let other models share what is held now."""
        if self.source is not None:
            shared[(*self.source, self.like.dtype, device)] = self.tensor


def slots_of(
    handle: object, files: Iterable[Path], *, aliases: Mapping[str, Sequence[str]] | None = None
) -> list[Slot]:
    """The tensors of all modules in a handle, each once.

    Args:
        handle: a module, or a dataclass of modules and other things.
        files: the safetensors files that it was loaded from.
        aliases: what tensors are called in the files beside their own names, by those.
    """
    read = _Files(files)
    places: dict[int, list[Place]] = {}
    names: dict[int, list[str]] = {}
    for module in _modules(handle):
        for path, part in module.named_modules():
            for table in tables_of(part):
                for name, tensor in table.items():
                    if tensor is not None:
                        places.setdefault(id(tensor), []).append((table, name))
                        names.setdefault(id(tensor), []).append(f"{path}.{name}".lstrip("."))
    assert places, f"a {type(handle).__name__} is no module, nor a dataclass of modules: it holds no weights"
    slots: list[Slot] = []
    for same, held in places.items():
        table, name = held[0]
        tensor = table[name].detach()
        known = [*names[same], *(other for each in names[same] for other in (aliases or {}).get(each, ()))]
        source, master = read.find(known, tensor) or (None, tensor)
        like = torch.empty_like(tensor, device="meta")
        if isinstance(table[name], torch.nn.Parameter):
            like = torch.nn.Parameter(like, requires_grad=False)
        slots.append(Slot(held, source, master, like))
    return slots


def tables_of(module: torch.nn.Module) -> tuple[dict[str, Any], dict[str, Any]]:
    """A module's own parameters and buffers, by name. To put a tensor in another's place torch has these tables
    alone."""
    return module._parameters, module._buffers  # pyright: ignore[reportPrivateUsage]


def _modules(held: object) -> Iterator[torch.nn.Module]:
    if isinstance(held, torch.nn.Module):
        yield held
    elif dataclasses.is_dataclass(held) and not isinstance(held, type):
        for field in dataclasses.fields(held):
            yield from _modules(getattr(held, field.name))


class _Files:
    """Memory-mapped safetensors files, searched by tensors' names."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._where: dict[str, list[tuple[str, Any]]] = {}
        for path in paths:
            file = safe_open(path, framework="pt", device="cpu")
            for name in file.keys():  # noqa: SIM118 (it is no dict)
                self._where.setdefault(name, []).append((str(path.resolve()), file))

    def find(self, names: Iterable[str], tensor: torch.Tensor) -> tuple[tuple[str, str], torch.Tensor] | None:
        """The tensor of one of these names that has the same values, with its file and name.

        Raises:
            CheckpointError: it holds NaN.
        """
        for name in names:
            for path, file in self._where.get(name, []):
                found = file.get_tensor(name)
                if found.shape != tensor.shape:
                    continue
                if torch.equal(found.to(tensor.dtype), tensor):
                    return (path, name), found
                if tensor.is_floating_point() and bool(tensor.isnan().any()):  # which equals nothing
                    raise CheckpointError(f"{path}: {name} holds NaN: it is damaged: get the file again")
        return None
