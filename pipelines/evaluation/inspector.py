"""The inspector: which things, in which colours and setting, it sees in a picture, and how often it errs.

It reports and never steers. Things are seen where the probability is at least a half.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from ...engine.models.checkpoint import folder_of, parameter_count
from ..pocket.world import COLOURS, KINDS, SETTINGS, Scene
from ..training.captioner import pixel_values
from ..training.data import PICTURE_SIDE, WorldData
from ..training.inspector import GROUPS, PAIRS, load_inspector
from .figures import Share

CHECKPOINT = "pocket/inspector"
Pair = tuple[str, str]  # (kind, colour)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sighting:
    """What the inspector sees in one picture.

    Args:
        pairs: of kind and colour, each belonging together.
        kinds, colours: seen at all, whatever they belong to.
        setting: the likeliest.
    """

    pairs: frozenset[Pair]
    kinds: frozenset[str]
    colours: frozenset[str]
    setting: str

    def __str__(self) -> str:
        things = " and ".join(f"{colour} {kind}" for kind, colour in sorted(self.pairs))
        return f"{things or 'nothing'}, {self.setting}"


def pairs_of(scene: Scene) -> frozenset[Pair]:
    """The things of a scene as (kind, colour)."""
    return frozenset((thing.kind, thing.colour) for thing in scene.things)


class Inspector:
    """Looks at pictures. `from_checkpoint` is the usual way to one.

    Args:
        model: pixel values (b, 3, 64, 64) to an output with `logits` (b, n), as `training.inspector.labels`.
        batch_size: pictures that are looked at in one go.
    """

    def __init__(self, model: Callable[..., Any], *, batch_size: int = 64) -> None:
        self._model = model
        self._batch_size = batch_size

    @classmethod
    def from_checkpoint(cls, checkpoint: str | Path = CHECKPOINT) -> "Inspector":
        """The inspector of the package, or of a folder.

        Raises:
            CheckpointError: its weights are missing or damaged.
        """
        folder = folder_of(str(checkpoint))
        parameter_count(folder)
        return cls(load_inspector(folder))

    def look(self, pixels: torch.Tensor) -> list[Sighting]:
        """What pictures show: uint8 (b, h, w, 3), of any size."""
        return [sighting for part in pixels.split(self._batch_size) for sighting in self._look(part)]

    @torch.inference_mode()
    def _look(self, pixels: torch.Tensor) -> Iterator[Sighting]:
        logits = self._model(pixel_values=pixel_values(pixels)).logits.float()
        assert logits.shape[1] == sum(GROUPS), f"{logits.shape[1]} outputs, not {sum(GROUPS)}"
        pairs, kinds, colours, settings = logits.split(GROUPS, 1)
        for i in range(len(pixels)):
            yield Sighting(
                pairs=_likely(pairs[i], PAIRS),
                kinds=_likely(kinds[i], KINDS),
                colours=_likely(colours[i], list(COLOURS)),
                setting=SETTINGS[int(settings[i].argmax())],
            )


def evaluate_inspector(inspector: Inspector, *, count: int, batch_size: int = 64) -> dict[str, Share]:
    """The inspector's own right answers on `count` held-out renders: things in their colours, settings."""
    data, seen, scenes = WorldData("held-out"), [], []
    for start in range(0, count, batch_size):
        batch = data.take(range(start, min(count, start + batch_size)), PICTURE_SIDE)
        seen += inspector.look(batch.pixels)
        scenes += batch.scenes
    rows = list(zip(seen, scenes, strict=True))
    return {
        "one thing": Share.of_truths(s.pairs == pairs_of(x) for s, x in rows if len(x.things) == 1),
        "two things": Share.of_truths(s.pairs == pairs_of(x) for s, x in rows if len(x.things) == 2),
        "setting": Share.of_truths(s.setting == x.setting for s, x in rows),
    }


def _likely(logits: torch.Tensor, names: Sequence[Any]) -> frozenset[Any]:
    return frozenset(name for name, logit in zip(names, logits.tolist(), strict=True) if logit >= 0)
