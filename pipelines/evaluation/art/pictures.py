"""The pictures of a recipe of scenes of the art, and what is seen in them."""

import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from ....engine.values import Outcome
from ...pocket.art import Art, ArtScene
from ...text_to_image import TextToImage
from ..inspector import Sighting
from ..matching import ALL_RIGHT, wrong_in
from .answers import answers
from .finding import Look
from .nearest import NearestKinds

PLAIN: dict[str, Any] = {"candidates": 1, "rounds": 1, "repairs": 0}
"""One picture of each prompt, which nothing selects."""
BATCH = 64
TOLD_EVERY = 100  # pictures


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judged:
    """A scene, and what is seen in the picture of its wording.

    Args:
        pixels: uint8 (h, w, 3); `None` where the prompt failed, or where they are not kept.
        seen: `None` where the prompt failed.
        nearest: the kind of the memory that the picture is most like; empty where that was not asked.
        left_out: words of the prompt that the plan has not.
        error: why it failed.
    """

    scene: ArtScene
    prompt: str
    pixels: torch.Tensor | None = None
    seen: Sighting | None = None
    nearest: str = ""
    left_out: tuple[str, ...] = ()
    error: str = ""

    @property
    def right(self) -> bool:
        """The picture shows all that was asked, and no other thing."""
        return answers(self.seen, self.scene)[ALL_RIGHT]

    @property
    def wrong(self) -> list[str]:
        """The categories in which it fails, but for `all_right`."""
        return wrong_in(answers(self.seen, self.scene))


def judged_pictures(
    pipe: TextToImage,
    look: Look,
    rows: Sequence[tuple[ArtScene, str, int]],
    *,
    nearest: NearestKinds | None = None,
    keep: Callable[[int, Judged], bool] = lambda number, row: False,
    what: str = "pictures",
) -> list[Judged]:
    """Render each scene from its prompt, with its seed, and look at it; a line a hundred says how far it is.

    Args:
        rows: scene, prompt and seed; where `nearest` is asked, scenes of one thing in the middle, and those of
            one seed and size next to each other.
        keep: whose pixels are kept, by number.
    """
    requests = [pipe.request(prompt, seed=seed, row=i + 1, **PLAIN) for i, (_, prompt, seed) in enumerate(rows)]
    judged: list[Judged] = []
    for (scene, prompt, _), result in zip(rows, pipe.run(requests), strict=True):
        row = Judged(scene=scene, prompt=prompt, error="" if isinstance(result, Outcome) else result.reason)
        if isinstance(result, Outcome):
            row = _seen(row, result, look, nearest)
        if not keep(len(judged), row):
            row = dataclasses.replace(row, pixels=None)
        judged.append(row)
        if len(judged) % TOLD_EVERY == 0:
            print(f"{what}: {len(judged)} of {len(rows)}", file=sys.stderr, flush=True)
    return judged


def _seen(row: Judged, outcome: Outcome, look: Look, nearest: NearestKinds | None) -> Judged:
    pixels, request, kind = outcome.picture.pixels, outcome.request, ""
    if nearest is not None:
        kind = nearest.kind_in(np.asarray(pixels), seed=request.seed, size=row.scene.things[0].size)
    return dataclasses.replace(
        row,
        pixels=pixels,
        seen=look(pixels[None])[0],
        nearest=kind,
        left_out=tuple(span.text for span in outcome.plan.left_out),
    )


def seen_in_renders(art: Art, look: Look, scenes: Sequence[ArtScene]) -> list[Sighting]:
    """What is seen in the scenes' own pictures: who errs there, errs by himself."""
    return [seen for pictures in _renders(art, scenes) for seen in look(torch.from_numpy(np.stack(pictures)))]


def _renders(art: Art, scenes: Sequence[ArtScene]) -> Iterator[list[np.ndarray]]:
    for start in range(0, len(scenes), BATCH):
        yield [np.asarray(art.render(scene).image) for scene in scenes[start : start + BATCH]]
