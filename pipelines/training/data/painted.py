"""What a recipe's models paint of scenes of drawn things, kept beside the drawings to learn from: painted things are
not quite what they were shown.

Run as `python -m diptych.pipelines.training.data.painted RECIPE ART [COUNT]`: ART is the folder that `diptych train
art` made, RECIPE one of `diptych train memory`. It goes on where it was.
"""

import dataclasses
import json
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ....engine.errors import InputError
from ....engine.microbatch import Done, run_stage
from ....engine.stages.recalling.recall import wording
from ....engine.values import Picture, Plan, Request, Sketch
from ...files import write_atomically
from ...pocket.art import Art, ArtScene, prepare
from ...pocket.art.drawing import sketch
from ...pocket.art.words import SETTING_WORDS, style_words
from ...text_to_image import TextToImage
from .mosaics import SIDE, Crowd, Shown, crowd_of, shrunk

FILE = "painted.safetensors"
AT_ONCE = 16


def painted(pipe: TextToImage, art: Art, scenes: Sequence[ArtScene], *, seed: int) -> list[Picture | None]:
    """What the recipe's drafter and refiner make of sketches of scenes, as `drawing.sketch` lays them out; `None`
    where one fails."""
    plans = [_plan(scene, art, seed + i) for i, scene in enumerate(scenes)]
    values: list[Any] = list(plans)
    for stage in (each for each in pipe.chain.between(Plan, Picture) if each.takes is not each.gives):
        there = [i for i, value in enumerate(values) if value is not None]
        for i, result in zip(there, run_stage(stage, [values[i] for i in there], memory=pipe.memory), strict=True):
            values[i] = result.value if isinstance(result, Done) else None
    return values


def _plan(scene: ArtScene, art: Art, seed: int) -> Plan:
    setting, style = SETTING_WORDS[scene.setting][0], style_words(scene.style)[0]
    said = wording(len(scene.things), setting, style)
    pixels = torch.from_numpy(sketch(scene, art.hands, art.kinds).copy())
    request = Request(prompt=said, seed=seed)
    return Plan(request=request, prompt=said, facts=(), sketch=Sketch(pixels=pixels, wording=said))


def read_painted(art: Art) -> list[Crowd]:
    """What was painted of this art; nothing, where nothing was."""
    from safetensors import safe_open

    path = _path(art)
    if not path.is_file():
        return []
    with safe_open(path, "numpy") as file:
        pixels, told = file.get_tensor("pixels"), json.loads(file.metadata()["crowds"])
    return [
        Crowd(pixels=each, things=tuple(Shown(**thing) for thing in row["things"]), setting=row["setting"])
        for each, row in zip(pixels, told, strict=True)
    ]


def write_painted(art: Art, crowds: Sequence[Crowd]) -> None:
    """Keep them beside the drawings."""
    from safetensors.numpy import save

    told = [
        {"things": [dataclasses.asdict(thing) for thing in crowd.things], "setting": crowd.setting}
        for crowd in crowds
    ]
    pixels = np.stack([crowd.pixels for crowd in crowds])
    write_atomically(_path(art), save({"pixels": pixels}, metadata={"crowds": json.dumps(told)}))


def _path(art: Art) -> Path:
    return next(iter(art.hands.values())).path.with_name(FILE)


def paint(
    recipe: str, art: Art, scene: Callable[[random.Random], ArtScene], count: int, *, say: Callable[[str], None]
) -> None:
    """Paint scenes by lot until there are `count` of them."""
    pipe, crowds = TextToImage.from_recipe(recipe), read_painted(art)
    while len(crowds) < count:
        begin = len(crowds)
        scenes = [scene(random.Random(f"painted/{begin + i}")) for i in range(AT_ONCE)]
        for each, picture in zip(scenes, painted(pipe, art, scenes, seed=begin), strict=True):
            if picture is None:
                raise InputError(f"{recipe}: a scene could not be painted: {each}")
            pixels = picture.pixels.numpy()
            crowds.append(crowd_of(each, art, lambda _, pixels=pixels: shrunk(Image.fromarray(pixels))))
        write_painted(art, crowds)
        say(f"painted: {len(crowds)} of {count}, {SIDE} pixels a side")


def main(recipe: str, cache: Path, count: int = 2000) -> None:
    from ..tasks.thing_finder import known_art, scene_by_lot  # noqa: the floor above
    art = prepare(cache)
    known = known_art(art)
    paint(recipe, art, lambda rng: scene_by_lot(known, rng), count, say=print)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:4]))
