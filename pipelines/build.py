"""From a recipe to a chain: which class carries out which stage.

Stages are named in recipes; this table says where each is at home. A module is imported
when a recipe asks for it.
"""

import difflib
import importlib
from typing import TYPE_CHECKING, Any

from ..engine.chain import Chain
from ..engine.errors import InputError
from ..engine.stage import Stage
from .recipes.reader import Recipe, StageRecipe

if TYPE_CHECKING:
    from ..engine.memory import Loader

STAGES = {
    "plan": ("plan", "PlanStage"),
    "draft": ("draft", "DraftStage"),
    "refine": ("refine", "RefineStage"),
    "judge": ("judge", "JudgeStage"),
}
"""Stage name: (module of `engine.stages`, class)."""


def build_chain(recipe: Recipe) -> Chain:
    """The chain that a recipe describes; loads nothing.

    Raises:
        InputError: a stage or one of its settings is not known, or two neighbours do not fit.
    """
    return Chain([build_stage(recipe, stage) for stage in recipe.stages.values()])


def build_stage(recipe: Recipe, stage: StageRecipe) -> Stage[Any, Any]:
    """One stage of a recipe: its class, given the models by the roles they play in it, and the settings."""
    where = f"recipe {recipe.name}: [stages.{stage.name}]"
    if stage.name not in STAGES:
        near = difflib.get_close_matches(stage.name, STAGES, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise InputError(f"{where}: no such stage{hint}; known are {', '.join(STAGES)}")
    module, name = STAGES[stage.name]
    stage_class = getattr(importlib.import_module(f"..engine.stages.{module}", __package__), name)
    try:
        return stage_class(model=stage.model, **stage.models, **stage.settings)
    except TypeError as error:  # an argument that it does not take, or lacks
        raise InputError(f"{where}: {str(error).removeprefix(f'{name}.__init__() ')}") from None


def registry() -> "Loader":
    """What loads the models of every family."""
    from ..engine.models.registry import Registry

    return Registry()
