"""What a recipe's models paint of scenes of drawn things, kept beside the drawings to learn from: painted
things are not quite what they were shown."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ....engine.microbatch import Done, run_stage
from ....engine.stages.recalling.recall import wording
from ....engine.values import Picture, Plan, Sketch
from ...files import write_atomically
from ...pocket.art import Art, ArtScene
from ...pocket.art.drawing import sketch
from ...pocket.art.words import SETTING_WORDS, style_words
from ...text_to_image import TextToImage
from .mosaics import Crowd, Shown

FILE = "painted.safetensors"


def painted(pipe: TextToImage, art: Art, scenes: Sequence[ArtScene], *, seed: int) -> list[Picture | None]:
    """What the recipe's drafter and refiner make of sketches of scenes, as `drawing.sketch` lays them out;
    `None` where one fails."""
    values: list[Any] = [_plan(scene, art, pipe, seed + i) for i, scene in enumerate(scenes)]
    for stage in pipe.runner.chain.between(Plan, Picture):
        there = [i for i, value in enumerate(values) if value is not None]
        results = run_stage(stage, [values[i] for i in there], memory=pipe.runner.memory)
        for i, result in zip(there, results, strict=True):
            values[i] = result.value if isinstance(result, Done) else None
    return values


def _plan(scene: ArtScene, art: Art, pipe: TextToImage, seed: int) -> Plan:
    setting, style = SETTING_WORDS[scene.setting][0], style_words(scene.style)[0]
    said = wording(setting, style)
    pixels = torch.from_numpy(sketch(scene, art.hands, art.kinds).copy())
    shown = Sketch(pixels=pixels, wording=said)
    return Plan(request=pipe.request(said, seed=seed), prompt=said, facts=(), sketch=shown)


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
