"""How well the score that steers the loop tells what a picture shows from what it nearly shows.

Held-out renders, each judged against its own prompt and against one that is wrong in each respect in which a
prompt for it can be wrong (see `pipelines/training/mismatch`). They are other renders than the score was
calibrated on. The score is the judge stage's own, whatever it is made of.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from ...engine.values import Fact, Picture, Plan, Request
from ...pipelines.evaluation.captioner import Judge
from ...pipelines.evaluation.typed_prompts.scored import MATCHED, Scored, auc_by_kind, error_of
from ...pipelines.pocket.world import Scene, facts_of, prompt_of
from ...pipelines.training.data.mismatch import mismatched, mismatches_of, without_sizes
from ...pipelines.training.data.source import PICTURE_SIDE, WorldData

FIRST = 800_000  # of the held-out scenes used here: far from those of the calibration and of `evaluate`
BATCH = 16


def measure_scorer(judge: Judge, *, count: int) -> list[Scored]:
    """Score each of `count` held-out renders against right and wrong prompts."""
    pairs = list(_pairs(count))
    scored: list[Scored] = []
    for start in range(0, len(pairs), BATCH):
        part = pairs[start : start + BATCH]
        verdicts = judge([picture for _, _, picture in part])
        scored += [
            Scored(mismatch, weight, v.score) for (mismatch, weight, _), v in zip(part, verdicts, strict=True)
        ]
    return scored


def figures_of(scored: Sequence[Scored]) -> dict[str, Any]:
    """`scorer_auc`, by kind of mismatch and overall, and `calibration_error`.

    See `scored.auc_by_kind` and `scored.error_of`.
    """
    return {"scorer_auc": auc_by_kind(scored), "calibration_error": error_of(scored)}


def _pairs(count: int) -> Iterator[tuple[str, float, Picture]]:
    """Mismatch, weight, and the picture with the text as its plan."""
    data = WorldData("held-out")
    for index in range(FIRST, FIRST + count):
        batch = data.take([index], PICTURE_SIDE)
        scene, pixels = batch.scenes[0], batch.pixels[0]
        rng = random.Random(f"bench/loop/{index}")
        kinds = mismatches_of(scene)
        said = [(MATCHED, 1.0, scene)]
        said += [(kind, 1 / len(kinds), mismatched(scene, kind, rng)) for kind in kinds]
        in_full = rng.random() < 0.5
        for kind, weight, each in said:
            yield kind, weight, _picture(pixels, each if in_full else without_sizes(each))


def _picture(pixels: torch.Tensor, said: Scene) -> Picture:
    prompt = prompt_of(said)
    facts = tuple(Fact(kind=kind, text=text) for kind, text in facts_of(said))  # type: ignore[arg-type]
    return Picture(pixels=pixels, plan=Plan(request=Request(prompt=prompt), prompt=prompt, facts=facts))
