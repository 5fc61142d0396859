"""The inspector's network: the things in a picture as points, each with its kind and colour; setting and style.

Objects as points (Zhou et al. 2019, "CenterNet"): every cell of a coarse grid says how likely it is that a
thing's centre lies in it, where exactly, and of which kind and colour that thing is. A small ResNet (He et al.
2016) looks, a top-down path (Lin et al. 2017) brings what its coarse maps know to the grid. Knows nothing of
training, nor of what its answers are compared with.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from ....engine.errors import CheckpointError
from ....engine.models.checkpoint.folder import read_json, weight_files
from ...pocket.world.scene import COLOURS, KINDS, SETTINGS, STYLES

SIDE = 96  # pixels of what it looks at
CELL = 8  # of these pixels on a cell's side
CELLS = SIDE // CELL
MODEL_TYPE = "point-detector"

WORDS: dict[str, tuple[str, ...]] = {
    "kind": KINDS,
    "colour": tuple(COLOURS),
    "setting": SETTINGS,
    "style": STYLES,
}
"""What it tells apart: a checkpoint that was trained on other words cannot be used."""


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
    """Pixel values float32 (b, 3, 96, 96) in [-1, 1] to `Maps`.

    Args:
        widths: channels of the ResNet's stages, two or more, each at half the resolution of the one before;
            the second lies on the grid of the cells.
        neck: channels of what the cells' answers are read from.

    Raises:
        ValueError: fewer than two widths.
    """

    def __init__(self, widths: Sequence[int] = (32, 64, 128, 192), *, neck: int = 96) -> None:
        from transformers import ResNetConfig, ResNetModel

        super().__init__()
        if len(widths) < 2:
            raise ValueError(f"widths = {list(widths)}: must be two or more")
        self.widths, self.neck_width = tuple(widths), neck
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
        self.cell_classifier = nn.Conv2d(neck, 3 + len(KINDS) + len(COLOURS), 1)
        self.picture_classifier = nn.Linear(sum(widths), len(SETTINGS) + len(STYLES))
        bias = self.cell_classifier.bias
        assert bias is not None
        with torch.no_grad():
            bias[0] = -3.0  # at first no cell holds a centre, which is nearly right

    def forward(self, pixel_values: torch.Tensor) -> Maps:
        seen = self.backbone(pixel_values, output_hidden_states=True).hidden_states[1:]
        features = torch.cat([each.mean((2, 3)) for each in seen], 1)
        merged: torch.Tensor | None = None
        for lateral, each in zip(reversed(self.lateral), reversed(seen[1:]), strict=True):
            here = lateral(each)
            merged = here if merged is None else here + F.interpolate(merged, here.shape[2:], mode="bilinear")
        assert merged is not None
        cells = self.cell_classifier(self.neck(merged)).permute(0, 2, 3, 1)  # (b, y, x, 3 + kinds + colours)
        centre, offset, kind, colour = cells.split([1, 2, len(KINDS), len(COLOURS)], -1)
        setting, style = self.picture_classifier(features).split([len(SETTINGS), len(STYLES)], 1)
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
        config |= {"side": SIDE, "words": {what: list(words) for what, words in WORDS.items()}}
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
            CheckpointError: a file is missing or damaged, or the detector knows another world.
        """
        config = read_json(folder / "config.json")
        words = {what: list(listed) for what, listed in WORDS.items()}
        if config.get("model_type") != MODEL_TYPE or config.get("words") != words or config.get("side") != SIDE:
            raise CheckpointError(
                f"{folder}: was not trained on this version's world: train it again: diptych train inspector"
            )
        detector = cls(config["widths"], neck=config["neck"])
        tensors = load_file(weight_files(folder)[0])
        try:
            detector.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise CheckpointError(f"{folder}: {reason}: copy the checkpoint again") from None
        return detector.eval().requires_grad_(False)


def pixel_values(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 (b, h, w, 3), of any size, to float32 (b, 3, 96, 96) in [-1, 1]."""
    return normalised(np.stack([shrunk(Image.fromarray(picture.numpy())) for picture in pixels]))


def shrunk(picture: Image.Image) -> np.ndarray:
    """uint8 (96, 96, 3), by a bicubic filter as wide as the reduction needs."""
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def normalised(pictures: np.ndarray) -> torch.Tensor:
    """uint8 (b, h, w, 3) to float32 (b, 3, h, w) in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
