"""Trains the captioner: it writes captions of pictures and previews, and answers yes or no about single facts.

Cross-entropy on the caption's words and on the one word that answers. In training a linear head on the vision
transformer also names the thing and the colour in every patch, which the renderer knows: so dense a signal
teaches it shapes several times sooner than captions alone. A share of the rows sees a blank picture: what the
model then expects of a caption is what the likelihood score is measured against. Shares no weights with the
drafter.
"""

import random
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from ...engine.models.patch_codebook import PatchCodebook
from ..pocket.world import (
    COLOURS,
    KINDS,
    PLACES,
    SIZES,
    Fact,
    Scene,
    caption_of,
    facts_of,
    false_facts_of,
    is_held_out,
    prompt_of,
)
from .data import DRAFT_SIDE, PICTURE_SIDE, WorldData, indices_of, things_in_cells
from .texts import id_of
from .weights import save_image_processor, save_transformers

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

IMAGE_SIDE = 64
PATCH = 8
CAPTION_LENGTH = 32
ASK_LENGTH = 20
ASKS = 3  # true facts asked of a picture in training, and as many false ones
ASK_WEIGHT = 2.0
IGNORED = -100
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "kind": KINDS,
    "colour": tuple(COLOURS),
    "place": tuple(PLACES),
    "size": tuple(SIZES),
}
"""What the training head says of the thing in a patch: field of a `Thing` to its values."""


