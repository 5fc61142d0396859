"""All that is measured of a recipe, in one go. What each figure means is said where it is counted."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from ...engine.watch import Watcher
from ..text_to_image import TextToImage
from .alignment import Judged, alignment_of, held_out_scenes, render_scenes
from .captioner import evaluate_captioner, judge_with
from .drafter import evaluate_drafter
from .figures import Figure
from .inspector import Inspector, evaluate_inspector
from .tokenizer import evaluate_tokenizer

CODEBOOK_FAMILY = "image-tokenizer"
Figures = Mapping[str, Figure]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Figures by what they are of; empty where the recipe has no such model.

    Args:
        alignment: by category of prompts, then by question.
        inspector: its own right answers on held-out renders: what the figures of `alignment` rest on.
        judged: the prompts that `alignment` was counted on.
    """

    recipe: str
    alignment: Mapping[str, Figures]
    inspector: Figures
    captioner: Figures
    tokenizer: Figures
    drafter: Figures
    judged: Sequence[Judged]


def evaluate(
    pipe: TextToImage,
    inspector: Inspector,
    *,
    prompts: int,
    renders: int,
    seed: int = 0,
    watch: Watcher | None = None,
    say: Callable[[str], None] = print,
) -> Evaluation:
    """Measure a recipe.

    Args:
        prompts: as many held-out prompts of one thing are rendered, and as many of two.
        renders: as many held-out renders are shown to the models that read pictures.
        seed: of the pictures that are made; the prompts are always the same.

    Raises:
        DiptychError: a model cannot be loaded or does not fit the memory.
    """
    say(f"renders: {renders} are read by the inspector, the captioner, the tokenizer and the drafter")
    checked = evaluate_inspector(inspector, count=renders)
    captioner = evaluate_captioner(judge_with(pipe.runner.chain.stages[-1], pipe.runner.memory), count=renders)
    tokenizer, drafter = _tokens(pipe, renders)
    scenes = [scene for things in (1, 2) for scene in held_out_scenes(prompts, things=things)]
    say(f"prompts: {len(scenes)} are rendered")
    judged = render_scenes(pipe, inspector.look, scenes, seed=seed, watch=watch)
    return Evaluation(
        recipe=pipe.recipe.name,
        alignment=alignment_of(judged),
        inspector=checked,
        captioner=captioner,
        tokenizer=tokenizer,
        drafter=drafter,
        judged=judged,
    )


def _tokens(pipe: TextToImage, renders: int) -> tuple[Figures, Figures]:
    """Figures of the tokenizer and of the drafter, where the recipe has them."""
    draft = pipe.recipe.stages.get("draft")
    keys = [key for key in draft.models.values() if key.family == CODEBOOK_FAMILY] if draft else []
    if draft is None or not keys:
        return {}, {}
    with pipe.runner.memory.lease([keys[0], draft.model]) as models:
        book = models[keys[0]]
        return (
            evaluate_tokenizer(book, count=renders),
            evaluate_drafter(models[draft.model], book, count=renders),
        )
