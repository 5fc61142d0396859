"""Models whose blocks come to the device one by one as they are needed, and leave it again.

For models that work long on each of their weights, as a denoiser does: there the coming and going is a small
part of the time, and the room that it frees is worth more to a larger micro-batch.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Mapping

import torch
from torch.utils.hooks import RemovableHandle

from .blocks import blocks_of
from .slots import Slot, tables_of

ALIGNMENT = 64
"""Bytes; what vector instructions like."""

Block = list[tuple[Slot, torch.Tensor]]
"""The slots of a block, and the place of each in the window."""


class Stream:
    """Brings and drops the blocks of one module, as its forward pass calls them.

    All of them use the same window of memory, one after the other: nothing is allocated on the way.

    Args:
        root: the module.
        slots: of the model that it belongs to.
    """

    def __init__(self, root: torch.nn.Module, slots: Iterable[Slot]) -> None:
        self.bytes = 0  # brought so far
        self.seconds = 0.0  # that this took
        parts = root.named_modules()
        paths = {id(table): path for path, part in parts for table in tables_of(part)}
        tensors = {path: slot for slot in slots if (path := _path(slot, paths))}
        blocks = blocks_of({path: slot.like.nbytes for path, slot in tensors.items()})
        self._root = root
        self._slots = {
            path: [slot for name, slot in tensors.items() if name.startswith(f"{path}.")] for path in blocks
        }
        self._hooks: list[RemovableHandle] = []

    @property
    def slots(self) -> set[Slot]:
        """Of all blocks."""
        return {slot for slots in self._slots.values() for slot in slots}

    def open(self, device: str) -> None:
        """From here on blocks come to `device` when they are called, and hold nothing otherwise."""
        largest = max((_places(slots)[-1] for slots in self._slots.values()), default=0)
        window = torch.empty(largest, dtype=torch.uint8, device=device)
        for path, slots in self._slots.items():
            block = [
                (slot, slot.wrapped(_view(window, start, slot.like)))
                for slot, start in zip(slots, _places(slots), strict=False)
            ]
            module = self._root.get_submodule(path)
            self._hooks.append(module.register_forward_pre_hook(self._bring(block)))
            self._hooks.append(module.register_forward_hook(_drop(block), always_call=True))
            _drop(block)()

    def close(self) -> None:
        """Blocks are whatever they are again, and the window is gone."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def _bring(self, block: Block) -> Callable[..., None]:
        size = sum(place.nbytes for _, place in block)

        def bring(*_: object) -> None:
            started = time.perf_counter()
            for slot, place in block:
                slot.fetch_into(place.data)
                slot.put(place)
            self.bytes += size
            self.seconds += time.perf_counter() - started

        return bring


def _drop(block: Block) -> Callable[..., None]:
    def drop(*_: object) -> None:
        for slot, _place in block:
            slot.clear()

    return drop


def _places(slots: Iterable[Slot]) -> list[int]:
    """Where in the window each begins, and where the last ends; each aligned."""
    return list(
        itertools.accumulate((-(-slot.like.nbytes // ALIGNMENT) * ALIGNMENT for slot in slots), initial=0)
    )


def _view(window: torch.Tensor, start: int, like: torch.Tensor) -> torch.Tensor:
    """A part of the window as a tensor of the shape, layout and dtype of `like`."""
    return window[start : start + like.nbytes].view(like.dtype).as_strided(like.shape, like.stride())


def _path(slot: Slot, paths: Mapping[int, str]) -> str | None:
    """The name of a tensor that has one place, and that within the module; else `None`."""
    table, name = slot.places[0]
    path = paths.get(id(table))
    return None if path is None or len(slot.places) > 1 else f"{path}.{name}".lstrip(".")
