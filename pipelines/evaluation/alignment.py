"""Whether pictures show what was asked: held-out prompts, rendered end to end, seen by the inspector.

A prompt that could not be rendered counts as wrong in everything.
"""

import dataclasses
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...engine.values import Outcome
from ...engine.watch import Watcher
from ..pocket.world import STYLES, Scene, prompt_of, sample_scene
from ..pocket.world.words import STYLE_WORDS
from ..recipes.reader import Recipe
from ..text_to_image import TextToImage
from ..vocabulary import planner_vocabulary
from .figures import Figure, Share
from .inspector import Sighting
from .matching import ALL_RIGHT, CATEGORIES, answers, wrong_in

if TYPE_CHECKING:
    import torch

Look = Callable[["torch.Tensor"], Sequence[Sighting]]
"""Pictures uint8 (b, h, w, 3) to what they show."""

TURNS = ("alone", "group", "side by side", "stacked", "alone", "group", "side by side", "in a row")
"""The arrangements that prompts take turns in, so that each category has as many as another, about."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judged:
    """One prompt, and what the inspector sees in its picture and in its draft's preview.

    Args:
        pixels, preview: uint8 (h, w, 3); `None` where the prompt failed, or there is no draft.
        seen, seen_in_draft: likewise.
        timings: seconds by stage, this row's share of its batches.
        error: why it failed.
    """

    scene: Scene
    pixels: "torch.Tensor | None" = None
    preview: "torch.Tensor | None" = None
    seen: Sighting | None = None
    seen_in_draft: Sighting | None = None
    timings: Mapping[str, float] = dataclasses.field(default_factory=dict)
    error: str = ""

    @property
    def prompt(self) -> str:
        return prompt_of(self.scene)

    @property
    def right(self) -> bool:
        """The picture shows all that was asked, and no other thing."""
        return answers(self.seen, self.scene)[ALL_RIGHT]

    @property
    def wrong(self) -> list[str]:
        """The categories in which it fails, but for `all_right`."""
        return wrong_in(answers(self.seen, self.scene))


def held_out_scenes(count: int, *, seed: int = 0) -> list[Scene]:
    """Scenes whose things each are of a kind, colour and setting that training never saw together.

    Arrangements and styles take turns.
    """
    return [
        sample_scene(
            random.Random(f"evaluate/{seed}/{i}"),
            TURNS[i % len(TURNS)],
            style=STYLES[i % len(STYLES)],
            held_out=True,
        )
        for i in range(count)
    ]


def render_scenes(
    pipe: TextToImage,
    look: Look,
    scenes: Sequence[Scene],
    *,
    seed: int = 0,
    steps: int | None = None,
    watch: Watcher | None = None,
) -> list[Judged]:
    """Render the full wording of each scene, by the plain chain of one candidate, and look at the picture.

    Args:
        steps: of the refiner, in place of the recipe's.
    """
    judged = [Judged(scene=scene, error="was not rendered") for scene in scenes]
    prompts = [full_wording(scene, pipe.recipe) for scene in scenes]
    plain: dict[str, Any] = {"candidates": 1, "rounds": 1, "repairs": 0, "num_inference_steps": steps}
    results = pipe.stream(prompts, seed=seed, watch=watch, **plain)
    for result in results:
        place = result.request.row - 1
        if isinstance(result, Outcome):
            judged[place] = _judged(scenes[place], result, look)
        else:
            judged[place] = Judged(scene=scenes[place], error=f"{result.stage}: {result.reason}")
    return judged


def full_wording(scene: Scene, recipe: Recipe) -> str:
    """The full wording, as the recipe's planner understands it: where others are usual, flat drawings are asked
    for."""
    vocabulary, flat = planner_vocabulary(recipe), STYLE_WORDS["flat"][0]
    said = scene.style != "flat" or vocabulary is None or vocabulary.plain_style == flat
    return prompt_of(scene) if said else f"{prompt_of(scene)}, {flat}"


def alignment_of(rows: Iterable[tuple[Sighting | None, Scene]]) -> dict[str, Figure]:
    """The share of right answers by category, of those that were asked; categories never asked are left out."""
    truths: dict[str, list[bool]] = {name: [] for name in CATEGORIES}
    for seen, scene in rows:
        for name, truth in answers(seen, scene).items():
            truths[name].append(truth)
    return {name: Share.of_truths(listed) for name, listed in truths.items() if listed}


def alignment_of_pictures(judged: Sequence[Judged]) -> dict[str, Figure]:
    """What the pictures show of what was asked."""
    return alignment_of((row.seen, row.scene) for row in judged)


def alignment_of_drafts(judged: Sequence[Judged]) -> dict[str, Figure]:
    """What the drafts' previews show of it; nothing where there were no drafts."""
    if not any(row.seen_in_draft for row in judged):
        return {}
    return alignment_of((row.seen_in_draft, row.scene) for row in judged)


def _judged(scene: Scene, outcome: Outcome, look: Look) -> Judged:
    pixels = outcome.picture.pixels
    preview = outcome.draft.preview if outcome.draft is not None else None
    (seen,) = look(pixels[None])
    seen_in_draft = look(preview[None])[0] if preview is not None else None
    return Judged(
        scene=scene,
        pixels=pixels,
        preview=preview,
        seen=seen,
        seen_in_draft=seen_in_draft,
        timings=outcome.timings,
    )
