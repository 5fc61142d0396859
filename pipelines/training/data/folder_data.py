"""A user's own pictures with captions as training data: `diptych train ... --data FOLDER`.

Each picture is opened once: checked, made upright, cut to the square in its middle, scaled, and kept in one
array on disk beside the training, so that steps read no files. Such pictures come without labels: masks are
empty, so every pixel weighs the same, and patches have no classes. A caption's facts are its clauses, of
kind 'other'; a false one is a clause of another picture's caption.
"""

import dataclasses
import hashlib
import json
import os
import random
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ....engine.errors import InputError
from ....engine.language.words.content import plain_words
from ...files import write_atomically
from ...pictures.pixels import rgb_of
from ...pocket.world import Fact
from .picture_folder import Captioned, read_captions, refuse
from .source import DRAFT_SIDE, IGNORED, PICTURE_SIDE, Batch, smaller

LEAST = 16  # pictures to train on; a codebook needs as many for its patches
HELD_OUT_ONE_IN = 10
SHORTER = 0.3  # share of wordings that say the first clause alone
MOST_FACTS = 4
ARRAY, CONTENTS = "pictures.npy", "pictures.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    """One picture of the folder: its place in the array, and its captions, the main one first."""

    place: int
    captions: tuple[str, ...]

    @property
    def clauses(self) -> tuple[str, ...]:
        """The parts of the main caption between its commas, full stops and semicolons."""
        parts = (part.strip() for part in re.split(r"[,;:.](?:\s|$)", self.captions[0]))
        return tuple(dict.fromkeys(part for part in parts if part))[:MOST_FACTS]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderData:
    """One side of the split of a folder's pictures. `open_folder` is the way to one.

    Args:
        pixels: uint8 (all pictures, side, side, 3), read from disk as needed.
        others: the examples of the other side of the split.
    """

    name: str
    pixels: np.ndarray
    examples: tuple[Example, ...]
    others: tuple[Example, ...]

    @property
    def count(self) -> int:
        return len(self.examples)

    @property
    def patch_classes(self) -> tuple[int, ...]:
        return ()

    def held_out(self) -> "FolderData":
        return dataclasses.replace(self, examples=self.others, others=self.examples)

    def scenes(self, indices: Iterable[int]) -> list[Example]:
        return [self.examples[int(i) % self.count] for i in indices]

    def take(self, indices: Iterable[int], side: int) -> Batch:
        """These pictures, from the first again after the last, at any side up to the array's."""
        examples = self.scenes(indices)
        squares = [self.pixels[example.place] for example in examples]
        pixels = torch.from_numpy(np.stack([smaller(square, side) for square in squares]))
        return Batch(
            pixels=pixels, masks=torch.zeros(len(examples), side, side, dtype=torch.uint8), scenes=examples
        )

    def to_plan(self, index: int, rng: random.Random) -> Example:
        return self.scenes([index])[0]

    def prompt_of(self, scene: Example) -> str:
        return scene.captions[0]

    def caption_of(self, scene: Example, rng: random.Random) -> str:
        """Any of its captions, or at times the first clause alone, so that a planner learns to say the rest."""
        if rng.random() < SHORTER:
            return scene.clauses[0]
        return rng.choice(scene.captions)

    def facts_of(self, scene: Example) -> tuple[Fact, ...]:
        return tuple(("other", clause) for clause in scene.clauses)

    def false_facts_of(self, scene: Example, rng: random.Random) -> list[Fact]:
        """A clause each of other pictures, as many as this one has facts."""
        own = " ".join(scene.captions).lower()
        false: list[Fact] = []
        for _ in scene.clauses:
            for other in rng.choices(self.examples, k=8):
                clause = rng.choice(other.clauses)
                if clause.lower() not in own:
                    false.append(("other", clause))
                    break
        return false or [("other", "nothing at all")]

    def teaches_prejudice(self, scene: Example, false_fact: Fact) -> bool:
        return False

    def patch_labels(self, batch: Batch, cells: int) -> torch.Tensor:
        return torch.full((len(batch.scenes), cells * cells, 0), IGNORED)

    def names(self) -> dict[str, tuple[int, int]]:
        return {}

    def meanings(self) -> Mapping[str, Any] | None:
        return None

    def words(self) -> frozenset[str]:
        captions = (caption for example in self.examples for caption in example.captions)
        return frozenset(word for caption in captions for word in plain_words(caption))

    def letters(self) -> frozenset[str]:
        return frozenset()

    def phrases(self) -> tuple[str, ...]:
        return ()

    def untold(self) -> Mapping[str, tuple[str, ...]]:
        return {}


