"""The image tokenizer of the pocket models: square patches, each named by its nearest codebook entry.

Vector quantisation in pixel space (Gersho & Gray 1992): the codebook is what k-means finds, so it needs no
training by gradient, every entry is used, and decoding is a table look-up. Knows nothing of language models.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from ...guards.finite import check_numbers, finite_rows
from ...values import Codebook
from ..checkpoint.folder import read_json


class PatchCodebook(torch.nn.Module):
    """Pictures to token grids and back.

    Args:
        centroids: float32 (v, patch * patch * 3) in [0, 1], each a patch in row, column, channel order.
        patch: pixels on a patch's side.
        grid: rows and columns of patches of a whole picture.
        name: which codebook a draft's tokens belong to.
    """

    centroids: torch.Tensor

    def __init__(self, centroids: torch.Tensor, *, patch: int, grid: tuple[int, int], name: str) -> None:
        super().__init__()
        assert centroids.shape[1] == patch * patch * 3, f"{tuple(centroids.shape)} against patch {patch}"
        self.register_buffer("centroids", centroids)
        self.patch, self.grid = patch, grid
        self.codebook = Codebook(name=name, size=centroids.shape[0])

    @property
    def side(self) -> tuple[int, int]:
        """Height and width in pixels of what the tokens alone can show."""
        return self.grid[0] * self.patch, self.grid[1] * self.patch

    def patches(self, pixels: torch.Tensor) -> torch.Tensor:
        """uint8 (b, h·patch, w·patch, 3) to float32 (b, h, w, patch·patch·3) in [0, 1]."""
        b, height, width, _ = pixels.shape
        h, w, p = height // self.patch, width // self.patch, self.patch
        cut = pixels.reshape(b, h, p, w, p, 3).permute(0, 1, 3, 2, 4, 5)
        return cut.reshape(b, h, w, p * p * 3).float() / 255

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """uint8 (b, h·patch, w·patch, 3), wherever it is, to int64 tokens (b, h, w)."""
        x = self.patches(pixels.to(self.centroids.device))
        half_norms = self.centroids.square().sum(1) / 2  # argmin |x-c|² = argmin |c|²/2 - x·c
        flat = x.flatten(0, 2)
        nearest = [(half_norms - part @ self.centroids.T).argmin(1) for part in flat.split(8192)]
        return torch.cat(nearest).reshape(x.shape[:3])

    def decode(self, tokens: torch.Tensor) -> torch.Tensor:
        """int64 tokens (b, h, w) to uint8 pixels (b, h·patch, w·patch, 3)."""
        b, h, w = tokens.shape
        p = self.patch
        cut = self.centroids[tokens].reshape(b, h, w, p, p, 3).permute(0, 1, 3, 2, 4, 5)
        return (cut.reshape(b, h * p, w * p, 3) * 255).round().clamp(0, 255).to(torch.uint8)

    def shown(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As `decode`, and which of the pictures hold nothing but numbers: bool (b,)."""
        return self.decode(tokens), finite_rows(self.centroids)[tokens].flatten(1).all(1)

    def save_pretrained(self, folder: Path) -> None:
        """Write `config.json` and `model.safetensors` (float16: a step of 1/4096 is far below 1/255)."""
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "model_type": "patch-codebook",
            "name": self.codebook.name,
            "size": self.codebook.size,
            "patch": self.patch,
            "grid": list(self.grid),
        }
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        save_file({"centroids": self.centroids.half().contiguous()}, folder / "model.safetensors")

    @classmethod
    def from_pretrained(cls, folder: Path) -> "PatchCodebook":
        config = read_json(folder / "config.json")
        centroids = load_file(folder / "model.safetensors")["centroids"].float()
        check_numbers({"centroids": centroids}, folder / "model.safetensors")
        return cls(centroids, patch=config["patch"], grid=tuple(config["grid"]), name=config["name"])


def load_codebook(folder: Path, dtype: torch.dtype, device: torch.device) -> PatchCodebook:
    """The codebook of a checkpoint folder. Always float32: a table in which the nearest entry must be found."""
    return PatchCodebook.from_pretrained(folder).to(device)
