"""What makes a drafter follow lines: for each place of its grid, how much likelier each token is than without
them.

A drafter knows p(token | words, tokens before). By Bayes' rule, lines that depend on the picture alone multiply
that by p(token | lines) / p(token), which this reader has learnt by itself, as a discriminator steers another
model's text (FUDGE, Yang & Klein 2021, eq. 2). So the drafter stays as it is: without lines it drafts the same
as without a reader.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from ..edges import lines_of
from .drafter_reader import DrafterReader

FINE = 8  # points on a place's side, at which lines are looked at
REACH = (1, 2, 4)  # places from one to the next that a layer looks at: together the whole picture


class EdgeReader(DrafterReader):
    """Lines to log-weights of tokens.

    Args:
        size: entries of the codebook.
        inner: features of what looks at neighbouring places.
        grid: rows and columns.
        codebook: the name of the one that the drafter's tokens belong to.
    """

    model_type = "edge-reader"
    prior: torch.Tensor

    def __init__(self, *, size: int, inner: int, grid: tuple[int, int], codebook: str) -> None:
        super().__init__(size=size, inner=inner, grid=grid, codebook=codebook)
        self.here = nn.Conv2d(1, inner, FINE, stride=FINE)
        self.around = nn.ModuleList(
            nn.Conv2d(inner, inner, 3, padding=reach, dilation=reach) for reach in REACH
        )
        self.classifier = nn.Linear(inner, size)
        self.register_buffer("prior", torch.zeros(size))

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


def load_edge_reader(folder: Path, dtype: torch.dtype, device: torch.device) -> EdgeReader:
    """A reader from its folder; errors as `from_pretrained`."""
    return EdgeReader.from_pretrained(folder).to(device, dtype)
