"""The LoRA weights that rows may ask for by name: those that a recipe lists with a name, and the files of its
folder.

A name is never a path: whoever writes a prompt reaches no other file.
"""

import dataclasses
import functools
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ....errors import InputError
from ....messages import nearest, shown
from ....stage import Lora, ModelKey
from ....values.loras import Asked, loras_text, parse_loras

_MOST_FILES = 20_000
_ENDING = ".safetensors"
_SETTLED_NS = 2 * 10**9
"""Longer than file systems take for one tick of their clocks."""


@dataclasses.dataclass(frozen=True)
class Rack:
    """What a model's table in a recipe offers.

    Args:
        listed: each with a name.
        folder: of files, which go by their names without the ending; those in folders within it, too. Empty, if
            there is none.
    """

    listed: tuple[Lora, ...] = ()
    folder: str = ""

    @classmethod
    def of(cls, key: ModelKey[Any]) -> "Rack":
        return cls(key.on_request, key.lora_folder)

    def __bool__(self) -> bool:
        return bool(self.listed or self.folder)

    def named(self, text: str | None) -> tuple[Lora, ...]:
        """The LoRAs that a text asks for, in its order.

        Raises:
            InputError: one is not known.
        """
        return tuple(self._find(each) for each in parse_loras(text or ""))

    def canonical(self, asked: Iterable[Asked]) -> str:
        """What is asked for, by the names as they are here, each with its weight. Errors as `named`."""
        found = [self._find(each) for each in asked]
        return loras_text(Asked(lora.name, lora.weight) for lora in found)

    def bytes_of(self, text: str | None, bytes_each: int) -> int:
        """Of what a text asks for, on a device. Errors as `named`, and of files that cannot be read."""
        from .file import read_lora  # with torch, which whoever asks for names alone need not wait for

        return sum(read_lora(lora.checkpoint).bytes_in(bytes_each) for lora in self.named(text))

    def names(self) -> list[str]:
        return [*(lora.name for lora in self.listed), *self.files()]

    def _find(self, asked: Asked) -> Lora:
        for lora in self.listed:
            if lora.name.casefold() == asked.name.casefold():
                return lora if asked.weight is None else lora._replace(weight=asked.weight)
        files = self.files()
        name = next((each for each in files if each.casefold() == asked.name.casefold()), None)
        if name is None:
            raise InputError(self._unknown(asked.name, files))
        weight = 1.0 if asked.weight is None else asked.weight
        return Lora(str(files[name]), weight, name=name)

    def _unknown(self, name: str, files: Mapping[str, Path]) -> str:
        if not self:
            return (
                f"LoRA {shown(name)}: the recipe offers none: name a lora_folder beside the painter's"
                f" checkpoint, or"
                " list it there with a name"
            )
        known = [*(lora.name for lora in self.listed), *files]
        near = nearest(name, known)
        hint = f": did you mean {near!r}?" if near else ""
        some = ", ".join(sorted(known)[:8]) or "none"
        more = f" and {len(known) - 8} more" if len(known) > 8 else ""
        return f"LoRA {shown(name)}: not known{hint}; known are {some}{more}"

    def files(self) -> dict[str, Path]:
        """Those of the folder by their names; of two of one name, in two folders within it, the first."""
        return _shelf(self.folder).files() if self.folder else {}


class _Shelf:
    """The files of a folder, which is walked again when it, or one within it, has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[dict[Path, int], dict[str, Path]] | None = None

    def files(self) -> dict[str, Path]:
        seen = self._seen
        if seen is None or seen[0] != {folder: _changed(folder) for folder in seen[0]}:
            started = time.time_ns()
            folders, found = _walked(self._folder)
            settled = all(changed < started - _SETTLED_NS for changed in folders.values())
            seen = folders, found
            self._seen = seen if settled else None  # what changes in one tick of the clock shows no change
        return dict(seen[1])


@functools.lru_cache(maxsize=16)
def _shelf(folder: str) -> _Shelf:
    return _Shelf(Path(folder))


def _walked(top: Path) -> tuple[dict[Path, int], dict[str, Path]]:
    """All folders with the time of their last change; and the files by their names."""
    folders, paths = {top: _changed(top)}, list[Path]()
    for place, within, names in os.walk(top):
        folders |= {(folder := Path(place, name)): _changed(folder) for name in within}
        paths += [Path(place, name) for name in names if name.endswith(_ENDING)]
        if len(paths) > _MOST_FILES:
            break
    found: dict[str, Path] = {}
    for path in sorted(paths)[:_MOST_FILES]:
        if path.is_file():
            found.setdefault(path.name.removesuffix(_ENDING), path)
    return folders, found


def _changed(folder: Path) -> int:
    """In nanoseconds; 0 where it is gone."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
