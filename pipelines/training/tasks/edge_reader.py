"""Trains what makes a drafter follow lines: a small network that tells tokens by the lines around them.

Cross-entropy on the image tokens of scenes of the illustrated world, given the lines of the scene's own
picture. Lines are made as users have them: found with more blur or less, of the things alone, thick or thin,
and with gaps. The drafter has no part in it.
"""

import random
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ....engine.errors import InputError
from ....engine.models.vision.edges import BLUR, HIGH, edges_of
from ....engine.models.vision.patch_codebook import PatchCodebook
from ....engine.models.vision.readers.edge_reader import EdgeReader
from ...pocket.world import Scene, render
from ..data.source import DRAFT_SIDE, TrainingData, WorldData, batch_of, indices_of, shows_thing
from ..loop.placement import copy_on, in_float32

OUTLINES = 0.3  # share of pictures of which the things' outlines are seen, and nothing else
MIRRORED = 0.5  # share of pictures
GAPS = 3  # in the lines of a picture, at most
SIDE = 128  # pixels of the pictures in which lines are looked for
WIDEST_GAP = 20
COUNTED = 128  # pictures whose tokens are counted before the first step


def lines_in(pixels: torch.Tensor, mask: torch.Tensor, rng: random.Random) -> torch.Tensor:
    """The lines of a picture uint8 (h, w, 3), with its things numbered in a mask uint8 (h, w), as a user might
    have them: bool (h, w)."""
    if rng.random() < OUTLINES:
        level = mask.float()[None, None]
        lines = (F.max_pool2d(level, 3, 1, 1) != -F.max_pool2d(-level, 3, 1, 1))[0, 0]
    else:
        blur, high = BLUR / 2 * rng.uniform(0.6, 1.6), HIGH * rng.uniform(0.6, 1.8)
        lines = edges_of(pixels[None], blur=blur, high=high)[0]
    width = rng.choice((1, 1, 3))
    lines = F.max_pool2d(lines[None, None].float(), width, 1, width // 2)[0, 0] > 0
    for _ in range(rng.randint(0, GAPS)):
        side = rng.randint(4, WIDEST_GAP)
        top, left = (rng.randrange(SIDE - side) for _ in range(2))
        lines[top : top + side, left : left + side] = False
    return lines


class EdgeReaderTask:
    """An `EdgeReader` for the codebook of a folder of shipped weights.

    Args:
        data: the illustrated world.
        weights: the folder.
        inner: features of what looks at neighbouring places.
        thing_weight: by how much more a token weighs that shows a thing.

    Raises:
        InputError: the data is not the world, or the folder holds no codebook.
    """

    name = "edge_reader"

    def __init__(
        self,
        data: TrainingData,
        weights: Path,
        *,
        inner: int = 96,
        thing_weight: float = 2.0,
        seed: int = 0,
    ) -> None:
        if not isinstance(data, WorldData):
            raise InputError("train edge_reader: lines are of the illustrated world alone: leave --data out")
        if not (weights / "tokenizer").is_dir():
            raise InputError(f"{weights}: holds no tokenizer: --start-from takes a folder of shipped weights")
        self._data, self.seed, self.thing_weight = data, seed, thing_weight
        self.codebook = PatchCodebook.from_pretrained(weights / "tokenizer")
        torch.manual_seed(seed)
        book = self.codebook.codebook
        self.model = EdgeReader(size=book.size, inner=inner, grid=self.codebook.grid, codebook=book.name)
        self.model.begin(self._prior())

    def _prior(self) -> torch.Tensor:
        """How frequent tokens are, as log-probabilities (v,); none is impossible."""
        pictures = self._data.take(range(COUNTED), DRAFT_SIDE).pixels
        counts = torch.bincount(self.codebook.encode(pictures).flatten(), minlength=self.model.size) + 1.0
        return (counts / counts.sum()).log()

    def batch(self, step: int, size: int) -> dict[str, torch.Tensor]:
        """Pictures as the tokens are to show them, uint8 (b, h, w, 3), lines as points, float32 (b, height,
        width), and a weight for each token (b, s)."""
        indices = indices_of(step, size, count=self._data.count, seed=self.seed, what=self.name)
        return self.rows(
            self._data.scenes(indices), [random.Random(f"{self.seed}/{step}/{i}") for i in indices]
        )

    def rows(self, scenes: list[Scene], rngs: list[random.Random]) -> dict[str, torch.Tensor]:
        """What is learnt of these scenes, some of them seen in a mirror."""
        drawn = [render(scene, SIDE) for scene in scenes]
        pictures = [(np.asarray(each.image), np.asarray(each.mask)) for each in drawn]
        turned = [
            (_mirrored(picture), _mirrored(mask)) if rng.random() < MIRRORED else (picture, mask)
            for (picture, mask), rng in zip(pictures, rngs, strict=True)
        ]
        batch = batch_of(turned, scenes, SIDE)
        lines = [lines_in(*each) for each in zip(batch.pixels, batch.masks, rngs, strict=True)]
        return {
            "pixels": batch.smaller(DRAFT_SIDE).pixels,
            "lines": self.model.points(torch.stack(lines)).cpu(),
            "weights": 1 + self.thing_weight * shows_thing(batch.masks, self.model.grid[0]).flatten(1),
        }

    def loss(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        with in_float32(batch["pixels"].device):
            tokens = copy_on(batch["pixels"].device, self.codebook).encode(batch["pixels"]).flatten(1)
        logits = self.model(batch["lines"]).float().transpose(1, 2)
        nats = F.cross_entropy(logits, tokens, reduction="none")
        return {"loss": (nats * batch["weights"]).sum() / batch["weights"].sum(), "nats": nats.mean()}

    def save(self, folder: Path) -> None:
        self.model.save_pretrained(folder)


def _mirrored(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array[:, ::-1])
