"""Trains the inspector: it says which things, in which colours and places, setting and style, a picture shows.

It reports quality and nothing else: no stage uses it, and no other model learns from it. It is trained on
renders alone, of the world, or of the art with the world beside it, corrupted a little (blur, JPEG, noise,
bends), so that it is fair to painted pictures. Alone among the models it sees every combination of kind, colour
and setting: one that never saw a held-out one learns that there is none, and misreads the very pictures that it
is to judge (measured: 14 % of their settings).
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from ...pocket.world import Rendered, Scene, render
from ..data.art_data import ArtData
from ..data.corruption import bent, corrupted, how_much, noised
from ..data.source import PICTURE_SIDE, WorldData, indices_of
from .detector import CELL, SIDE, WORDS, Detector, Maps, Words, normalised, shrunk

RENDER_SIDE = 128  # pixels of a render of the world: enough for a model that looks at 96
HELD_OUT_SHARE = 0.1  # as many as the world has of them
UNSEEN = 100_000  # so many held-out scenes, the first ones, are kept for measuring it
COVER = 0.3  # of a cell: a thing that fills less of it is not what the cell is asked about
BELL = 0.6  # cells: standard deviation of the bell around a centre that is no full error
NOTHING = -100  # a label that is not asked


class InspectorTask:
    """Focal loss on centres (Law & Deng 2018, eq. 1), L1 on their places, cross-entropy on all else.

    The renderer's masks say what thing each cell shows, so that all of a thing's cells learn its kind and
    colour, and not its centre alone: so dense a signal teaches shapes far sooner.

    Args:
        widths: channels of its stages, each at half the resolution of the one before.
        side: pixels of what it looks at.
        corrupted: share of rows that are corrupted by blur or JPEG, and of those that are moved and bent.
    """

    name = "inspector"

    def __init__(
        self,
        data: WorldData | ArtData,
        *,
        widths: Sequence[int] = (32, 64, 128, 192),
        side: int = SIDE,
        corrupted: float = 0.6,
        seed: int = 0,
    ) -> None:
        self.data, self.corrupted, self.seed = data, corrupted, seed
        torch.manual_seed(seed)
        self.words = dict(data.attributes) | {"setting": data.settings, "style": data.styles}
        self.words = {what: self.words[what] for what in WORDS}
        self.model = Detector(widths, words=self.words, side=side)

    def batch(self, step: int, size: int) -> dict[str, torch.Tensor]:
        """Pixel values (b, 3, side, side) and what `targets_of` says of them, settings (b,), styles (b,)."""
        rngs = [random.Random(f"inspector/{self.seed}/{step}/{i}") for i in range(size)]
        indices = indices_of(step, size, count=self.data.count, seed=self.seed, what=self.name)
        scenes = [self._scene(int(i), rng) for i, rng in zip(indices, rngs, strict=True)]
        rows = [self._picture(scene, rng) for scene, rng in zip(scenes, rngs, strict=True)]
        pixels = normalised(np.stack([picture for picture, _ in rows]))
        masks = torch.from_numpy(np.stack([mask for _, mask in rows])).float()
        g = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        pixels, masks = bent(pixels, masks, how_much=how_much(rngs, self.corrupted), generator=g)
        return {
            "pixels": noised(pixels, g),
            **targets_of(scenes, masks, self.words),
            "setting": torch.tensor([self.words["setting"].index(scene.setting) for scene in scenes]),
            "style": torch.tensor([self.words["style"].index(scene.style) for scene in scenes]),
        }

    def _scene(self, index: int, rng: random.Random) -> Any:
        if rng.random() < HELD_OUT_SHARE:
            return self.data.held_out().scenes([UNSEEN + index])[0]
        return self.data.scenes([index])[0]

    def _picture(self, scene: Any, rng: random.Random) -> tuple[np.ndarray, np.ndarray]:
        """uint8 (side, side, 3) and the thing numbers (side, side)."""
        rendered, side = self._rendered(scene), self.model.side
        image = corrupted(rendered.image, rng) if rng.random() < self.corrupted else rendered.image
        return shrunk(image, side), np.asarray(rendered.mask.resize((side, side), Image.Resampling.NEAREST))

    def _rendered(self, scene: Any) -> Rendered:
        if isinstance(scene, Scene):
            return render(scene, max(RENDER_SIDE, self.model.side))
        assert isinstance(self.data, ArtData), f"{scene} is not of the world"
        return self.data.art.render(scene, PICTURE_SIDE)

    def loss(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        maps: Maps = self.model(batch["pixels"])
        centre = focal_loss(maps.centre, batch["centre"])
        at = batch["centre"] == 1
        place = _mean_at((maps.offset - batch["offset"]).abs().mean(-1), at)
        kind = _cells_nats(maps.kind, batch["kind"], at)
        colour = _cells_nats(maps.colour, batch["colour"], at)
        setting = F.cross_entropy(maps.setting.float(), batch["setting"])
        style = F.cross_entropy(maps.style.float(), batch["style"])
        parts = {"centre": centre, "place": place, "kind": kind, "colour": colour}
        parts |= {"setting": setting, "style": style}
        return {"loss": torch.stack(list(parts.values())).sum(), **parts}

    def save(self, folder: Path) -> None:
        self.model.save_pretrained(folder)


def targets_of(scenes: Sequence[Any], masks: torch.Tensor, words: Words = WORDS) -> dict[str, torch.Tensor]:
    """What the cells are to say.

    Args:
        masks: thing numbers, float32 (b, side, side), 0 for none.
        words: what is told apart; a colour that is none of them is not asked.

    Returns:
        `centre` (b, y, x): 1 where a centre lies, falling off around it; `offset` (b, y, x, 2): where in that
        cell, (y, x) from 0 to 1; `kind`, `colour` (b, y, x): int64, `NOTHING` where no thing is.
    """
    b, cells = len(scenes), masks.shape[-1] // CELL
    centre, offset = torch.zeros(b, cells, cells), torch.zeros(b, cells, cells, 2)
    cut = masks.reshape(b, cells, CELL, cells, CELL).permute(0, 1, 3, 2, 4).flatten(3)
    most = max(len(scene.things) for scene in scenes)
    cover = torch.stack([(cut == n).float().mean(-1) for n in range(1, most + 1)])  # (things, b, y, x)
    share, which = cover.max(0)
    which = torch.where(share >= COVER, which, NOTHING)
    known = {what: {word: n for n, word in enumerate(words[what])} for what in ("kind", "colour")}
    steps = torch.arange(cells)
    for i, scene in enumerate(scenes):
        for n in range(len(scene.things)):
            inside = masks[i] == n + 1
            if not inside.any():
                continue  # moved out of the frame
            point = torch.stack([_middle(inside.any(1)), _middle(inside.any(0))]) / CELL  # (y, x), in cells
            y, x = point.long().tolist()
            bell = torch.exp(-((steps[:, None] - y) ** 2 + (steps - x) ** 2) / (2 * BELL**2))
            centre[i] = torch.maximum(centre[i], bell)
            offset[i, y, x] = point - point.floor()
            which[i, y, x] = n
    return {
        "centre": centre,
        "offset": offset,
        **{
            what: _named(which, [[numbers.get(getattr(t, what), NOTHING) for t in s.things] for s in scenes])
            for what, numbers in known.items()
        },
    }


def focal_loss(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Law & Deng 2018 (CornerNet), eq. 1, with alpha 2 and beta 4: a mean over the places that are 1."""
    p = logits.float().sigmoid()
    found = wanted == 1
    hit = F.logsigmoid(logits.float()) * (1 - p) ** 2
    miss = F.logsigmoid(-logits.float()) * p**2 * (1 - wanted) ** 4
    return -torch.where(found, hit, miss).sum() / found.sum().clamp_min(1)


