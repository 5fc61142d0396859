"""All that is measured of a recipe, in one go. What each figure means is said where it is counted."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from ...engine.watch import Watcher
from ..text_to_image import TextToImage
from ..training.data.source import PICTURE_SIDE, WorldData
from .ablation import alone
from .alignment import (
    Judged,
    alignment_of,
    alignment_of_drafts,
    alignment_of_pictures,
    held_out_scenes,
    render_scenes,
)
from .captioner import evaluate_captioner, evaluate_captioner_on, judge_with
from .drafter import evaluate_drafter
from .figures import Figure, Measure
from .inspector import Inspector
from .likeness import evaluate_diversity, evaluate_likeness
from .tokenizer import evaluate_tokenizer

CODEBOOK_FAMILY = "image-tokenizer"
Figures = Mapping[str, Figure]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extent:
    """How much is measured.

    Args:
        prompts: held-out prompts that are rendered.
        renders: held-out renders that are shown to the models that read pictures.
        seeds: pictures of one prompt that are compared with each other.
        seed: of the pictures that are made; the prompts are always the same.
        steps: of the refiner, in place of the recipe's.
    """

    prompts: int = 200
    renders: int = 200
    seeds: int = 4
    seed: int = 0
    steps: int | None = None

    @property
    def diverse(self) -> int:
        """Prompts that are rendered with several seeds: a sixth of the work, about."""
        return max(1, self.prompts // 25)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Figures by what they are of; empty where the recipe has no such model.

    Args:
        alignment: by category: what pictures show of their prompts.
        drafts: the same of the drafts' previews.
        inspector: the same of held-out renders: its own errors, on which the figures above rest.
        captioner: by kind of fact, on held-out renders.
        captioner_on_pictures: the same, on pictures in which the inspector finds nothing wrong.
        frechet: distances to renders.
        diversity: distances between pictures of one prompt.
        seconds: a picture, by stage.
        judged: the prompts that `alignment` was counted on.
    """

    recipe: str
    panel: str = "hybrid"
    alignment: Figures
    drafts: Figures
    inspector: Figures
    captioner: Figures
    captioner_on_pictures: Figures
    tokenizer: Figures
    drafter: Figures
    frechet: Figures
    diversity: Figures
    seconds: Figures
    judged: Sequence[Judged]


def evaluate(
    pipe: TextToImage,
    inspector: Inspector,
    extent: Extent,
    *,
    panel: str = "hybrid",
    watch: Watcher | None = None,
    say: Callable[[str], None] = print,
) -> Evaluation:
    """Measure a recipe.

    Args:
        panel: `tokens` or `diffusion` for one of the panels by itself (see `ablation`): the models that read
            renders are then left out, being the same.

    Raises:
        InputError: no such panel.
        DiptychError: a model cannot be loaded or does not fit the memory.
    """
    painter = alone(pipe, panel)
    judge = judge_with(pipe.runner.chain.stages[-1], pipe.runner.memory)
    say(f"renders: {extent.renders} are read by the inspector, the captioner, the tokenizer and the drafter")
    checked = evaluate_inspector(inspector, count=extent.renders)
    whole = panel == "hybrid"
    captioner = evaluate_captioner(judge, count=extent.renders) if whole else {}
    tokenizer, drafter = _tokens(pipe, extent.renders) if whole else ({}, {})
    say(f"prompts: {extent.prompts} are rendered")
    scenes = held_out_scenes(extent.prompts)
    judged = render_scenes(painter, inspector.look, scenes, seed=extent.seed, steps=extent.steps, watch=watch)
    say(f"seeds: {extent.diverse} prompts are rendered with {extent.seeds} each")
    diversity = evaluate_diversity(
        painter,
        inspector,
        scenes[: extent.diverse],
        seeds=extent.seeds,
        seed=extent.seed,
        steps=extent.steps,
        watch=watch,
    )
    return Evaluation(
        recipe=pipe.recipe.name,
        panel=panel,
        alignment=alignment_of_pictures(judged),
        drafts=alignment_of_drafts(judged),
        inspector=checked,
        captioner=captioner,
        captioner_on_pictures=evaluate_captioner_on(judge, judged) if whole else {},
        tokenizer=tokenizer,
        drafter=drafter,
        frechet=evaluate_likeness(inspector.features, judged),
        diversity=diversity,
        seconds=seconds_of(judged),
        judged=judged,
    )


def evaluate_inspector(inspector: Inspector, *, count: int, batch_size: int = 64) -> dict[str, Figure]:
    """The inspector's own right answers on `count` held-out renders, by category; it was trained on others."""
    data, rows = WorldData("held-out"), []
    for start in range(0, count, batch_size):
        batch = data.take(range(start, min(count, start + batch_size)), PICTURE_SIDE)
        rows += zip(inspector.look(batch.pixels), batch.scenes, strict=True)
    return alignment_of(rows)


def seconds_of(judged: Sequence[Judged]) -> dict[str, Figure]:
    """Seconds a picture, by stage and in all, in the batches that were rendered."""
    timings = [row.timings for row in judged if row.timings]
    stages = list(dict.fromkeys(stage for row in timings for stage in row))
    figures: dict[str, Figure] = {
        stage: Measure.mean_of([row.get(stage, 0.0) for row in timings], "s") for stage in stages
    }
    return figures | {"all": Measure.mean_of([sum(row.values()) for row in timings], "s")} if timings else {}


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
