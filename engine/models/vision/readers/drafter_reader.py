"""What readers have in common: the grid and the tokens that they speak of, and their files."""

import json
from pathlib import Path
from typing import ClassVar, Self

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ....guards.finite import check_numbers
from ...checkpoint.folder import read_config, read_json


class DrafterReader(nn.Module):
    """A reader for one drafter's tokens.

    Args:
        size: of the drafter's entries, or of its codebook's, as the reader says.
        inner: features of what looks at neighbouring places.
        grid: rows and columns.
        codebook: the name of the one that the tokens belong to.
    """

    model_type: ClassVar[str]

    def __init__(self, *, size: int, inner: int, grid: tuple[int, int], codebook: str) -> None:
        super().__init__()
        self.size, self.inner, self.grid, self.codebook = size, inner, grid, codebook

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def save_pretrained(self, folder: Path) -> None:
        """Write `config.json` and `model.safetensors`, as float16."""
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "model_type": self.model_type,
            "size": self.size,
            "inner": self.inner,
            "grid": list(self.grid),
            "image_codebook": self.codebook,
        }
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        weights = {name: each.detach().half().contiguous() for name, each in self.state_dict().items()}
        save_file(weights, folder / "model.safetensors")

    @classmethod
    def from_pretrained(cls, folder: Path) -> Self:
        """A reader from its folder, in float32.

        Raises:
            CheckpointError: a file is missing or damaged.
        """
        config = read_json(folder / "config.json")
        read_config(str(folder), "size", "inner", "grid", "image_codebook")  # or says what is missing
        reader = cls(
            size=config["size"],
            inner=config["inner"],
            grid=tuple(config["grid"]),
            codebook=config["image_codebook"],
        )
        weights = load_file(folder / "model.safetensors")
        check_numbers(weights, folder / "model.safetensors")
        reader.load_state_dict(weights)
        return reader.eval().requires_grad_(False)
