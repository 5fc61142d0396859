"""Trains the inspector: it says which things, in which colours and in which setting, a picture shows.

It reports quality and nothing else: no stage uses it, and no other model learns from it. It is trained on
renders alone, spoilt a little (blur, JPEG, noise, shifts), so that it is fair to painted pictures. Alone among
the models it sees every combination of kind, colour and setting: one that never saw a held-out combination
learns that there is none, and misreads the very pictures that it is to judge (measured: 14 % of their
settings).
"""

import io
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter

from ..pocket.world import COLOURS, KINDS, SETTINGS, Scene
from .captioner import IMAGE_SIDE, pixel_values
from .data import WorldData, indices_of, picture_of, scene_of
from .weights import save_image_processor, save_transformers

if TYPE_CHECKING:
    from transformers import ResNetForImageClassification

PAIRS: tuple[tuple[str, str], ...] = tuple((kind, colour) for kind in KINDS for colour in COLOURS)
GROUPS = (len(PAIRS), len(KINDS), len(COLOURS), len(SETTINGS))
"""How many outputs speak of pairs of kind and colour, of kinds, of colours (sigmoid), of settings (softmax)."""

HELD_OUT_SHARE = 0.1  # as many as the world has of them
UNSEEN = 100_000  # so many held-out scenes, the first ones, are kept for measuring it
SHIFT = 4  # pixels of 64, at most


def labels() -> list[str]:
    """What each output speaks of, in order."""
    return [*(f"{colour} {kind}" for kind, colour in PAIRS), *KINDS, *COLOURS, *SETTINGS]


class InspectorTask:
    """A small ResNet (He et al. 2016): binary cross-entropy on things and colours, cross-entropy on settings.

    Args:
        widths: channels of its stages, each at half the resolution of the one before.
        spoilt: share of rows that are spoilt by blur or JPEG.
    """

    name = "inspector"

    def __init__(
        self,
        data: WorldData,
        *,
        widths: Sequence[int] = (32, 64, 96, 128),
        spoilt: float = 0.6,
        seed: int = 0,
    ) -> None:
        from transformers import ResNetConfig, ResNetForImageClassification

        self.data, self.spoilt, self.seed = data, spoilt, seed
        torch.manual_seed(seed)
        config = ResNetConfig(
            embedding_size=widths[0],
            hidden_sizes=list(widths),
            depths=[1] * len(widths),
            layer_type="basic",
            id2label=dict(enumerate(labels())),
            label2id={label: i for i, label in enumerate(labels())},
            problem_type="multi_label_classification",
        )
        self.model = ResNetForImageClassification(config)

    def batch(self, step: int, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pixel values (b, 3, 64, 64), what is there float32 (b, pairs + kinds + colours), settings (b,)."""
        rngs = [random.Random(f"inspector/{self.seed}/{step}/{i}") for i in range(size)]
        indices = indices_of(step, size, count=self.data.count, seed=self.seed, what=self.name)
        scenes = [self._scene(int(i), rng) for i, rng in zip(indices, rngs, strict=True)]
        renders = [torch.from_numpy(np.array(picture_of(scene)[0])) for scene in scenes]
        pictures = [self._spoil(p, rng) for p, rng in zip(renders, rngs, strict=True)]
        g = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        pixels = _shifted(pixel_values(torch.stack(pictures)), rngs)
        strength = 0.12 * torch.rand(size, 1, 1, 1, generator=g).square()
        pixels = pixels + strength * torch.randn(pixels.shape, generator=g)
        there = torch.stack([what_is_there(scene) for scene in scenes])
        return pixels, there, torch.tensor([SETTINGS.index(scene.setting) for scene in scenes])

    def _scene(self, index: int, rng: random.Random) -> Scene:
        if rng.random() < HELD_OUT_SHARE:
            return scene_of("held-out", UNSEEN + index)
        return scene_of(self.data.split, index)

    def _spoil(self, pixels: torch.Tensor, rng: random.Random) -> torch.Tensor:
        """uint8 (h, w, 3): as it is, blurred, seen through fewer pixels, or saved as JPEG."""
        if rng.random() >= self.spoilt:
            return pixels
        picture, way = Image.fromarray(pixels.numpy()), rng.randrange(3)
        if way == 0:
            picture = picture.filter(ImageFilter.BoxBlur(rng.uniform(1.0, 4.0)))
        elif way == 1:
            side = rng.randint(40, 128)
            small = picture.resize((side, side), Image.Resampling.BOX)
            picture = small.resize(picture.size, Image.Resampling.BICUBIC)
        else:
            stream = io.BytesIO()
            picture.save(stream, format="JPEG", quality=rng.randint(8, 60))
            picture = Image.open(stream).convert("RGB")
        return torch.from_numpy(np.array(picture))

    def loss(self, batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> dict[str, torch.Tensor]:
        pixels, there, settings = batch
        logits = self.model(pixel_values=pixels).logits.float()
        things, setting = logits.split([there.shape[1], GROUPS[3]], 1)
        thing_loss = F.binary_cross_entropy_with_logits(things, there, reduction="none").sum(1).mean()
        setting_loss = F.cross_entropy(setting, settings)
        return {"loss": thing_loss + setting_loss, "things": thing_loss, "setting": setting_loss}

    def save(self, folder: Path) -> None:
        save_transformers(self.model, folder)
        save_image_processor(folder, IMAGE_SIDE)


def what_is_there(scene: Scene) -> torch.Tensor:
    """1.0 for each pair, kind and colour that the scene shows: float32 (pairs + kinds + colours)."""
    pairs, kinds, colours = torch.zeros(GROUPS[0]), torch.zeros(GROUPS[1]), torch.zeros(GROUPS[2])
    for thing in scene.things:
        pairs[PAIRS.index((thing.kind, thing.colour))] = 1
        kinds[KINDS.index(thing.kind)] = 1
        colours[list(COLOURS).index(thing.colour)] = 1
    return torch.cat([pairs, kinds, colours])


def load_inspector(folder: Path) -> "ResNetForImageClassification":
    """A trained inspector, in float32, on the CPU, ready to look."""
    from transformers import ResNetForImageClassification

    model = ResNetForImageClassification.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    return model.eval().requires_grad_(False)


def _shifted(pixels: torch.Tensor, rngs: Sequence[random.Random]) -> torch.Tensor:
    """Each picture (b, c, h, w) moved by up to `SHIFT` pixels; what comes in is its edge, repeated."""
    height, width = pixels.shape[2:]
    large = F.pad(pixels, (SHIFT,) * 4, mode="replicate")
    rows = []
    for picture, rng in zip(large, rngs, strict=True):
        y, x = rng.randint(0, 2 * SHIFT), rng.randint(0, 2 * SHIFT)
        rows.append(picture[:, y : y + height, x : x + width])
    return torch.stack(rows)
