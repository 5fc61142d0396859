"""Where training pictures come from: the illustrated world, rendered as they are needed.

Scene i of a split is a function of (split, i) alone.
"""

import dataclasses
import random
from collections.abc import Iterable

import numpy as np
import torch
from PIL import Image

from ..pocket.world import Scene, render, sample_scene

PICTURE_SIDE = 256  # pixels of a finished picture
DRAFT_SIDE = 48  # pixels of what the tokens show
_INSIDE = [0] + [255] * 255  # from thing numbers to a mask


def scene_of(split: str, index: int, *, two_things: float = 0.35) -> Scene:
    """Scene `index` of `split`: 'train', or 'held-out', whose triples of kind, colour, setting are its own."""
    return sample_scene(random.Random(f"{split}/{index}"), two_things=two_things, held_out=split == "held-out")


def picture_of(scene: Scene, side: int = PICTURE_SIDE) -> tuple[np.ndarray, np.ndarray]:
    """The picture, uint8 (side, side, 3), and where its things are, uint8 (side, side), 0 to 255.

    A smaller picture is the area average of the one of 256 pixels, as when a finished picture is looked at.
    Any `side` up to 256.
    """
    rendered = render(scene, PICTURE_SIDE)
    image, mask = rendered.image, rendered.mask.point(_INSIDE)
    if side != PICTURE_SIDE:
        image, mask = (each.resize((side, side), Image.Resampling.BOX) for each in (image, mask))
    return np.asarray(image), np.asarray(mask)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batch:
    """Pictures uint8 (b, h, w, 3), where their things are, uint8 (b, h, w) 0 to 255, and their scenes."""

    pixels: torch.Tensor
    masks: torch.Tensor
    scenes: list[Scene]


@dataclasses.dataclass(frozen=True)
class WorldData:
    """The first `count` scenes of a split. Rendering takes about a millisecond, so nothing is cached."""

    split: str = "train"
    count: int = 1_000_000

    def scenes(self, indices: Iterable[int]) -> list[Scene]:
        return [scene_of(self.split, int(i)) for i in indices]

    def take(self, indices: Iterable[int], side: int) -> Batch:
        """These scenes, as pictures `side` pixels high and wide (at most 256)."""
        return self.render(self.scenes(indices), side)

    def render(self, scenes: list[Scene], side: int) -> Batch:
        """Any scenes, likewise."""
        pairs = [picture_of(scene, side) for scene in scenes]
        return Batch(
            pixels=torch.from_numpy(np.stack([p for p, _ in pairs])),
            masks=torch.from_numpy(np.stack([m for _, m in pairs])),
            scenes=scenes,
        )


def indices_of(step: int, size: int, *, count: int, seed: int, what: str) -> np.ndarray:
    """Which scenes make the batch of `step`: `size` of `count`, a function of these arguments alone."""
    return np.random.default_rng([seed, step, *what.encode()]).integers(0, count, size)


def shows_thing(masks: torch.Tensor, patch: int) -> torch.Tensor:
    """1.0 where a patch shows some of a thing, else 0.0: masks (b, h·patch, w·patch) to float32 (b, h, w)."""
    share = masks.unfold(1, patch, patch).unfold(2, patch, patch).float().mean((-1, -2)) / 255
    return (share > 0.02).float()


def things_in_cells(scenes: list[Scene], cells: int) -> torch.Tensor:
    """Which thing fills most of each cell of a coarse grid: int64 (b, cells, cells), 0 none, i for thing i."""
    side = cells * 8
    masks = np.stack([np.asarray(render(scene, side).mask) for scene in scenes])  # (b, side, side)
    cut = torch.from_numpy(masks).reshape(len(scenes), cells, 8, cells, 8).permute(0, 1, 3, 2, 4).flatten(3)
    shares = torch.stack(
        [(cut == i).float().mean(-1) for i in range(int(masks.max()) + 1)]
    )  # (things + 1, b, …)
    shares[0] = 0.1  # a thing that fills less than this of a cell is not in it
    return shares.argmax(0)