def pixel_values(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 (b, h, w, 3) to float32 (b, 3, 64, 64) in [-1, 1], as the checkpoint's image processor does it."""
    size = (IMAGE_SIDE, IMAGE_SIDE)
    small = [np.asarray(Image.fromarray(p.numpy()).resize(size, Image.Resampling.BICUBIC)) for p in pixels]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float() / 127.5 - 1


def ask_text(fact: str) -> str:
    return f"<s><ask>{fact}<answer>"


def _would_teach_a_prejudice(scene: Scene, false_fact: Fact) -> bool:
    """Whether a fact is false of every training scene like this one, being true of held-out ones only.

    Asked about it, the model would learn to say no without looking.
    """
    about, text = false_fact
    words = text.split()
    if about == "thing":
        return any(is_held_out(words[-1], thing.colour, scene.setting) for thing in scene.things)
    return about == "colour" and is_held_out(words[-1], words[-2], scene.setting)


class CaptionerTask:
    """A small BLIP (Li et al. 2022): a vision transformer read by a text decoder through cross-attention.

    Args:
        codebook: previews of drafts are a share of the pictures.
        blank: share of rows that see no picture.
        previews: share of rows that see what the tokens alone show.
    """

    name = "captioner"

    def __init__(
        self,
        data: WorldData,
        codebook: PatchCodebook,
        tokenizer: "PreTrainedTokenizerFast",
        *,
        hidden_size: int = 192,
        vision_layers: int = 6,
        text_layers: int = 3,
        blank: float = 0.08,
        previews: float = 0.35,
        seed: int = 0,
    ) -> None:
        from transformers import BlipConfig, BlipForConditionalGeneration, BlipTextConfig, BlipVisionConfig

        self.data, self.codebook, self.tokenizer = data, codebook, tokenizer
        self.blank, self.previews, self.seed = blank, previews, seed
        torch.manual_seed(seed)
        text = BlipTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=hidden_size,
            encoder_hidden_size=hidden_size,
            intermediate_size=3 * hidden_size,
            num_hidden_layers=text_layers,
            num_attention_heads=6,
            max_position_embeddings=64,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            bos_token_id=id_of(tokenizer, "<s>"),
            eos_token_id=id_of(tokenizer, "</s>"),
            sep_token_id=id_of(tokenizer, "</s>"),
            pad_token_id=id_of(tokenizer, "<pad>"),
            projection_dim=hidden_size,
        )
        vision = BlipVisionConfig(
            hidden_size=hidden_size,
            intermediate_size=3 * hidden_size,
            num_hidden_layers=vision_layers,
            num_attention_heads=6,
            image_size=IMAGE_SIDE,
            patch_size=PATCH,
            projection_dim=hidden_size,
        )
        config = BlipConfig(
            text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=hidden_size
        )
        self.captioner = BlipForConditionalGeneration(config)
        torch.nn.init.normal_(self.captioner.vision_model.embeddings.position_embedding, std=0.02)
        torch.nn.init.normal_(self.captioner.vision_model.embeddings.class_embedding, std=0.02)
        classes = sum(1 + len(values) for values in ATTRIBUTES.values())  # each with one for nothing
        classifier = torch.nn.Linear(hidden_size, classes)
        self.model = torch.nn.ModuleDict({"captioner": self.captioner, "classifier": classifier})
        yes, no = (self._ids(word)[-1] for word in ("<answer> yes", "<answer> no"))
        self.answers = (no, yes)

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False)

    def batch(self, step: int, size: int) -> dict[str, torch.Tensor]:
        """Pixel values, captions (b, t) with labels, asks (b·k, t) with labels and each ask's picture."""
        indices = indices_of(step, size, count=self.data.count, seed=self.seed, what=self.name)
        rngs = [random.Random(f"captioner/{self.seed}/{step}/{i}") for i in range(size)]
        preview = torch.tensor([rng.random() < self.previews for rng in rngs])
        blank = torch.tensor([rng.random() < self.blank for rng in rngs])
        large = self.data.take(indices, PICTURE_SIDE)
        pixels = pixel_values(large.pixels)
        if preview.any():
            small = self.data.take(indices[preview.numpy()], DRAFT_SIDE)
            pixels[preview] = pixel_values(self.codebook.decode(self.codebook.encode(small.pixels)))
        pixels[blank] = 0
        captions = [self._caption(scene, rng) for scene, rng in zip(large.scenes, rngs, strict=True)]
        asks = [self._asks(scene, rng) for scene, rng in zip(large.scenes, rngs, strict=True)]
        caption_ids, caption_labels = self._rows(captions, CAPTION_LENGTH)
        ask_ids, ask_labels = self._rows([ask for row in asks for ask in row], ASK_LENGTH)
        asked = torch.arange(size).repeat_interleave(2 * ASKS)
        ask_labels[blank[asked]] = IGNORED  # nothing to be seen, nothing to be answered
        return {
            "pixels": pixels,
            "caption_ids": caption_ids,
            "caption_labels": caption_labels,
            "ask_ids": ask_ids,
            "ask_labels": ask_labels,
            "asked": asked,
            "patches": self._patches(large.scenes, blank),
        }

    def _patches(self, scenes: list[Scene], blank: torch.Tensor) -> torch.Tensor:
        """What fills each patch: of each of `ATTRIBUTES` its value, from 1, or 0 for none: int64 (b, s, 4)."""
        where = things_in_cells(scenes, IMAGE_SIDE // PATCH).flatten(1)
        most = max(len(scene.things) for scene in scenes)
        names = torch.zeros(len(scenes), 1 + most, len(ATTRIBUTES), dtype=torch.long)
        for i, scene in enumerate(scenes):
            for j, thing in enumerate(scene.things, 1):
                for k, (field, values) in enumerate(ATTRIBUTES.items()):
                    names[i, j, k] = 1 + values.index(getattr(thing, field))
        labels = names.gather(1, where[..., None].expand(-1, -1, len(ATTRIBUTES)))
        labels[blank] = IGNORED
        return labels

    def _caption(self, scene: Scene, rng: random.Random) -> tuple[list[int], list[int]]:
        text = prompt_of(scene) if rng.random() < 0.6 else caption_of(scene, rng)
        ids = self._ids(f"<s><caption>{text}</s>")
        return ids, [IGNORED, *ids[2:], IGNORED]

    def _asks(self, scene: Scene, rng: random.Random) -> list[tuple[list[int], list[int]]]:
        true = facts_of(scene)
        false = [fact for fact in false_facts_of(scene, rng) if not _would_teach_a_prejudice(scene, fact)]
        rows = []
        for facts, answer in ((true, self.answers[1]), (false, self.answers[0])):
            for _, text in rng.choices(facts, k=ASKS):
                ids = self._ids(ask_text(text))
                rows.append((ids, [IGNORED] * (len(ids) - 1) + [answer]))
        return rows

    def _rows(self, rows: list[tuple[list[int], list[int]]], length: int) -> tuple[torch.Tensor, torch.Tensor]:
        pad = id_of(self.tokenizer, "<pad>")
        ids = torch.full((len(rows), length), pad)
        labels = torch.full((len(rows), length), IGNORED)
        for i, (row, wanted) in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)[:length]
            labels[i, : len(row)] = torch.tensor(wanted)[:length]
        longest = int((ids != pad).sum(1).max())
        return ids[:, :longest], labels[:, :longest]

    def loss(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        seen = self.captioner.vision_model(pixel_values=batch["pixels"]).last_hidden_state  # (b, s, d)
        caption = self._nats(batch["caption_ids"], batch["caption_labels"], seen)
        ask = self._nats(batch["ask_ids"], batch["ask_labels"], seen[batch["asked"]])
        patch = self._patch_nats(seen[:, 1:], batch["patches"])
        return {"loss": caption + ASK_WEIGHT * ask + patch, "caption": caption, "ask": ask, "patch": patch}

    def _patch_nats(self, seen: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of each of `ATTRIBUTES`, added up; patches of background weigh a fifth."""
        logits = self.model["classifier"](seen).split([1 + len(values) for values in ATTRIBUTES.values()], -1)
        total = torch.zeros((), device=seen.device)
        for part, wanted in zip(logits, labels.unbind(-1), strict=True):
            weight = torch.ones(part.shape[-1], device=seen.device)
            weight[0] = 0.2
            total = total + F.cross_entropy(part.transpose(1, 2), wanted, weight=weight, ignore_index=IGNORED)
        return total

    def _nats(self, ids: torch.Tensor, labels: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        logits = self.captioner.text_decoder(input_ids=ids, encoder_hidden_states=seen, use_cache=False).logits
        return F.cross_entropy(logits.transpose(1, 2).float(), labels, ignore_index=IGNORED)

    def save(self, folder: Path) -> None:
        save_transformers(self.captioner, folder, self.tokenizer)
        save_image_processor(folder, IMAGE_SIDE)