def load_inspector(folder: Path) -> Detector:
    """A trained inspector, in float32, on the CPU, ready to look."""
    return Detector.from_pretrained(folder)


def _middle(there: torch.Tensor) -> torch.Tensor:
    """Half way between the first and the last pixel (n,) that is True, from 0 to n."""
    places = there.nonzero()
    return (places[0, 0] + places[-1, 0] + 1) / 2


def _named(which: torch.Tensor, values: list[list[int]]) -> torch.Tensor:
    """Thing indices (b, y, x) as values of the things of each row."""
    most = max(map(len, values))
    table = torch.tensor([row + [NOTHING] * (most - len(row)) for row in values])
    named = table.gather(1, which.clamp_min(0).flatten(1)).reshape(which.shape)
    return torch.where(which >= 0, named, NOTHING)


def _cells_nats(logits: torch.Tensor, wanted: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of all cells that show a thing, and once more of those that hold a centre (b, y, x)."""
    asked = wanted != NOTHING
    nats = F.cross_entropy(
        logits.movedim(-1, 1).float(), wanted, ignore_index=NOTHING, reduction="none"
    )  # (b, y, x)
    return _mean_at(nats, asked) + _mean_at(nats, asked & at)


def _mean_at(values: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """The mean of those values that are asked for, 0 where none are; a GPU is not asked how many there are."""
    return (values * at).sum() / at.sum().clamp_min(1)
