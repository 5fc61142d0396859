"""The configs of the shipped recipes' checkpoints (`configs.json`), from which their sizes are computed.

It holds, of each checkpoint and each of its config files, what the libraries need to tell how large the models
are. A test holds the sums to the parameter counts that their makers publish.
"""

import dataclasses
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...engine.stage import ModelKey
from .reader import RECIPES, Recipe

KNOWN = RECIPES / "configs.json"


@functools.cache
def known_configs() -> dict[str, dict[str, Any]]:
    """By checkpoint and the path of a file in it: what the file says."""
    return json.loads(KNOWN.read_text(encoding="utf-8"))


def is_known(checkpoint: str) -> bool:
    """Whether the configs of a checkpoint, of whatever revision, are known."""
    return checkpoint.split("@")[0] in known_configs()


def write_configs(checkpoint: str, folder: Path) -> Path:
    """The folder of a known checkpoint, in `folder`, with nothing but its configs."""
    place = folder / checkpoint.replace("/", "--")
    for name, config in known_configs()[checkpoint.split("@")[0]].items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(config), encoding="utf-8")
    return place


def with_checkpoints(recipe: Recipe, places: Mapping[str, str]) -> Recipe:
    """The recipe with other checkpoints in the place of those named."""

    def placed(key: ModelKey) -> ModelKey:
        return dataclasses.replace(key, checkpoint=places.get(key.checkpoint, key.checkpoint))

    stages = {
        name: dataclasses.replace(
            stage,
            model=placed(stage.model),
            models={role: placed(key) for role, key in stage.models.items()},
        )
        for name, stage in recipe.stages.items()
    }
    return dataclasses.replace(recipe, stages=stages)
