"""Trains the image tokenizer: k-means over the patches of small pictures, in closed form.

Patches that show things count more than empty sky, since shapes are what drafts are read by.
"""

import math
import zlib
from collections.abc import Callable
from pathlib import Path

import torch

from ....engine.errors import InputError
from ....engine.models.vision.patch_codebook import PatchCodebook
from ...sheets.sample_sheet import COUNT, Column
from ..data.source import DRAFT_SIDE, TrainingData, shows_thing


def train_tokenizer(
    data: TrainingData,
    folder: Path,
    *,
    size: int = 1024,
    patch: int = 4,
    pictures: int = 8_000,
    thing_weight: float = 4.0,
    iterations: int = 15,
    seed: int = 0,
    start: PatchCodebook | None = None,
    say: Callable[[str], None] = print,
) -> PatchCodebook:
    """Fit a codebook of `size` patches to the first `pictures` of `data` and save it in `folder`.

    With `start`, a codebook of the same size, entries begin there, and keep their numbers.

    Raises:
        InputError: there are fewer patches than entries, or `start` has another size.
    """
    side = DRAFT_SIDE // patch
    empty = PatchCodebook(torch.zeros(1, patch * patch * 3), patch=patch, grid=(side, side), name="none")
    batch = data.take(range(min(pictures, data.count)), DRAFT_SIDE)
    x = empty.patches(batch.pixels).flatten(0, 2)  # (n, d)
    if len(x) < size:
        raise InputError(f"config: [tokenizer]: size = {size}: the data has no more than {len(x)} patches")
    weight = 1 + thing_weight * shows_thing(batch.masks, side).flatten()
    generator = torch.Generator().manual_seed(seed)
    if start is None:
        centroids = x[torch.multinomial(weight, size, generator=generator)].clone()
    else:
        if start.codebook.size != size or start.patch != patch:
            raise InputError(
                f"config: [tokenizer]: size = {size}, patch = {patch}: the weights to start from have"
                f" {start.codebook.size} and {start.patch}"
            )
        centroids = start.centroids.clone()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    centroids = kmeans(*(t.to(device) for t in (x, weight, centroids)), iterations, generator, say).cpu().half()
    name = f"patches-{patch}px-{size}-{zlib.crc32(centroids.numpy().tobytes()):08x}"
    book = PatchCodebook(centroids.float(), patch=patch, grid=(side, side), name=name)
    sample = batch.pixels[:512]
    error = (book.decode(book.encode(sample)).float() - sample.float()) / 255
    decibels = -10 * math.log10(float(error.square().mean()))
    say(f"tokenizer: {size} patches, {decibels:.2f} dB on training pictures")
    book.save_pretrained(folder)
    return book


def show_codebook(data: TrainingData, book: PatchCodebook) -> list[Column]:
    """Held-out pictures, above what is left of them as tokens."""
    pixels = data.held_out().take(range(COUNT), DRAFT_SIDE).pixels
    shown = book.decode(book.encode(pixels))
    return [((before, after), "") for before, after in zip(pixels, shown, strict=True)]


def kmeans(
    x: torch.Tensor,
    weight: torch.Tensor,
    centroids: torch.Tensor,
    iterations: int,
    generator: torch.Generator,
    say: Callable[[str], None],
) -> torch.Tensor:
    """Lloyd's algorithm with weights; an entry that wins nothing restarts at a badly served patch.

    Args:
        x: float32 (n, d). weight: float32 (n,). centroids: float32 (size, d), where to begin; on one device.
        generator: of the CPU.

    Returns:
        float32 (size, d).
    """
    size = len(centroids)
    norms = x.square().sum(1)
    for i in range(iterations):
        half = centroids.square().sum(1) / 2
        parts = [(half - part @ centroids.T).min(1) for part in x.split(8192)]
        winner = torch.cat([p.indices for p in parts])
        cost = (norms + 2 * torch.cat([p.values for p in parts])).clamp_min(0) * weight
        mass = torch.zeros(size, device=x.device).index_add_(0, winner, weight)
        total = torch.zeros_like(centroids).index_add_(0, winner, x * weight[:, None])
        used = mass > 0
        centroids[used] = total[used] / mass[used, None]
        lost = int((~used).sum())
        if lost:
            centroids[~used] = x[torch.multinomial(cost.cpu(), lost, generator=generator).to(x.device)]
        if i % 5 == 4:
            mean = float(cost.mean())
            say(f"tokenizer: iteration {i + 1}/{iterations}, mean cost {mean:.5f}, {lost} restarted")
    return centroids
