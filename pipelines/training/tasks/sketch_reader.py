"""Trains what shows a drafter its sketches; the drafter stays as it is.

Cross-entropy on the image tokens of scenes of the art, as for the drafter, given the wording without names and
the sketch that the scene was drawn from. A tenth of the kinds is never trained on: a reader learns to have
things copied, not things, so those must come out as well.
"""

import random
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ....engine.errors import InputError
from ....engine.models.language.causal_lm import load_image_token_model, text_ids
from ....engine.models.vision.patch_codebook import PatchCodebook
from ....engine.models.vision.readers.sketch_reader import CLEAR, SketchReader, tokens_of
from ....engine.stages.recalling.recall import wording
from ...pocket.art import Art, ArtScene
from ...pocket.art.drawing import sketch
from ...pocket.art.scene import PLAIN
from ...pocket.art.words import SETTING_WORDS, style_words
from ...pocket.world import SceneError
from ..data.art_data import ArtData
from ..data.source import DRAFT_SIDE, PICTURE_SIDE, TrainingData, smaller
from ..loop.placement import copy_on, in_float32

Tokens = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
HELD_OUT = 10  # of so many kinds, one
TRIES = 20


def is_new(kind: str) -> bool:
    """Whether a kind is held out: by its name alone, for all hands."""
    return zlib.crc32(kind.encode()) % HELD_OUT == 0


def scene_of(art: Art, seed: str, *, new: bool = False) -> ArtScene:
    """A scene by lot of kinds that are trained on, or of `new` ones alone.

    Raises:
        InputError: these kinds are too few to draw scenes of.
    """
    rng = random.Random(seed)
    chosen = Art(art.hands, {name: kind for name, kind in art.kinds.items() if is_new(name) == new})
    for attempt in range(TRIES):
        try:
            scene = chosen.sample(rng, None if attempt < TRIES // 2 else "alone")
        except (SceneError, IndexError):
            continue
        if scene.setting != PLAIN:  # which a drafter need not know: the sketch has it
            return scene
    raise InputError(f"--data art: {len(chosen.kinds)} kinds are too few to draw scenes of: name more")


class SketchReaderTask:
    """A `SketchReader` for the drafter of a folder of shipped weights.

    Args:
        data: the art.
        weights: the folder, with the drafter and its codebook.
        inner: features of what looks at neighbouring places.
        thing_weight: by how much more a token weighs at which the sketch shows something.

    Raises:
        InputError: the data is not the art, or the folder holds no drafter.
    """

    name = "sketch_reader"

    def __init__(
        self,
        data: TrainingData,
        weights: Path,
        *,
        inner: int = 128,
        thing_weight: float = 2.0,
        seed: int = 0,
    ) -> None:
        if not isinstance(data, ArtData):
            raise InputError("train sketch_reader: sketches are of the art alone: say --data art")
        for part in ("drafter", "tokenizer"):
            if not (weights / part).is_dir():
                raise InputError(f"{weights}: holds no {part}: --start-from takes a folder of shipped weights")
        self._art, self.seed, self.thing_weight = data.art, seed, thing_weight
        self.codebook = PatchCodebook.from_pretrained(weights / "tokenizer")
        self._drafter = load_image_token_model(weights / "drafter", torch.float32, torch.device("cpu"))
        torch.manual_seed(seed)
        self.model = SketchReader(
            size=self._drafter.model.config.hidden_size,
            inner=inner,
            grid=self._drafter.grid,
            codebook=self.codebook.codebook.name,
        )
        self.model.begin()

    def batch(self, step: int, size: int) -> dict[str, torch.Tensor]:
        """Pictures as the tokens are to show them, uint8 (b, h, w, 3), sketches uint8 (b, height, width, 4),
        and text ids (b, t) that end where the picture begins."""
        return self.rows([scene_of(self._art, f"{self.seed}/{step}/{i}") for i in range(size)])

    def rows(self, scenes: list[ArtScene]) -> dict[str, torch.Tensor]:
        """What is learnt of these scenes."""
        art, drafter = self._art, self._drafter
        pictures = [np.asarray(art.render(scene, PICTURE_SIDE).image) for scene in scenes]
        sketches = [sketch(scene, art.hands, art.kinds, PICTURE_SIDE) for scene in scenes]
        said = [wording(SETTING_WORDS[scene.setting][0], style_words(scene.style)[0]) for scene in scenes]
        ids = [[*text_ids(drafter.tokenizer, text, drafter.text_length), drafter.start] for text in said]
        return {
            "pixels": torch.from_numpy(np.stack([smaller(each, DRAFT_SIDE) for each in pictures])),
            "sketches": torch.from_numpy(np.stack(sketches)),
            "text": torch.tensor(ids),
        }

    def loss(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        device = batch["pixels"].device
        with in_float32(device):
            book = copy_on(device, self.codebook)
            tokens = book.encode(batch["pixels"]).flatten(1)
            light, dark, opacity = tokens_of(batch["sketches"], book)
        nats = self.nats(batch["text"], tokens, (light, dark, opacity))
        weights = 1 + self.thing_weight * (opacity > CLEAR)
        return {"loss": (nats * weights).sum() / weights.sum(), "nats": nats.mean()}

    def nats(self, text: torch.Tensor, tokens: torch.Tensor, shown: Tokens | None) -> torch.Tensor:
        """What each token costs (b, s), given the text and what `tokens_of` says of the sketch, if there is
        one."""
        model = copy_on(tokens.device, self._drafter.model)
        embed, legal = model.get_input_embeddings(), self._drafter.legal
        entries = embed(torch.cat([text, tokens[:, :-1] + legal.start], 1))
        if shown is not None:
            light, dark, opacity = shown
            grounds = (F.embedding(each, embed.weight[legal]) for each in (light, dark))
            entries = F.pad(self.model(*grounds, opacity), (0, 0, text.shape[1] - 1, 0)) + entries
        logits = model(inputs_embeds=entries, use_cache=False, logits_to_keep=tokens.shape[1]).logits
        return F.cross_entropy(logits[..., legal].float().transpose(1, 2), tokens, reduction="none")

    def save(self, folder: Path) -> None:
        self.model.save_pretrained(folder)
