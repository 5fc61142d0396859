"""A memory of pictures: cut-out pictures of things by name and style, and the words that people have for them.

A planner takes its vocabulary from it, and what a plan names is looked up here. The pictures are kept as they
are compressed (WebP, or PNG) in one safetensors file, and decoded when they are asked for.
"""

import functools
import io
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ...errors import CheckpointError
from ...language.closed_vocabulary.vocabulary import FILE, Vocabulary, read_vocabulary
from ..checkpoint.folder import read_json
from .turning import PARTS, Colour, turned

MOST_SIDE = 1024  # pixels of a picture
FORMATS = ("WEBP", "PNG")


@dataclass(frozen=True)
class Remembered:
    """A picture of the memory.

    Args:
        kind: its name in the vocabulary.
        style: as the vocabulary has it.
        colour: that it has in this picture, of several; '' for its own.
        floats: it does not stand on the ground.
        colours: that it may be turned to, when it is looked up; see `PictureMemory.colours`.
        turns: the part of it that is turned then, one of `turning.PARTS`.
    """

    kind: str
    style: str
    colour: str = ""
    floats: bool = False
    colours: tuple[str, ...] = ()
    turns: str = ""


class PictureMemory(nn.Module):
    """Pictures to look up.

    Args:
        vocabulary: of those who ask; its kinds and styles are those of the pictures.
        pictures: what each is, in the order of the file.
        data: uint8, the compressed pictures one after the other.
        ends: int64 (n,), where each of them ends.
        rimmed: styles whose things are cut out with a white rim.
        grounds: settings that are one colour, with those that they may be, uint8 values of red, green, blue.
        by_heart: kinds that the drafter draws without pictures, in the styles of which there are none.
        colours: what the colours are that pictures may be turned to.
    """

    data: torch.Tensor
    ends: torch.Tensor

    def __init__(
        self,
        vocabulary: Vocabulary,
        pictures: Iterable[Remembered],
        *,
        data: torch.Tensor,
        ends: torch.Tensor,
        rimmed: Iterable[str] = (),
        by_heart: Iterable[str] = (),
        grounds: Mapping[str, Sequence[Sequence[int]]] | None = None,
        colours: Mapping[str, Colour] | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("data", data)
        self.register_buffer("ends", ends)
        self.vocabulary, self.rimmed, self.by_heart = vocabulary, frozenset(rimmed), frozenset(by_heart)
        self.pictures, self.grounds, self.colours = tuple(pictures), dict(grounds or {}), dict(colours or {})
        self._places = {(each.kind, each.style, each.colour): i for i, each in enumerate(self.pictures)}

    @functools.cached_property
    def styles(self) -> tuple[str, ...]:
        """In which there are pictures, the first one first."""
        return tuple(dict.fromkeys(each.style for each in self.pictures))

    def find(self, kind: str, style: str, colour: str = "") -> int | None:
        """The number of a picture; in its own colour, where there is none in this one; `None` where that style
        has no picture of the kind."""
        place = self._places.get((kind, style, colour))
        return self._places.get((kind, style, "")) if place is None else place

    def picture(self, number: int, colour: str = "") -> Any:
        """A PIL picture, RGBA; turned to a colour, if it may be.

        Raises:
            CheckpointError: it cannot be read.
        """
        from PIL import Image

        picture, which = self._decoded(number), self.pictures[number]
        if colour not in which.colours:
            return picture
        return Image.fromarray(turned(np.asarray(picture), colour, self.colours[colour], which.turns))

    def _decoded(self, number: int) -> Any:
        from PIL import Image

        begin = int(self.ends[number - 1]) if number else 0
        coded = bytes(self.data[begin : int(self.ends[number])].cpu().numpy())
        try:
            with Image.open(io.BytesIO(coded), formats=FORMATS) as picture:
                if max(picture.size) > MOST_SIDE:
                    raise ValueError(f"{picture.width} x {picture.height} px, of at most {MOST_SIDE}")
                return picture.convert("RGBA")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            which = self.pictures[number]
            raise CheckpointError(
                f"the memory's picture of {which.kind!r} ({which.style}) is damaged ({error}): make it again:"
                " diptych train memory"
            ) from None

    @classmethod
    def from_pretrained(cls, folder: Path) -> "PictureMemory":
        """A memory from its folder.

        Raises:
            CheckpointError: a file is missing or damaged.
        """
        config = read_json(folder / "config.json")
        vocabulary = read_vocabulary(folder)
        if vocabulary is None:
            raise CheckpointError(f"{folder}: has no {FILE}: make it again: diptych train memory")
        try:
            tensors = load_file(folder / "model.safetensors")
            rows = read_json(folder / "pictures.json")["pictures"]
            pictures = [Remembered(**row | {"colours": tuple(row.get("colours", ()))}) for row in rows]
            memory = cls(
                vocabulary,
                pictures,
                data=tensors["data"],
                ends=tensors["ends"],
                rimmed=config.get("rimmed", ()),
                by_heart=config.get("by_heart", ()),
                grounds=config.get("grounds"),
                colours={name: tuple(rgb) for name, rgb in config.get("colours", {}).items()},
            )
        except (SafetensorError, KeyError, TypeError, OSError) as error:
            raise CheckpointError(f"{folder}: {error}: make it again: diptych train memory") from None
        _check(memory, folder)
        return memory


def write_memory(
    folder: Path,
    pictures: Iterable[tuple[Remembered, bytes]],
    *,
    meanings: Mapping[str, Any],
    rimmed: Iterable[str] = (),
    by_heart: Iterable[str] = (),
    grounds: Mapping[str, Sequence[Sequence[int]]] | None = None,
    colours: Mapping[str, Colour] | None = None,
) -> int:
    """Write a memory's files; how many pictures there are.

    Args:
        pictures: each with the bytes of its WebP or PNG file.
        meanings: the content of `vocabulary.json`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told, coded = [], []
    for which, each in pictures:
        told.append({name: value for name, value in vars(which).items() if value})
        coded.append(each)
    ends = torch.tensor(list(itertools.accumulate(map(len, coded))), dtype=torch.long)
    data = torch.frombuffer(bytearray(b"".join(coded)), dtype=torch.uint8)
    save_file({"data": data, "ends": ends}, folder / "model.safetensors")
    config: dict[str, Any] = {
        "model_type": "picture-memory",
        "rimmed": sorted(rimmed),
        "by_heart": sorted(by_heart),
    }
    config |= {"grounds": dict(grounds or {}), "colours": dict(colours or {})}
    for name, content in (
        ("config.json", config),
        ("pictures.json", {"pictures": told}),
        (FILE, dict(meanings)),
    ):
        (folder / name).write_text(
            json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8"
        )
    return len(coded)


def _check(memory: PictureMemory, folder: Path) -> None:
    data, ends, vocabulary = memory.data, memory.ends, memory.vocabulary
    right = data.dtype == torch.uint8 and ends.dtype == torch.long and data.ndim == ends.ndim == 1
    if not right or len(ends) != len(memory.pictures) or not len(ends) or int(ends[-1]) != len(data):
        raise CheckpointError(f"{folder}: its files do not belong together: copy the folder again")
    if bool((ends.diff() < 0).any()) or int(ends[0]) < 0:
        raise CheckpointError(f"{folder}/model.safetensors: its pictures end before they begin: copy it again")
    for setting, colours in memory.grounds.items():
        if setting not in vocabulary.settings or not all(_is_colour(each) for each in colours):
            raise CheckpointError(
                f"{folder}/config.json: grounds: {setting!r} is no setting of colours: copy it again"
            )
    if any(not _is_colour(each) for each in memory.colours.values()):
        raise CheckpointError(
            f"{folder}/config.json: colours: each is red, green, blue, 0 to 255: copy it again"
        )
    for each in memory.pictures:
        if not {*each.colours} <= {*memory.colours} or each.turns not in PARTS:
            raise CheckpointError(
                f"{folder}/pictures.json: {each.kind!r} cannot be turned as it says: copy the folder again"
            )
        if each.kind not in vocabulary.kinds or each.style not in vocabulary.styles:
            raise CheckpointError(
                f"{folder}: {FILE} does not know {each.kind!r} {each.style!r}, of which there is a picture:"
                " make the memory again: diptych train memory"
            )


def _is_colour(value: Any) -> bool:
    return len(value) == 3 and all(type(part) is int and 0 <= part <= 255 for part in value)


def load_picture_memory(folder: Path, dtype: torch.dtype, device: torch.device) -> PictureMemory:
    """The memory of a checkpoint folder; its pictures are bytes, whatever the dtype."""
    return PictureMemory.from_pretrained(folder).to(device)
