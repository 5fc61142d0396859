"""What makes a drafter copy from a sketch: of each place of its grid, a vector that is added to what it reads.

A drafter writes its tokens in raster order, and knows its things by heart. With a reader it is shown, beside
each token that it reads, what the sketch has at the next place, so that it draws things that it never saw. As
in ControlNet (Zhang et al. 2023, "Adding conditional control to text-to-image diffusion models") the drafter
itself stays as it is: without a sketch it drafts the same as without a reader.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from ..patch_codebook import PatchCodebook
from .drafter_reader import DrafterReader

LIGHT, DARK = 0.96, 0.12
"""The two grounds that a sketch is looked at on: where it is opaque, both give the same tokens."""

NEAR = 2  # places: further from all that is shown, the drafter is left to the words
LOUD = 4.0  # times a token's own embedding
CLEAR = 0.02  # opacity under which a place shows nothing


class SketchReader(DrafterReader):
    """A sketch's tokens, on light and on dark ground, to what the drafter is shown.

    Args:
        size: of the drafter's entries.
        inner: features of what looks at neighbouring places.
        grid: rows and columns.
        codebook: the name of the one that the tokens belong to.
    """

    model_type = "sketch-reader"

    def __init__(self, *, size: int, inner: int, grid: tuple[int, int], codebook: str) -> None:
        super().__init__(size=size, inner=inner, grid=grid, codebook=codebook)
        self.light = nn.Linear(size, size, bias=False)
        self.dark = nn.Linear(size, size, bias=False)
        self.down = nn.Linear(2 * size + 1, inner)
        self.near = nn.Conv2d(inner, inner, 3, padding=1)
        self.far = nn.Conv2d(inner, inner, 3, padding=1)
        self.up = nn.Linear(inner, size)

    def begin(self) -> None:
        """Weights to train from: what each ground shows, loudly, and nothing of the neighbours. So much of it
        passes a drafter that it draws a third of the things' tokens before any training."""
        for half in (self.light, self.dark):
            nn.init.eye_(half.weight)
            half.weight.data.mul_(LOUD)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, light: torch.Tensor, dark: torch.Tensor, opacity: torch.Tensor) -> torch.Tensor:
        """(b, s, d).

        Args:
            light, dark: the drafter's embeddings of the tokens on either ground, (b, s, d).
            opacity: of each place, float (b, s), 0 to 1.
        """
        seen = (opacity > CLEAR).to(light.dtype)[..., None]
        light, dark = light * seen, dark * seen
        told = torch.cat([light, dark, opacity[..., None].to(light.dtype)], -1)  # (b, s, 2d + 1)
        around = self.down(told).transpose(1, 2).unflatten(2, self.grid)  # (b, c, h, w)
        around = around + self.near(F.gelu(around))
        around = around + self.far(F.gelu(around))
        told = self.up(F.gelu(around).flatten(2).transpose(1, 2))
        near = F.max_pool2d(seen.transpose(1, 2).unflatten(2, self.grid), 2 * NEAR + 1, 1, NEAR)  # (b, 1, h, w)
        return self.light(light) + self.dark(dark) + told * near.flatten(2).transpose(1, 2)

    @torch.inference_mode()
    def read(self, pixels: torch.Tensor, book: PatchCodebook, embeddings: torch.Tensor) -> torch.Tensor:
        """What a drafter is shown of sketches.

        Args:
            pixels: uint8 (b, height, width, 4).
            embeddings: of the codebook's tokens, (v, d).
        """
        light, dark, opacity = tokens_of(pixels.to(book.centroids.device), book)
        embedded = (F.embedding(tokens.to(embeddings.device), embeddings) for tokens in (light, dark))
        return self(*embedded, opacity.to(embeddings))


def tokens_of(pixels: torch.Tensor, book: PatchCodebook) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sketches uint8 (b, height, width, 4) as tokens on light and on dark ground, int64 (b, s), and how opaque
    each place is, float32 (b, s)."""
    x = pixels.permute(0, 3, 1, 2).float() / 255  # (b, 4, height, width)
    opacity = x[:, 3:]
    small = F.adaptive_avg_pool2d(torch.cat([x[:, :3] * opacity, opacity], 1), book.side)
    places = F.adaptive_avg_pool2d(opacity, book.grid).flatten(1)
    colour, opacity = small[:, :3], small[:, 3:]
    grounds = torch.cat([colour + (1 - opacity) * ground for ground in (LIGHT, DARK)])
    shown = (grounds * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    light, dark = book.encode(shown.contiguous()).flatten(1).chunk(2)
    return light, dark, places


def load_sketch_reader(folder: Path, dtype: torch.dtype, device: torch.device) -> SketchReader:
    """A reader from its folder; errors as `from_pretrained`."""
    return SketchReader.from_pretrained(folder).to(device, dtype)
