"""How many wishes for things that only a folder of pictures knows come out right, with it and without.

Run as `python -m diptych.pipelines.evaluation.recalled.remembered RECIPE [OF_EACH]`: RECIPE has a stage
`recall`, such as that of `diptych train memory`; so many pictures of each of the made-up creatures.

A picture is right if what stands in it is more like the creature that was asked for than like any other, each
laid where the thing stands. A row that fails is wrong. *Sameness* is how far the thing is from its own picture,
and from the nearest other: the mean of the differences, of 255.
"""

import dataclasses
import math
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from ....engine.models.checkpoint.folder import folder_of
from ....engine.models.vision.picture_memory import PictureMemory, load_picture_memory
from ....engine.stages.recalling.recall import sketch_of
from ....engine.values import Outcome, Reference
from ...recipes.reader import NO_MODEL, Recipe, StageRecipe, read_recipe
from ...text_to_image import TextToImage
from ..figures import Measure, Share
from .creatures import NAMES, creature, write_creatures

SCENES = ("in a meadow", "at the beach", "in the snow", "in a city", "at sunset")


def with_folder(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe, which looks a prompt's things up in a folder of pictures first."""
    stage = StageRecipe(name="retrieve", model=NO_MODEL, settings={"folder": str(folder)})
    return dataclasses.replace(recipe, stages={"retrieve": stage, **recipe.stages})


def memory_of(recipe: Recipe) -> PictureMemory:
    """What its stage `recall` looks into."""
    checkpoint = recipe.stages["recall"].model.checkpoint
    return load_picture_memory(folder_of(checkpoint), torch.float32, torch.device("cpu"))


def differences(outcome: Outcome, asked: str, memory: PictureMemory) -> Mapping[str, float]:
    """How far what stands in a picture is from each creature."""
    pixels, found = np.asarray(outcome.image).astype(np.float32), dict[str, float]()
    for name in NAMES:
        words = outcome.plan.prompt.replace(asked, name)
        shown = Reference(picture=torch.from_numpy(np.array(creature(name))), name=name)
        request = dataclasses.replace(outcome.request, prompt=words, references=(shown,))
        plan = dataclasses.replace(
            outcome.plan, request=request, prompt=words, facts=(), left_out=(), sketch=None
        )
        sketch = sketch_of(0, plan, memory)
        if sketch is None:
            return {}
        laid = sketch.pixels.numpy().astype(np.float32)
        apart, there = np.abs(pixels - laid[..., :3]).mean(2), laid[..., 3] / 255
        found[name] = float((apart * there).sum() / there.sum())
    return found


def measured(recipe: Recipe, memory: PictureMemory, of_each: int) -> tuple[Share, Measure, Measure]:
    """How many pictures are right; how far they are from their own creature, and from the nearest other."""
    pipe = TextToImage.from_recipe(recipe)
    asked = [name for name in NAMES for _ in range(of_each)]
    prompts = [f"a {name} {SCENES[i % len(SCENES)]}" for i, name in enumerate(asked)]
    made = pipe.run([pipe.request(text, seed=i, row=i + 1) for i, text in enumerate(prompts)])
    apart = [
        differences(each, name, memory) if isinstance(each, Outcome) and name in each.plan.prompt else {}
        for each, name in zip(made, asked, strict=True)
    ]
    right = [
        bool(each) and min(each, key=each.__getitem__) == name for each, name in zip(apart, asked, strict=True)
    ]
    own = [each[name] for each, name in zip(apart, asked, strict=True) if each]
    other = [
        min(value for key, value in each.items() if key != name)
        for each, name in zip(apart, asked, strict=True)
        if each
    ]
    return Share.of_truths(right), Measure.mean_of(own, "of 255"), Measure.mean_of(other, "of 255")


def main(recipe: str, of_each: int = 3) -> None:
    plain = read_recipe(recipe)
    memory = memory_of(plain)
    with tempfile.TemporaryDirectory() as folder:
        write_creatures(Path(folder))
        for name, each in (("with the folder", with_folder(plain, Path(folder))), ("without", plain)):
            right, own, other = measured(each, memory, of_each)
            print(f"{name}: right: {right}", flush=True)
            if not math.isnan(own.value):
                print(f"{name}: from its own creature: {own}; from the nearest other: {other}", flush=True)


if __name__ == "__main__":
    given = sys.argv[1:]
    main(given[0], *map(int, given[1:2]))
