"""A pipeline in a few lines: its recipe, its stages and their models, where it works and within what."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ...engine.memory import DeviceMemory
from ...engine.models.checkpoint.roots import short_name
from ...engine.stage import AnyStage, ModelKey
from ..recipes.reader import NO_MODEL, Recipe


def described(name: str, recipe: Recipe, memory: DeviceMemory, stages: Sequence[AnyStage]) -> str:
    """What `print` shows of a pipeline.

    Args:
        name: its class.
        stages: that are carried out, for a recipe that names none.
    """
    named = [(stage.name, stage.keys or (stage.model,)) for stage in recipe.stages.values()]
    head = f"{name}: recipe {recipe.name}, {recipe.width}x{recipe.height}, {placed(memory)}"
    return "\n".join([head, *stage_lines(named or [(stage.name, (NO_MODEL,)) for stage in stages])])


def placed(memory: DeviceMemory) -> str:
    """Where it works, and within what."""
    return f"device {memory.device}, {memory.limit}"


def stage_lines(stages: Iterable[tuple[str, Sequence[ModelKey[Any]]]]) -> list[str]:
    """A line for each model of stages, or for a stage without one."""
    rows = [
        (name, key.family, _short(key.checkpoint), key.dtype)
        if key.checkpoint
        else (name, "" if key == NO_MODEL else key.family, "", "")
        for name, keys in stages
        for key in keys
    ]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(4)]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _short(checkpoint: str) -> str:
    """What recipes call it, if it ships in the package; else the last two names of a path, or a Hub's id."""
    path = Path(checkpoint)
    return short_name(path) or ("/".join(path.parts[-2:]) if path.is_absolute() else checkpoint)
