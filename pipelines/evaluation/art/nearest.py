"""Which kind of a memory a picture of one thing is most like: compared, pixel by pixel, with the drawing of
each kind, laid where the thing stands. No network looks."""

import numpy as np

from ....engine.models.vision.picture_memory import PictureMemory
from ....engine.stages.recalling.recall import sketch_of
from ....engine.values import Plan, Request
from ...pocket.art.facts import an
from ...training.data.source import DRAFT_SIDE, smaller

OUTER = 12  # pixels at either side of a picture of 64, where a thing in the middle is not


class NearestKinds:
    """The kinds of a memory's first style, in their own colours, in the middle of a picture.

    Args:
        memory: that pictures are made with.
    """

    def __init__(self, memory: PictureMemory) -> None:
        style = memory.styles[0]
        self._memory, self._laid = memory, dict[tuple[int, str], np.ndarray]()
        self.kinds = sorted({each.kind for each in memory.pictures if each.style == style})

    def kind_in(self, pixels: np.ndarray, *, seed: int, size: str = "medium") -> str:
        """The kind that explains a picture uint8 (h, w, 3) best, which was made with this seed."""
        sketches = self._laid.get((seed, size))
        if sketches is None:
            self._laid.clear()  # 780 of them take 50 MB
            sketches = np.stack([self.laid(kind, seed=seed, size=size) for kind in self.kinds])
            self._laid[seed, size] = sketches
        return self.kinds[_most_like(smaller(pixels, DRAFT_SIDE), sketches)]

    def laid(self, kind: str, *, seed: int, size: str = "medium") -> np.ndarray:
        """A kind's drawing as a plan lays it: premultiplied float32 (64, 64, 4)."""
        thing = an(kind if size == "medium" else f"{size} {kind}")
        words = f"{thing} in the middle, {self._memory.styles[0]}"  # or it may be drawn by heart
        sketch = sketch_of(
            0, Plan(request=Request(prompt=words, seed=seed), prompt=words, facts=()), self._memory
        )
        assert sketch is not None, f"the memory has {kind}"
        x = sketch.pixels.numpy().astype(np.float32) / 255
        x[..., :3] *= x[..., 3:]
        by = len(x) // DRAFT_SIDE
        return x.reshape(DRAFT_SIDE, by, DRAFT_SIDE, by, 4).mean((1, 3))


def _most_like(picture: np.ndarray, sketches: np.ndarray) -> int:
    """The number of the sketch that explains a picture uint8 (64, 64, 3) best, on what is at its sides."""
    pixels = picture.astype(np.float32) / 255
    sides = np.concatenate([pixels[:, :OUTER], pixels[:, -OUTER:]], 1)
    ground = np.median(sides, axis=1)[:, None]  # (64, 1, 3)
    explained = sketches[..., :3] + (1 - sketches[..., 3:]) * ground
    middle = slice(OUTER, -OUTER)
    return int(((explained - pixels)[:, :, middle] ** 2).sum((1, 2, 3)).argmin())
