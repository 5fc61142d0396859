"""Which kind, and which colour, stands in each place of a picture: compared, pixel by pixel, with the drawing
of every kind in that colour, and of that kind in every colour. No network looks.

It knows where things were laid, and compares with the drawings that the models were shown: so it says whether
these are in the picture, in their places, to be told from all others; not that nothing else is.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image

from ....engine.models.vision.picture_memory import PictureMemory
from ....engine.stages.recalling.cut_outs import CutOut, cut_out
from ....engine.stages.recalling.places import CELLS, Place
from ....engine.stages.recalling.recall import Laid, laid_out
from ....engine.values import Plan, Request
from ...pocket.art import ArtScene
from ...pocket.world import COLOURS
from ...training.data.source import DRAFT_SIDE, smaller

SIZE = 256  # pixels of a picture, in which things are laid
BY = SIZE // DRAFT_SIDE
CLEAR = 0.02  # opacity up to which a place is of the ground
AROUND = 2  # pixels of 64 beside a thing that are looked at

Floats = np.ndarray


@dataclass(frozen=True)
class _Window:
    """What is looked at of a picture of 64: its pixels, the ground behind, and how much each counts."""

    top: int
    left: int
    pixels: Floats
    ground: Floats
    counts: Floats

    def error(self, drawn: Floats, middle: float, foot: float) -> float:
        """How badly a drawing (h, w, 4), premultiplied, explains it, that stands there."""
        high, wide = self.pixels.shape[:2]
        canvas = np.zeros((high, wide, 4), np.float32)
        top, left = round(foot - len(drawn)) - self.top, round(middle - drawn.shape[1] / 2) - self.left
        rows, columns = slice(max(top, 0), top + len(drawn)), slice(max(left, 0), left + drawn.shape[1])
        room = canvas[rows, columns]
        part = drawn[max(-top, 0) :, max(-left, 0) :][: room.shape[0], : room.shape[1]]
        room[: part.shape[0], : part.shape[1]] = part
        explained = canvas[..., :3] + (1 - canvas[..., 3:]) * self.ground
        return float((((explained - self.pixels) ** 2).sum(2) * self.counts).sum())


class PlacedThings:
    """Compares with the drawings of a memory's first style."""

    def __init__(self, memory: PictureMemory) -> None:
        self._memory, self._hand = memory, memory.styles[0]
        self._rimmed = self._hand in memory.rimmed
        self._drawn: dict[tuple[str, str, int], Floats] = {}
        self.kinds = sorted({each.kind for each in memory.pictures if each.style == self._hand})

    def shown(self, pixels: np.ndarray, scene: ArtScene, prompt: str, seed: int) -> list[tuple[str, str]]:
        """The nearest kind in its place, and the nearest colour, of each thing; '' where none was asked.

        Args:
            pixels: uint8 (h, w, 3), made of this prompt with this seed.
        """
        plan = Plan(request=Request(prompt=prompt, seed=seed), prompt=prompt, facts=())
        found = laid_out(0, plan, self._memory)
        assert found is not None and len(found.cuts) == len(scene.things), prompt
        picture = smaller(pixels, DRAFT_SIDE).astype(np.float32) / 255
        layers = [_shrunk(cut) for cut in found.cuts]
        return [
            self._thing(_window(picture, layers, found, i), found.cuts[i], thing.kind, thing.colour)
            for i, thing in enumerate(scene.things)
        ]

    def _thing(self, window: _Window, cut: CutOut, kind: str, colour: str) -> tuple[str, str]:
        rows, columns = np.nonzero(np.asarray(cut.image)[..., 3] > 255 * CLEAR)
        middle = (cut.left + (columns.min() + columns.max() + 1) / 2) / BY
        foot = (cut.top + rows.max() + 1) / BY
        longer = max(rows.max() - rows.min(), columns.max() - columns.min()) + 1
        side = round(longer / SIZE * CELLS)
        kinds = {name: window.error(self.drawn(name, colour, side), middle, foot) for name in self.kinds}
        nearest = min(kinds, key=kinds.__getitem__)
        if not colour:
            return nearest, ""
        colours = {name: window.error(self.drawn(kind, name, side), middle, foot) for name in COLOURS}
        return nearest, min(colours, key=colours.__getitem__)

    def drawn(self, kind: str, colour: str, side: int) -> Floats:
        """A drawing so many cells large, premultiplied float32 (h, w, 4), at the size of drafts; in its own
        colour, where it has no other."""
        known = self._drawn.get((kind, colour, side))
        if known is None:
            number = self._memory.find(kind, self._hand, colour)
            assert number is not None
            place = Place(side=side, xs=(CELLS / 2,))
            picture = self._memory.picture(number, colour)
            cut = cut_out(picture, place, random.Random(0), floats=False, rimmed=self._rimmed, size=SIZE)
            layer = _shrunk(CutOut(cut.image, 0, 0))
            rows, columns = np.nonzero(layer[..., 3] > CLEAR)
            known = layer[: rows.max() + 1, columns.min() : columns.max() + 1][rows.min() :]
            self._drawn[kind, colour, side] = known
        return known


def _shrunk(cut: CutOut) -> Floats:
    """A cut-out on nothing, premultiplied float32 (64, 64, 4)."""
    canvas = PIL.Image.new("RGBA", (SIZE, SIZE))
    canvas.paste(cut.image, (cut.left, cut.top))
    x = np.asarray(canvas).astype(np.float32) / 255
    x[..., :3] *= x[..., 3:]
    return x.reshape(DRAFT_SIDE, BY, DRAFT_SIDE, BY, 4).mean((1, 3))


def _window(picture: Floats, layers: Sequence[Floats], found: Laid, i: int) -> _Window:
    """Around a thing; what other things cover does not count."""
    others = [layer[..., 3] for j, layer in enumerate(layers) if j != i]
    in_the_way = np.max([np.zeros_like(picture[..., 0]), *others], axis=0)
    if found.order.index(i) == len(found.order) - 1:  # nothing stands before it
        in_the_way = np.where(layers[i][..., 3] > CLEAR, 0, in_the_way)
    covered = np.max([layer[..., 3] for layer in layers], axis=0) > CLEAR
    ground = np.stack(
        [
            np.median(row[~hidden] if (~hidden).any() else row, axis=0)
            for row, hidden in zip(picture, covered, strict=True)
        ]
    )
    rows, columns = np.nonzero(layers[i][..., 3] > CLEAR)
    down = slice(max(rows.min() - AROUND, 0), rows.max() + 1 + AROUND)
    across = slice(max(columns.min() - AROUND, 0), columns.max() + 1 + AROUND)
    return _Window(
        top=down.start,
        left=across.start,
        pixels=picture[down, across],
        ground=ground[down, None].astype(np.float32),
        counts=1 - in_the_way[down, across],
    )
