"""What a sketch is worth to a drafter, for kinds that its reader was trained on, and for kinds that it was not.

Run as `python -m diptych.pipelines.evaluation.art.sketches ART RECIPE [COUNT]`: ART is the folder that `diptych
train art` made, RECIPE the one of `diptych train memory`.

Two things are counted. *Nats*: what a token of a picture costs the drafter, with its own sketch, with another
picture's, and without one. *Nearest*: in how many pictures of one thing that thing is most like its own picture
of all the memory has in that style; so a picture is compared with each of them, laid where the thing stands.
"""

import random
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ....engine.models.vision.picture_memory import PictureMemory, load_picture_memory
from ....engine.models.vision.readers.sketch_reader import CLEAR, load_sketch_reader, tokens_of
from ....engine.values import Outcome
from ...pocket.art import Art, prepare
from ...pocket.art.facts import an
from ...pocket.art.words import SETTING_WORDS
from ...recipes.reader import POCKET_WEIGHTS
from ...text_to_image import TextToImage
from ...training.data.art_data import ArtData
from ...training.tasks.sketch_reader import SketchReaderTask, is_new, scene_of
from ..figures import Share
from .nearest import NearestKinds

BATCH = 16
SOLID = 0.98  # opacity from which a place shows nothing of the ground
SEED = 0


@torch.inference_mode()
def nats(task: SketchReaderTask, art: Art, count: int, *, new: bool) -> dict[str, dict[str, float]]:
    """By what is shown, and by what the sketch has at a token's place: nats a token, of so many scenes."""
    sums: dict[str, dict[str, list[float]]] = {}
    for start in range(0, count, BATCH):
        scenes = [scene_of(art, f"measured/{i}", new=new) for i in range(start, min(start + BATCH, count))]
        rows = task.rows(scenes)
        tokens = task.codebook.encode(rows["pixels"]).flatten(1)
        light, dark, opacity = tokens_of(rows["sketches"], task.codebook)
        edge = (opacity > CLEAR) & (opacity <= SOLID)
        places = {"thing": opacity > SOLID, "edge": edge, "ground": opacity <= CLEAR}
        for how, shown in (
            ("its own", (light, dark, opacity)),
            ("another's", (light.roll(1, 0), dark.roll(1, 0), opacity.roll(1, 0))),
            ("none", None),
        ):
            cost = task.nats(rows["text"], tokens, shown)
            for name, where in {**places, "all": opacity >= 0}.items():
                kept = sums.setdefault(how, {}).setdefault(name, [0.0, 0.0])
                kept[0] += float(cost[where].sum())
                kept[1] += int(where.sum())
    return {how: {name: total / max(n, 1) for name, (total, n) in each.items()} for how, each in sums.items()}


def nearest(pipe: TextToImage, memory: PictureMemory, kinds: Sequence[str]) -> dict[str, Share]:
    """Of pictures of one thing each, and of their drafts: how many are most like the memory's picture of it."""
    style, settings = memory.styles[0], [ways[0] for ways in SETTING_WORDS.values()]
    every = NearestKinds(memory)
    said = [f"{an(kind)} in the middle, {settings[i % len(settings)]}, {style}" for i, kind in enumerate(kinds)]
    made = pipe.run([pipe.request(text, seed=SEED, row=i) for i, text in enumerate(said, 1)])
    right = {"pictures": 0, "drafts": 0}
    for kind, outcome in zip(kinds, made, strict=True):
        if isinstance(outcome, Outcome) and outcome.draft is not None:
            shown = {"pictures": np.asarray(outcome.image), "drafts": outcome.draft.preview.numpy()}
            for name, pixels in shown.items():
                right[name] += every.kind_in(pixels, seed=SEED) == kind
    return {name: Share(count, len(kinds)) for name, count in right.items()}


def main(art_folder: Path, recipe: Path, count: int = 64) -> None:
    art = prepare(art_folder)
    task = SketchReaderTask(ArtData(art), POCKET_WEIGHTS)
    task.model = load_sketch_reader(POCKET_WEIGHTS / "sketch_reader", torch.float32, torch.device("cpu"))
    pipe = TextToImage.from_recipe(str(recipe))
    memory = load_picture_memory(recipe.parent / "memory", torch.float32, torch.device("cpu"))
    drawn = [kind for kind in art.kinds if memory.find(kind, memory.styles[0]) is not None]
    for which, new in (("kinds in training", False), ("kinds never trained on", True)):
        for how, by_place in nats(task, art, count, new=new).items():
            told = ", ".join(f"{name} {value:.2f}" for name, value in by_place.items())
            print(f"{which}, sketch: {how}: nats a token: {told}", flush=True)
        kinds = [kind for kind in drawn if is_new(kind) == new]
        chosen = random.Random(which).sample(kinds, min(count, len(kinds)))
        for what, share in nearest(pipe, memory, chosen).items():
            print(f"{which}, {what}: nearest to their own of {len(drawn)} kinds: {share}", flush=True)


if __name__ == "__main__":
    folder, made, *number = sys.argv[1:]
    main(Path(folder), Path(made), *map(int, number))