def open_folder(
    folder: Path, cache: Path, *, side: int = PICTURE_SIDE, say: Callable[[str], None] = print
) -> FolderData:
    """The training side of a folder's pictures, made ready in `cache` unless they are there already.

    Every tenth picture, chosen by a hash of its name, is held out.

    Args:
        side: of the squares, in pixels.

    Raises:
        InputError: see `read_captions`; or pictures cannot be opened, are too small, or too few.
    """
    found = read_captions(folder)
    name = f"{folder.resolve().name}, {len(found)} pictures, {_fingerprint(folder, found, side)}"
    examples = [Example(place=i, captions=captions) for i, (_, captions) in enumerate(found)]
    ranks = sorted(range(len(found)), key=lambda i: hashlib.sha256(found[i][0].name.encode()).digest())
    held_out = set(ranks[: max(1, len(found) // HELD_OUT_ONE_IN)])
    if len(found) - len(held_out) < LEAST:
        raise InputError(f"{folder}: {len(found)} pictures are too few: at least {LEAST + 2} are needed")
    if _contents(cache) != name:
        _prepare(folder, found, cache, side=side, say=say)
        write_atomically(cache / CONTENTS, (json.dumps({"data": name}) + "\n").encode())
    return FolderData(
        name=name,
        pixels=np.load(cache / ARRAY, mmap_mode="r"),
        examples=tuple(e for e in examples if e.place not in held_out),
        others=tuple(e for e in examples if e.place in held_out),
    )


def _fingerprint(folder: Path, found: list[Captioned], side: int) -> str:
    contents = [[str(path.relative_to(folder)), path.stat().st_size, *captions] for path, captions in found]
    return hashlib.sha256(json.dumps([side, contents]).encode()).hexdigest()[:12]


def _contents(cache: Path) -> str | None:
    try:
        return json.loads((cache / CONTENTS).read_text(encoding="utf-8"))["data"]
    except (OSError, ValueError, KeyError):
        return None


def _prepare(
    folder: Path, found: list[Captioned], cache: Path, *, side: int, say: Callable[[str], None]
) -> None:
    """Open every picture, and write the array if none is at fault."""
    cache.mkdir(parents=True, exist_ok=True)
    part = cache / f"{ARRAY}.part"
    squares = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(len(found), side, side, 3))
    faults, enlarged = [], 0
    for i, (path, _) in enumerate(found):
        try:
            image = rgb_of(path)
        except InputError as error:
            faults.append(str(error).replace(f"{folder}{os.sep}", ""))
            continue
        shorter = min(image.size)
        if shorter < DRAFT_SIDE:
            faults.append(
                f"{path.name}: is {image.width} x {image.height} pixels: at least {DRAFT_SIDE} a side"
            )
            continue
        enlarged += shorter < side
        squares[i] = _square(image, side)
    squares.flush()
    del squares
    if faults:
        part.unlink()
    refuse(folder, faults, f"{len(faults)} of {len(found)} pictures cannot be trained on")
    os.replace(part, cache / ARRAY)
    larger = f"; {enlarged} of them were smaller, and are enlarged" if enlarged else ""
    say(f"data: {len(found)} pictures of {folder}, cut to squares of {side} pixels{larger}")


def _square(image: Image.Image, side: int) -> np.ndarray:
    """The square in the middle, uint8 (side, side, 3)."""
    shorter = min(image.size)
    left, top = (image.width - shorter) // 2, (image.height - shorter) // 2
    box = (left, top, left + shorter, top + shorter)
    way = Image.Resampling.BOX if shorter >= 2 * side else Image.Resampling.BICUBIC
    return np.asarray(image.resize((side, side), way, box=box))
