"""What makes a drafter follow lines: for each place of its grid, how much likelier each token is than without
them.

A drafter knows p(token | words, tokens before). By Bayes' rule, lines that depend on the picture alone multiply
that by p(token | lines) / p(token), which this reader has learnt by itself, as a discriminator steers another
model's text (FUDGE, Yang & Klein 2021, eq. 2). So the drafter stays as it is: without lines it drafts the same
as without a reader.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from ...guards.finite import check_numbers
from ..checkpoint.folder import read_config, read_json
from .edges import lines_of

FINE = 8  # points on a place's side, at which lines are looked at
REACH = (1, 2, 4)  # places from one to the next that a layer looks at: together the whole picture


class EdgeReader(nn.Module):
    """Lines to log-weights of tokens.

    Args:
        size: entries of the codebook.
        inner: features of what looks at neighbouring places.
        grid: rows and columns.
        codebook: the name of the one that the drafter's tokens belong to.
    """

    prior: torch.Tensor

    def __init__(self, *, size: int, inner: int, grid: tuple[int, int], codebook: str) -> None:
        super().__init__()
        self.size, self.inner, self.grid, self.codebook = size, inner, grid, codebook
        self.here = nn.Conv2d(1, inner, FINE, stride=FINE)
        self.around = nn.ModuleList(
            nn.Conv2d(inner, inner, 3, padding=reach, dilation=reach) for reach in REACH
        )
        self.classifier = nn.Linear(inner, size)
        self.register_buffer("prior", torch.zeros(size))

    @property
    def device(self) -> torch.device:
        return self.classifier.weight.device

    def begin(self, prior: torch.Tensor) -> None:
        """Weights to train from, which know how frequent tokens are: `prior`, log-probabilities (v,)."""
        self.prior.copy_(prior)
        nn.init.zeros_(self.classifier.weight)
        self.classifier.bias.data.copy_(prior)

    def forward(self, lines: torch.Tensor) -> torch.Tensor:
        """Logits (b, s, v), of lines float (b, rows of places * `FINE`, columns * `FINE`), 0 to 1."""
        x = self.here(lines[:, None])  # (b, c, h, w)
        for layer in self.around:
            x = x + layer(F.gelu(x))
        return self.classifier(F.gelu(x).flatten(2).transpose(1, 2))

    def points(self, lines: torch.Tensor) -> torch.Tensor:
        """Lines bool (b, h, w) of any size as `forward` takes them."""
        rows, columns = self.grid
        fine = F.adaptive_max_pool2d(lines.float()[:, None], (rows * FINE, columns * FINE))[:, 0]
        return fine.to(self.classifier.weight)

    @torch.inference_mode()
    def read(self, pixels: torch.Tensor) -> torch.Tensor:
        """Log-weights (s, v) of a control picture uint8 (h, w, 3), float32."""
        logits = self(self.points(lines_of(pixels)[None].to(self.device)))[0]
        return logits.float().log_softmax(-1) - self.prior.float()

    def save_pretrained(self, folder: Path) -> None:
        """Write `config.json` and `model.safetensors`, as float16."""
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "model_type": "edge-reader",
            "size": self.size,
            "inner": self.inner,
            "grid": list(self.grid),
            "image_codebook": self.codebook,
        }
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        weights = {name: each.detach().half().contiguous() for name, each in self.state_dict().items()}
        save_file(weights, folder / "model.safetensors")


def load_edge_reader(folder: Path, dtype: torch.dtype, device: torch.device) -> EdgeReader:
    """A reader from its folder."""
    config = read_json(folder / "config.json")
    read_config(str(folder), "size", "inner", "grid", "image_codebook")  # or says what is missing
    reader = EdgeReader(
        size=config["size"],
        inner=config["inner"],
        grid=tuple(config["grid"]),
        codebook=config["image_codebook"],
    )
    weights = load_file(folder / "model.safetensors")
    check_numbers(weights, folder / "model.safetensors")
    reader.load_state_dict(weights)
    return reader.to(device, dtype).eval().requires_grad_(False)
