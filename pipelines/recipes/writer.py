"""Writes a recipe as the table that `reader.parse_recipe` reads, to use its models again."""

import dataclasses
from pathlib import Path
from typing import Any

from ...engine.models.checkpoint.roots import short_name
from ...engine.stage import ModelKey
from .lora_table import written
from .reader import Recipe, StageRecipe
from .tables.controls import written_controls


def recipe_table(recipe: Recipe) -> dict[str, Any]:
    """The recipe, resolved: with the package's checkpoints as `pocket/...`, others by their whole path."""
    defaults = {name: value for name, value in dataclasses.asdict(recipe.defaults).items() if value is not None}
    said = {"use": recipe.use, "licence": recipe.licence}
    return {
        "summary": recipe.summary,
        **{name: text for name, text in said.items() if text},
        "picture": {"height": recipe.height, "width": recipe.width},
        "defaults": defaults,
        "stages": {name: _stage(stage) for name, stage in recipe.stages.items()},
    }


def recipe_text(recipe: Recipe) -> str:
    """The recipe as a TOML file that can be read again, and changed."""
    import tomli_w

    table = {name: value for name, value in recipe_table(recipe).items() if value not in ("", {})}
    return tomli_w.dumps(table)


def checkpoint_name(checkpoint: str) -> str:
    """How a recipe names a checkpoint that `reader.resolve_checkpoint` found."""
    return short_name(Path(checkpoint)) or checkpoint


def _stage(stage: StageRecipe) -> dict[str, Any]:
    table: dict[str, Any] = _model(stage.model)
    if stage.settings:
        table["settings"] = dict(stage.settings)
    if stage.models:
        table["models"] = {role: _model(key) for role, key in stage.models.items()}
    if stage.controls:
        table["controls"] = written_controls(stage.controls, checkpoint_name)
    return table


def _model(key: ModelKey) -> dict[str, Any]:
    if not key.checkpoint:
        return {"family": key.family}
    table = {"family": key.family, "checkpoint": checkpoint_name(key.checkpoint), "dtype": key.dtype}
    parts = {name: checkpoint_name(each) for name, each in key.parts}
    rest = {
        "part": key.part,
        "parts": parts,
        "config": key.config,
        **written(key, checkpoint_name),
        "trust_remote_code": key.remote_code,
        **dict(key.tuning),
    }
    return table | {name: value for name, value in rest.items() if value}
