"""Models whose blocks come to the device one by one as they are needed, and leave it again.

For models that work long on each of their weights, as a denoiser does: there the coming and going is a small
part of the time, and the room that it frees is worth more to a larger micro-batch.

Over a bus there are two windows of memory: while a block works in one, the next comes into the other, and waits
until the block that was there before has been read.
"""

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from .blocks import blocks_of, windows_on
from .composed import home_of
from .lanes import Copies, Lane, lane_of
from .slots import Slot, tables_of

ALIGNMENT = 64
"""Bytes; what vector instructions like."""


@dataclasses.dataclass(eq=False)
class Window:
    """Memory of the device that blocks have one after the other.

    Args:
        places: of each block, by path: where in the window its slots' tensors lie.
        free: the mark in the work, after which nobody reads it.
        block: the path of what is in it, or on its way.
        there: the mark in the copies, after which all of that is there.
        busy: its block is at work.
    """

    places: Mapping[str, list[torch.Tensor]]
    free: Any
    block: str = ""
    there: Any = None
    busy: bool = False


class Stream:
    """Brings and drops the blocks of one module, as its forward pass calls them.

    All of them use the same windows of memory, one after the other: nothing is allocated on the way. Which
    block comes next is known from the pass before; at first, from the order in which the module has them.

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
        self._sizes = {path: sum(slot.like.nbytes for slot in slots) for path, slots in self._slots.items()}
        self._next = dict(itertools.pairwise([*blocks, *[path for path in blocks][:1]]))
        self._before = ""  # the block that was called last
        self._hooks: list[RemovableHandle] = []
        self._windows: list[Window] = []
        self._lane: Lane = lane_of("cpu")

    @property
    def slots(self) -> set[Slot]:
        """Of all blocks."""
        return {slot for slots in self._slots.values() for slot in slots}

    def open(self, device: str, *, lane: Lane | None = None) -> None:
        """From here on blocks come to `device` when they are called, and hold nothing otherwise.

        Args:
            lane: how they travel; the device's own way, if not given.
        """
        largest = max((_places(slots)[-1] for slots in self._slots.values()), default=0)
        self._lane = lane or lane_of(device)
        for _ in range(min(windows_on(device), len(self._slots))):
            memory = torch.empty(largest, dtype=torch.uint8, device=device)
            places = {path: _laid_out(slots, memory) for path, slots in self._slots.items()}
            self._windows.append(Window(places, self._lane.mark()))  # whoever had this memory may be at work
        self._before = ""
        for path, slots in self._slots.items():
            module = self._root.get_submodule(path)
            self._hooks.append(module.register_forward_pre_hook(self._bring(path)))
            self._hooks.append(module.register_forward_hook(self._drop(path), always_call=True))
            for slot in slots:
                slot.clear()

    def close(self) -> None:
        """Blocks are whatever they are again, and the windows are gone."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        for window in self._windows:
            if window.block:
                self._lane.wait(window.there)  # nothing may be under way to memory that others are given
        self._windows.clear()

    def _bring(self, path: str) -> Callable[..., None]:
        def bring(*_: object) -> None:
            started = time.perf_counter()
            self._free_what_broke_off()
            window = next((each for each in self._windows if each.block == path), None) or self._idle()
            assert window is not None, "none is busy now"
            if window.block != path:
                self._send(path, window)
            self._lane.wait(window.there)
            window.busy = True
            for slot, place in zip(self._slots[path], window.places[path], strict=True):
                slot.put(place)
            if self._before:
                self._next[self._before] = path
            self._before = path
            self._look_ahead(path)
            self.seconds += time.perf_counter() - started

        return bring

    def _drop(self, path: str) -> Callable[..., None]:
        def drop(*_: object) -> None:
            for slot in self._slots[path]:
                slot.clear()
            for window in self._windows:
                if window.busy and window.block == path:
                    window.busy, window.free = False, self._lane.mark()
                    if len(self._windows) == 1:
                        window.block = ""  # where copies are at once, a block is as it is when it is called

        return drop

    def _free_what_broke_off(self) -> None:
        """Blocks are called one after the other, so a window that is busy now is of a pass that broke off: no
        hook is called after what is no `Exception`, as Ctrl-C."""
        for window in self._windows:
            if window.busy:
                for slot in self._slots[window.block]:
                    slot.clear()
                window.busy, window.free, window.block = False, self._lane.mark(), ""

    def _look_ahead(self, path: str) -> None:
        """Send the block that comes next into the window that is not at work, if there is one."""
        following, window = self._next[path], self._idle()
        if window is not None and all(each.block != following for each in self._windows):
            self._send(following, window)

    def _idle(self) -> Window | None:
        return next((each for each in self._windows if not each.busy), None)

    def _send(self, path: str, window: Window) -> None:
        window.block = ""  # until all of it is under way
        window.there = self._lane.send(self._copies(path, window), after=window.free)
        window.block = path
        self.bytes += self._sizes[path]

    def _copies(self, path: str, window: Window) -> Copies:
        for slot, place in zip(self._slots[path], window.places[path], strict=True):
            yield place.data, slot.source_for(place)


def _places(slots: Iterable[Slot]) -> list[int]:
    """Where in the window each begins, and where the last ends; each aligned."""
    return list(
        itertools.accumulate((-(-slot.like.nbytes // ALIGNMENT) * ALIGNMENT for slot in slots), initial=0)
    )


def _laid_out(slots: list[Slot], window: torch.Tensor) -> list[torch.Tensor]:
    """Parts of the window, a tensor for each slot."""
    starts = _places(slots)
    return [slot.wrapped(_view(window, start, slot.like)) for slot, start in zip(slots, starts, strict=False)]


def _view(window: torch.Tensor, start: int, like: torch.Tensor) -> torch.Tensor:
    """A part of the window as a tensor of the shape, layout and dtype of `like`."""
    return window[start : start + like.nbytes].view(like.dtype).as_strided(like.shape, like.stride())


def _path(slot: Slot, paths: Mapping[int, str]) -> str | None:
    """The name of a tensor that has one place, and that within the module; else `None`."""
    (table, name), part = home_of(slot.places[0])
    path = paths.get(id(table))
    return None if path is None or len(slot.places) > 1 else f"{path}.{name}{part}".lstrip(".")
