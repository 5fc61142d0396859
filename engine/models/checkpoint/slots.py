"""Where the tensors of modules belong, and where they come from: one slot for each.

The master of a tensor is that of the memory-mapped safetensors file, where that is what the module holds, in
whatever dtype or layout (this is compared, for libraries may rename, merge or turn what they read); else it is
what the module holds.

A tensor that is made of several has a slot for each of them (see `composed`). One that a file has as eight-bit
floats is kept so, with the scale that the file has for it (see `float8`).
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import torch
from safetensors import safe_open

from ...errors import CheckpointError
from .composed import Apart, Composed, Place, taken_apart
from .float8 import DTYPES, Float8Weight, fits
from .loaded_sizes import SCALES

Name = tuple[str, str, torch.dtype, str]
"""Of a tensor on a device: file, name in the file, dtype, device."""

Aliases = Mapping[str, Sequence[str]]
"""What tensors are called in the files beside their own names, by those."""

Shared = WeakValueDictionary[Name, torch.Tensor]
"""The tensors on devices that come from files, for as long as a module holds them."""


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

    Raises:
        CheckpointError: a file's numbers are none, or its scales belong to no weight, or the model has weights
            of a kind that is not known here.
    """
    read = _Files(files)
    found: dict[int, _Held] = {}
    for module in _modules(handle):
        for path, part in module.named_modules():
            for table in tables_of(part):
                for name, tensor in table.items():
                    if tensor is not None:
                        held = found.setdefault(id(tensor), _Held([], [], []))
                        held.places.append((table, name))
                        held.names.append(f"{path}.{name}".lstrip("."))
                        held.modules.append(part)
    assert found, f"a {type(handle).__name__} is no module, nor a dataclass of modules: it holds no weights"
    slots = [slot for held in found.values() for slot in _slots_for(held, read, aliases or {})]
    read.refuse_unused_scales()
    return slots


class _Held(NamedTuple):
    """Where a tensor is held, what it is called there, and by which modules."""

    places: list[Place]
    names: list[str]
    modules: list[torch.nn.Module]

    def known(self, aliases: "Aliases") -> list[str]:
        """Its names, and what else it is called in the files."""
        return [*self.names, *(other for each in self.names for other in aliases.get(each, ()))]


def _slots_for(held: _Held, read: "_Files", aliases: Aliases) -> list[Slot]:
    """The slot of a tensor, or those of its parts."""
    table, name = held.places[0]
    try:
        apart = taken_apart(table[name])
    except CheckpointError as error:
        raise CheckpointError(f"{held.names[0]}: {error}") from None
    if apart is None:
        tensor = table[name].detach()
        source, master = read.find(held.known(aliases), tensor) or (None, tensor)
        apart = read.kept_small(held.names, master, tensor.dtype)
        if apart is None:
            like = torch.empty_like(tensor, device="meta")
            if isinstance(table[name], torch.nn.Parameter):
                like = torch.nn.Parameter(like, requires_grad=False)
            return [Slot(held.places, source, master, like)]
        whole = apart.together(apart.parts)
        for place in held.places:
            place[0][place[1]] = whole
    composed: Any = Composed(apart, held.places, held.modules)
    slots: list[Slot] = []
    for part, tensor in apart.parts.items():
        source, master = read.find([apart.name(each, part) for each in held.known(aliases)], tensor) or (
            None,
            tensor.cpu(),
        )
        slots.append(Slot([(composed, part)], source, master, torch.empty_like(tensor, device="meta")))
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
        self._scales = {name for name in self._where if name.endswith(_SCALES)}  # not used yet
        self._ending: dict[str, list[str]] = {}
        for name in self._where:
            for tail in _tails(name):
                self._ending.setdefault(tail, []).append(name)

    def find(self, names: Iterable[str], tensor: torch.Tensor) -> tuple[tuple[str, str], torch.Tensor] | None:
        """The tensor of one of these names that has the same values, with its file and name; or of another name
        that ends like them, for a library renames models that lie within others: a file of a model with a head
        has `model.layers.0`, say, where its base alone has `layers.0`.

        Raises:
            CheckpointError: it holds NaN, or weights that are infinite.
        """
        names = list(names)
        for name in [*names, *self._ending_like(names)]:
            for path, file in self._where.get(name, []):
                found = file.get_tensor(name)
                if found.shape != tensor.shape:
                    continue
                if _are_same(found, tensor):
                    if name.endswith(("weight", "bias")) and _is_infinite(found):
                        raise CheckpointError(
                            f"{path}: {name} holds infinity: it is damaged: get the file again"
                        )
                    return (path, name), found
                if tensor.dtype not in DTYPES and tensor.is_floating_point() and bool(tensor.isnan().any()):
                    raise CheckpointError(f"{path}: {name} holds NaN: it is damaged: get the file again")
        return None

    def _ending_like(self, names: Iterable[str]) -> Iterator[str]:
        """Names that have the most of their ends in common with one of these, which none of them is."""
        for name in names:
            found = next((self._ending[tail] for tail in _tails(name) if tail in self._ending), [])
            yield from (each for each in found if each != name)

    def kept_small(self, names: Iterable[str], master: torch.Tensor, dtype: torch.dtype) -> Apart | None:
        """What is to be held in the place of a layer's weights that the file has as eight-bit floats; `None`
        where it has them otherwise.

        Raises:
            CheckpointError: the file's scale is none for them.
        """
        if master.dtype not in DTYPES or dtype in DTYPES or master.ndim < 2:
            return None
        name = next((each for each in names if each in self._where), "")
        layer, dot, last = name.rpartition(".")
        if last != "weight":
            return None
        scale = None
        for each in (f"{layer}{dot}{suffix}" for suffix in SCALES):
            for path, file in self._where.get(each, []):
                scale = file.get_tensor(each)
                self._scales.discard(each)
                if not fits(scale, master):
                    raise CheckpointError(
                        f"{path}: {each} has the shape {tuple(scale.shape)}: is no scale for {name}"
                    )
        whole = torch.nn.Parameter(Float8Weight(master, scale, dtype), requires_grad=False)
        return taken_apart(whole)

    def refuse_unused_scales(self) -> None:
        """Raise `CheckpointError` where a file has scales for weights that are not there, or not under this
        name: without them a picture would be noise."""
        if self._scales:
            name = min(self._scales)
            path = self._where[name][0][0]
            raise CheckpointError(
                f"{path}: {name} is a scale of a weight that the model has not, or not by this name: get the"
                " model without scaled fp8, or as a folder of diffusers"
            )


def _tails(name: str) -> Iterator[str]:
    """The name, and what is left of it as its first words go; the longest first."""
    words = name.split(".")
    for i in range(max(1, len(words) - 1)):
        yield ".".join(words[i:])


_SCALES = tuple(f".{name}" for name in SCALES)


def _is_infinite(tensor: torch.Tensor) -> bool:
    """Whether a float tensor that holds no NaN holds an infinity; of eight-bit floats nobody asks."""
    if not tensor.is_floating_point() or tensor.dtype in DTYPES or not tensor.numel():
        return False
    least, most = torch.aminmax(tensor)
    return bool(least.isinf() or most.isinf())


def _are_same(found: torch.Tensor, tensor: torch.Tensor) -> bool:
    """Whether a file's tensor has the values of a model's, in whatever dtype."""
    if found.dtype == tensor.dtype and found.dtype in DTYPES:
        return torch.equal(found.view(torch.uint8), tensor.view(torch.uint8))
    return torch.equal(found.to(tensor.dtype), tensor.cpu())
