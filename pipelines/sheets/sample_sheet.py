"""What a model in training can do so far: pictures in columns with texts below, as one PNG.

Knows nothing of models: a task that can be looked at says what to show.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from PIL import Image, ImageDraw

from ..files import png_bytes, write_atomically
from .drawn_text import SMALL, line_height, wrapped, write
from .palette import PAPER

SAMPLES = "samples"
COUNT = 6  # samples on a sheet
SIDE = 160  # pixels of a picture on it
GAP, LINES = 10, 16  # pixels; lines below, at most

Column = tuple[Sequence[torch.Tensor], str]
"""Pictures uint8 (h, w, 3) of any sizes, one below the other, and what stands below them."""


@runtime_checkable
class Shows(Protocol):
    """A task that has something to look at."""

    def show(self) -> "list[Column] | str":
        """Columns for a sheet, or a text, made with the model as it is; takes none of the training's draws."""
        ...


def write_samples(task: object, work: Path) -> None:
    """Write `samples.png` or `samples.txt` into `work`, if the task can be looked at."""
    if not isinstance(task, Shows):
        return
    shown = task.show()
    if isinstance(shown, str):
        write_atomically(work / f"{SAMPLES}.txt", f"{shown.rstrip()}{os.linesep}".encode())
    else:
        write_atomically(work / f"{SAMPLES}.png", draw_samples(shown))


def draw_samples(columns: Sequence[Column]) -> bytes:
    """A PNG file of the columns, side by side."""
    most = max((len(pictures) for pictures, _ in columns), default=0)
    lines = max((len(wrapped(text, SIDE, lines=LINES, size=SMALL)) for _, text in columns), default=0)
    height = GAP + most * (SIDE + GAP) + lines * line_height(SMALL) + GAP
    page = Image.new("RGB", (GAP + len(columns) * (SIDE + GAP), height), PAPER)
    draw = ImageDraw.Draw(page)
    for i, (pictures, text) in enumerate(columns):
        x = GAP + i * (SIDE + GAP)
        for j, pixels in enumerate(pictures):
            picture = Image.fromarray(pixels.cpu().numpy())
            way = Image.Resampling.NEAREST if picture.width < SIDE else Image.Resampling.LANCZOS
            page.paste(picture.resize((SIDE, SIDE), way), (x, GAP + j * (SIDE + GAP)))
        write(draw, text, (x, GAP + most * (SIDE + GAP)), SIDE, lines=LINES, size=SMALL)
    return png_bytes(page)
