"""Whether pictures show what was asked: held-out prompts, rendered end to end, seen by the inspector.

A prompt that could not be rendered counts as wrong in everything.
"""

import dataclasses
import random
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ...engine.values import Outcome
from ...engine.watch import Watcher
from ..pocket.world import Scene, prompt_of, sample_scene
from ..text_to_image import TextToImage
from .figures import Figure, Share
from .inspector import Sighting, pairs_of

if TYPE_CHECKING:
    import torch

Look = Callable[["torch.Tensor"], Sequence[Sighting]]
"""Pictures uint8 (b, h, w, 3) to what they show."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judged:
    """One prompt, and what the inspector sees in its picture and in its draft's preview.

    Args:
        pixels: uint8 (h, w, 3); `None` where the prompt failed, as for the two sightings.
        error: why it failed.
    """

    scene: Scene
    pixels: "torch.Tensor | None" = None
    seen: Sighting | None = None
    seen_in_draft: Sighting | None = None
    error: str = ""

    @property
    def prompt(self) -> str:
        return prompt_of(self.scene)

    @property
    def right(self) -> bool:
        """Every thing is there in its own colour."""
        return self.seen is not None and _pairs(self.seen, self.scene)


def held_out_scenes(count: int, *, things: int, seed: int = 0) -> list[Scene]:
    """Scenes of one or two things, each of a kind, colour and setting that training never saw together."""
    share = float(things == 2)
    return [
        sample_scene(random.Random(f"evaluate/{seed}/{things}/{i}"), share, held_out=True) for i in range(count)
    ]


def render_scenes(
    pipe: TextToImage, look: Look, scenes: Sequence[Scene], *, seed: int = 0, watch: Watcher | None = None
) -> list[Judged]:
    """Render the full wording of each scene, by the plain chain of one candidate, and look at the picture."""
    judged = [Judged(scene=scene, error="was not rendered") for scene in scenes]
    prompts = [prompt_of(scene) for scene in scenes]
    for result in pipe.stream(prompts, seed=seed, watch=watch, candidates=1, rounds=1):
        place = result.request.row - 1
        if isinstance(result, Outcome):
            judged[place] = _judged(scenes[place], result, look)
        else:
            judged[place] = Judged(scene=scenes[place], error=f"{result.stage}: {result.reason}")
    return judged


def alignment_of(judged: Sequence[Judged]) -> dict[str, dict[str, Figure]]:
    """Shares by category: what pictures show and, where there were drafts, what their previews show."""
    figures: dict[str, dict[str, Figure]] = {}
    for name, things in (("one thing", 1), ("two things", 2)):
        rows = [row for row in judged if len(row.scene.things) == things]
        if not rows:
            continue
        figures[name] = _shares((row.scene, row.seen) for row in rows)
        if any(row.seen_in_draft for row in rows):
            drafts = _shares((row.scene, row.seen_in_draft) for row in rows)
            figures[f"{name}, draft alone"] = drafts
    return figures


def _judged(scene: Scene, outcome: Outcome, look: Look) -> Judged:
    pixels = outcome.picture.pixels
    (seen,) = look(pixels[None])
    seen_in_draft = None
    if outcome.draft is not None:
        (seen_in_draft,) = look(outcome.draft.preview[None])
    return Judged(scene=scene, pixels=pixels, seen=seen, seen_in_draft=seen_in_draft)


def _shares(rows: Iterable[tuple[Scene, Sighting | None]]) -> dict[str, Figure]:
    listed = list(rows)
    return {
        name: Share.of_truths(seen is not None and holds(seen, scene) for scene, seen in listed)
        for name, holds in _QUESTIONS.items()
    }


def _kinds(seen: Sighting, scene: Scene) -> bool:
    return {thing.kind for thing in scene.things} <= seen.kinds


def _colours(seen: Sighting, scene: Scene) -> bool:
    return {thing.colour for thing in scene.things} <= seen.colours


def _pairs(seen: Sighting, scene: Scene) -> bool:
    return pairs_of(scene) <= seen.pairs


def _setting(seen: Sighting, scene: Scene) -> bool:
    return seen.setting == scene.setting


def _all(seen: Sighting, scene: Scene) -> bool:
    return seen.pairs == pairs_of(scene) and seen.setting == scene.setting


_QUESTIONS: dict[str, Callable[[Sighting, Scene], bool]] = {
    "right thing": _kinds,
    "right colour": _colours,
    "right thing in right colour": _pairs,
    "right setting": _setting,
    "all of it, and no other thing": _all,
}
