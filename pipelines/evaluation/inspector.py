"""The inspector: which things, of which colour and where, it sees in a picture, in which setting and style.

It reports and never steers. A thing is seen where the probability of a centre has a peak of at least `SURE`.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F

from ...engine.models.checkpoint.folder import folder_of, parameter_count
from ..pocket.world import Scene
from ..pocket.world.words import number_of
from ..training.tasks.detector import SIDE, WORDS, Maps, Words, pixel_values
from ..training.tasks.inspector import load_inspector

CHECKPOINT = "pocket/inspector"
SURE = 0.3  # as in the paper; of 400 held-out renders, 0.2 errs in 1 %, 0.5 in 5 % (centres between two cells)
Pair = tuple[str, str]  # (kind, colour)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seen:
    """One thing, and its centre, of the frame: x to the right, y down, 0 to 1."""

    kind: str
    colour: str
    x: float
    y: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sighting:
    """What the inspector sees in one picture: things, the surest first, and the likeliest setting and style."""

    things: tuple[Seen, ...]
    setting: str
    style: str

    @property
    def pairs(self) -> Counter[Pair]:
        """How many of each (kind, colour) there are."""
        return Counter((thing.kind, thing.colour) for thing in self.things)

    def __str__(self) -> str:
        from_left = dict.fromkeys((t.kind, t.colour) for t in sorted(self.things, key=lambda t: t.x))
        named = [number_of(self.pairs[kind, colour], f"{colour} {kind}".strip()) for kind, colour in from_left]
        return f"{' and '.join(named) or 'nothing'}; {self.setting}; {self.style}"


def pairs_of(scene: Scene) -> Counter[Pair]:
    """How many of each (kind, colour) a scene holds."""
    return Counter((thing.kind, thing.colour) for thing in scene.things)


class Inspector:
    """Looks at pictures. `from_checkpoint` is the usual way to one.

    Args:
        model: pixel values (b, 3, side, side) to what the detector says of them.
        words: what it tells apart.
        side: pixels of what it looks at.
        batch_size: pictures that are looked at in one go.
    """

    def __init__(
        self,
        model: Callable[[torch.Tensor], Maps],
        *,
        words: Words = WORDS,
        side: int = SIDE,
        batch_size: int = 64,
    ) -> None:
        self._model, self._words, self._side = model, words, side
        self._batch_size = batch_size

    @classmethod
    def from_checkpoint(cls, checkpoint: str | Path = CHECKPOINT) -> "Inspector":
        """The inspector of the package, or of a folder.

        Raises:
            CheckpointError: its weights are missing or damaged, or it was trained on another world.
        """
        folder = folder_of(str(checkpoint))
        parameter_count(folder)
        detector = load_inspector(folder)
        return cls(detector, words=detector.words, side=detector.side)

    def look(self, pixels: torch.Tensor) -> list[Sighting]:
        """What pictures show: uint8 (b, h, w, 3), of any size."""
        return [sighting for maps in self._maps(pixels) for sighting in sightings_of(maps, self._words)]

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """What pictures are like, to measure distances between them: uint8 (b, h, w, 3) to float64 (b, d)."""
        return torch.cat([maps.features.double() for maps in self._maps(pixels)])

    @torch.inference_mode()
    def _maps(self, pixels: torch.Tensor) -> Iterator[Maps]:
        for part in pixels.split(self._batch_size):
            yield self._model(pixel_values(part, self._side))


def sightings_of(maps: Maps, words: Words = WORDS) -> Iterator[Sighting]:
    """Read each picture's maps: peaks among the eight neighbours are things (Zhou et al. 2019, section 4.1)."""
    centre = maps.centre.float().sigmoid()
    peak = F.max_pool2d(centre[:, None], 3, stride=1, padding=1)[:, 0] == centre
    sure = torch.where(peak, centre, 0.0)
    for i in range(len(sure)):
        cells = (sure[i] >= SURE).nonzero().tolist()
        cells.sort(key=lambda cell: -float(sure[i, cell[0], cell[1]]))
        yield Sighting(
            things=tuple(_seen_at(maps, i, y, x, words) for y, x in cells),
            setting=words["setting"][int(maps.setting[i].argmax())],
            style=words["style"][int(maps.style[i].argmax())],
        )


def _seen_at(maps: Maps, i: int, y: int, x: int, words: Words) -> Seen:
    down, right = maps.offset[i, y, x].float().clamp(0, 1).tolist()
    return Seen(
        kind=words["kind"][int(maps.kind[i, y, x].argmax())],
        colour=words["colour"][int(maps.colour[i, y, x].argmax())],
        x=(x + right) / maps.centre.shape[2],
        y=(y + down) / maps.centre.shape[1],
    )
