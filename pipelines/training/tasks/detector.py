"""The inspector's network: the things in a picture as points, each with its kind and colour; setting and style.

Objects as points (Zhou et al. 2019, "CenterNet"): every cell of a coarse grid says how likely it is that a
thing's centre lies in it, where exactly, and of which kind and colour that thing is. A small ResNet (He et al.
2016) looks, a top-down path (Lin et al. 2017) brings what its coarse maps know to the grid. Knows nothing of
training, nor of what its answers are compared with.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from ....engine.errors import CheckpointError
from ....engine.models.checkpoint.folder import read_json, weight_files
from ...pocket.world.scene import COLOURS, KINDS, SETTINGS, STYLES

SIDE = 96  # pixels of what it looks at, of the world
CELL = 8  # of these pixels on a cell's side
CELLS = SIDE // CELL
MODEL_TYPE = "point-detector"

WORDS: dict[str, tuple[str, ...]] = {
    "kind": KINDS,
    "colour": tuple(COLOURS),
    "setting": SETTINGS,
    "style": STYLES,
}
"""What it tells apart of the world: a checkpoint has words of its own."""

Words = Mapping[str, Sequence[str]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Maps:
    """What the network says of b pictures, as logits; y and x count cells.

    Args:
        centre: (b, y, x), that the centre of a thing lies in the cell.
        offset: (b, y, x, 2), where in the cell it lies, as (y, x) from 0 to 1.
        kind, colour: (b, y, x, number of them), of the thing at the cell.
        setting, style: (b, number of them).
        features: (b, d), of the whole picture: what the last two are read from.
    """

    centre: torch.Tensor
    offset: torch.Tensor
    kind: torch.Tensor
    colour: torch.Tensor
    setting: torch.Tensor
    style: torch.Tensor
    features: torch.Tensor


class Detector(nn.Module):
    """Pixel values float32 (b, 3, side, side) in [-1, 1] to `Maps`.

    Args:
        widths: channels of the ResNet's stages, two or more, each at half the resolution of the one before;
            the second lies on the grid of the cells.
        neck: channels of what the cells' answers are read from.
        words: what it tells apart, by "kind", "colour", "setting" and "style".
        side: pixels of what it looks at.

    Raises:
        ValueError: fewer than two widths, or a side that is no whole number of cells.
    """

    def __init__(
        self,
        widths: Sequence[int] = (32, 64, 128, 192),
        *,
        neck: int = 96,
        words: Words = WORDS,
        side: int = SIDE,
    ) -> None:
        from transformers import ResNetConfig, ResNetModel

        super().__init__()
        if len(widths) < 2:
            raise ValueError(f"widths = {list(widths)}: must be two or more")
        if side % CELL:
            raise ValueError(f"side = {side}: must be a multiple of {CELL}")
        self.widths, self.neck_width = tuple(widths), neck
        self.words, self.side = {what: tuple(listed) for what, listed in words.items()}, side
        stem = max(8, widths[0] * 3 // 4)
        config = ResNetConfig(
            embedding_size=stem, hidden_sizes=list(widths), depths=[1] * len(widths), layer_type="basic"
        )
        self.backbone = ResNetModel(config)
        self.lateral = nn.ModuleList(nn.Conv2d(width, neck, 1) for width in widths[1:])
        self.neck = nn.Sequential(
            nn.BatchNorm2d(neck),
            nn.ReLU(),
            nn.Conv2d(neck, neck, 3, padding=1),
            nn.BatchNorm2d(neck),
            nn.ReLU(),
        )
        self.cell_classifier = nn.Conv2d(neck, 3 + sum(self._of_cells), 1)
        self.picture_classifier = nn.Linear(sum(widths), sum(self._of_pictures))
        bias = self.cell_classifier.bias
        assert bias is not None
        with torch.no_grad():
            bias[0] = -3.0  # at first no cell holds a centre, which is nearly right

    @property
    def _of_cells(self) -> list[int]:
        return [len(self.words[what]) for what in ("kind", "colour")]

    @property
    def _of_pictures(self) -> list[int]:
        return [len(self.words[what]) for what in ("setting", "style")]

    def forward(self, pixel_values: torch.Tensor) -> Maps:
        seen = self.backbone(pixel_values, output_hidden_states=True).hidden_states[1:]
        features = torch.cat([each.mean((2, 3)) for each in seen], 1)
        merged: torch.Tensor | None = None
        for lateral, each in zip(reversed(self.lateral), reversed(seen[1:]), strict=True):
            here = lateral(each)
            merged = here if merged is None else here + F.interpolate(merged, here.shape[2:], mode="bilinear")
        assert merged is not None
        cells = self.cell_classifier(self.neck(merged)).permute(0, 2, 3, 1)  # (b, y, x, 3 + kinds + colours)
        centre, offset, kind, colour = cells.split([1, 2, *self._of_cells], -1)
        setting, style = self.picture_classifier(features).split(self._of_pictures, 1)
        return Maps(
            centre=centre[..., 0],
            offset=offset,
            kind=kind,
            colour=colour,
            setting=setting,
            style=style,
            features=features,
        )

    def save_pretrained(self, folder: Path) -> None:
        """Write `config.json` and `model.safetensors` (float16)."""
        folder.mkdir(parents=True, exist_ok=True)
        config = {"model_type": MODEL_TYPE, "widths": list(self.widths), "neck": self.neck_width}
        config |= {"side": self.side, "words": {what: list(words) for what, words in self.words.items()}}
        (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        tensors = {
            name: (value.half() if value.is_floating_point() else value).contiguous()
            for name, value in self.state_dict().items()
        }
        save_file(tensors, folder / "model.safetensors")

    @classmethod
    def from_pretrained(cls, folder: Path) -> "Detector":
        """A trained detector, in float32, on the CPU, ready to look.

        Raises:
            CheckpointError: a file is missing or damaged, or it tells nothing apart that this version knows.
        """
        config = read_json(folder / "config.json")
        words: Any = config.get("words")
        side: Any = config.get("side")
        if config.get("model_type") != MODEL_TYPE or not _tells_the_world_apart(words) or side is None:
            raise CheckpointError(
                f"{folder}: was not trained on this version's world: train it again: diptych train inspector"
            )
        detector = cls(config["widths"], neck=config["neck"], words=words, side=side)
        tensors = load_file(weight_files(folder)[0])
        try:
            detector.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise CheckpointError(f"{folder}: {reason}: copy the checkpoint again") from None
        return detector.eval().requires_grad_(False)


def pixel_values(pixels: torch.Tensor, side: int = SIDE) -> torch.Tensor:
    """uint8 (b, h, w, 3), of any size, to float32 (b, 3, side, side) in [-1, 1]."""
    return normalised(np.stack([shrunk(Image.fromarray(picture.numpy()), side) for picture in pixels]))


def shrunk(picture: Image.Image, side: int = SIDE) -> np.ndarray:
    """uint8 (side, side, 3), by a bicubic filter as wide as the reduction needs."""
    return np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC))


def _tells_the_world_apart(words: object) -> bool:
    """Whether these are words that a detector may have: the world's, and maybe more."""
    return isinstance(words, dict) and all(set(WORDS[what]) <= set(words.get(what, ())) for what in WORDS)


def normalised(pictures: np.ndarray) -> torch.Tensor:
    """uint8 (b, h, w, 3) to float32 (b, 3, h, w) in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
