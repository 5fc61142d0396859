"""Trains what makes a drafter follow lines; the drafter stays as it is.

Cross-entropy on the image tokens of scenes of the illustrated world, as for the drafter, given the words and
the lines of the scene's own picture. Where the lines are they say, not the words: of half of the scenes whose
thing stands alone the words name another place and another size. Lines are made as users have them: found
with more blur or less, of the things alone, thick or thin, and with gaps.
"""

import dataclasses
import random
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ....engine.errors import InputError
from ....engine.models.language.causal_lm import load_image_token_model, text_ids
from ....engine.models.vision.edge_reader import EdgeReader
from ....engine.models.vision.edges import BLUR, HIGH, edges_of
from ....engine.models.vision.patch_codebook import PatchCodebook
from ...pocket.world import PLACES, SIZES, Scene
from ..data.source import DRAFT_SIDE, PICTURE_SIDE, Batch, TrainingData, WorldData, indices_of, shows_thing
from ..loop.placement import copy_on, in_float32
from .drafter import wording_of

ELSEWHERE = 0.5  # share of things alone of which the words say another place and size
OUTLINES = 0.3  # share of pictures of which the things' outlines are seen, and nothing else
GAPS = 3  # in the lines of a picture, at most
WIDEST_GAP = 40  # pixels of a picture of 256


def said_elsewhere(scene: Scene, rng: random.Random) -> Scene:
    """The scene as words may have it: a thing alone stands anywhere, and is of any size."""
    if scene.arrangement != "alone" or rng.random() >= ELSEWHERE:
        return scene
    (thing,) = scene.things
    moved = dataclasses.replace(thing, place=rng.choice(PLACES), size=rng.choice(SIZES))
    return dataclasses.replace(scene, things=(moved,))


def lines_in(pixels: torch.Tensor, mask: torch.Tensor, rng: random.Random) -> torch.Tensor:
    """The lines of a picture uint8 (h, w, 3), with its things numbered in a mask uint8 (h, w), as a user might
    have them: bool (h, w)."""
    if rng.random() < OUTLINES:
        level = mask.float()[None, None]
        lines = (F.max_pool2d(level, 3, 1, 1) != -F.max_pool2d(-level, 3, 1, 1))[0, 0]
    else:
        blur, high = BLUR * rng.uniform(0.6, 1.6), HIGH * rng.uniform(0.6, 1.8)
        lines = edges_of(pixels[None], blur=blur, high=high)[0]
    width = rng.choice((1, 1, 3, 5))
    lines = F.max_pool2d(lines[None, None].float(), width, 1, width // 2)[0, 0] > 0
    for _ in range(rng.randint(0, GAPS)):
        side = rng.randint(4, WIDEST_GAP)
        top, left = (rng.randrange(PICTURE_SIDE - side) for _ in range(2))
        lines[top : top + side, left : left + side] = False
    return lines


class EdgeReaderTask:
    """An `EdgeReader` for the drafter of a folder of shipped weights.

    Args:
        data: the illustrated world.
        weights: the folder, with the drafter and its codebook.
        inner: features of what looks at neighbouring places.
        thing_weight: by how much more a token weighs that shows a thing.
        drop: share of rows without words.

    Raises:
        InputError: the data is not the world, or the folder holds no drafter.
    """

    name = "edge_reader"

    def __init__(
        self,
        data: TrainingData,
        weights: Path,
        *,
        inner: int = 128,
        thing_weight: float = 2.0,
        drop: float = 0.1,
        seed: int = 0,
    ) -> None:
        if not isinstance(data, WorldData):
            raise InputError("train edge_reader: lines are of the illustrated world alone: leave --data out")
        for part in ("drafter", "tokenizer"):
            if not (weights / part).is_dir():
                raise InputError(f"{weights}: holds no {part}: --start-from takes a folder of shipped weights")
        self._data, self.seed, self.thing_weight, self.drop = data, seed, thing_weight, drop
        self.codebook = PatchCodebook.from_pretrained(weights / "tokenizer")
        self._drafter = load_image_token_model(weights / "drafter", torch.float32, torch.device("cpu"))
        torch.manual_seed(seed)
        self.model = EdgeReader(
            size=self._drafter.model.config.hidden_size,
            inner=inner,
            grid=self._drafter.grid,
            codebook=self.codebook.codebook.name,
        )
        self.model.begin()

    def batch(self, step: int, size: int) -> dict[str, torch.Tensor]:
        """Pictures as the tokens are to show them, uint8 (b, h, w, 3), lines as points, float32 (b, height,
        width), text ids (b, t) that end where the picture begins, and a weight for each token (b, s)."""
        indices = indices_of(step, size, count=self._data.count, seed=self.seed, what=self.name)
        rngs = [random.Random(f"{self.seed}/{step}/{i}") for i in range(size)]
        return self.rows(self._data.take(indices, PICTURE_SIDE), rngs)

    def rows(self, batch: Batch, rngs: list[random.Random]) -> dict[str, torch.Tensor]:
        """What is learnt of these pictures."""
        drafter = self._drafter
        lines = [lines_in(*each) for each in zip(batch.pixels, batch.masks, rngs, strict=True)]
        said = [
            wording_of(self._data, said_elsewhere(scene, rng), rng, drop=self.drop)
            for scene, rng in zip(batch.scenes, rngs, strict=True)
        ]
        ids = [[*text_ids(drafter.tokenizer, text, drafter.text_length), drafter.start] for text in said]
        return {
            "pixels": batch.smaller(DRAFT_SIDE).pixels,
            "lines": self.model.points(torch.stack(lines)).cpu(),
            "text": torch.from_numpy(np.array(ids)),
            "weights": 1 + self.thing_weight * shows_thing(batch.masks, drafter.grid[0]).flatten(1),
        }

    def loss(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        with in_float32(batch["pixels"].device):
            tokens = copy_on(batch["pixels"].device, self.codebook).encode(batch["pixels"]).flatten(1)
        nats = self.nats(batch["text"], tokens, batch["lines"])
        return {"loss": (nats * batch["weights"]).sum() / batch["weights"].sum(), "nats": nats.mean()}

    def nats(self, text: torch.Tensor, tokens: torch.Tensor, lines: torch.Tensor | None) -> torch.Tensor:
        """What each token costs (b, s), given the text and the points of lines, if there are any."""
        model = copy_on(tokens.device, self._drafter.model)
        legal = self._drafter.legal
        entries = model.get_input_embeddings()(torch.cat([text, tokens[:, :-1] + legal.start], 1))
        if lines is not None:
            entries = F.pad(self.model(lines), (0, 0, text.shape[1] - 1, 0)) + entries
        logits = model(inputs_embeds=entries, use_cache=False, logits_to_keep=tokens.shape[1]).logits
        return F.cross_entropy(logits[..., legal].float().transpose(1, 2), tokens, reduction="none")

    def save(self, folder: Path) -> None:
        self.model.save_pretrained(folder)
