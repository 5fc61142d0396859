"""From recipes to chains."""

import dataclasses
from pathlib import Path

import pytest

from diptych import InputError, Recipe
from diptych.engine.stage import ModelKey
from diptych.pipelines.build import build_chain, build_stage
from diptych.pipelines.recipes.reader import StageRecipe, read_recipe


def test_the_pocket_recipe_is_a_chain() -> None:
    recipe = read_recipe("pocket")
    chain = build_chain(recipe)
    assert [stage.name for stage in chain.stages] == ["plan", "draft", "refine", "judge"]
    for stage in chain.stages:
        used = {Path(key.checkpoint) for key in stage.uses}
        assert Path(recipe.stages[stage.name].model.checkpoint) in used


def test_an_unknown_stage_is_refused_with_the_nearest(recipe: Recipe) -> None:
    stage = StageRecipe(name="drafts", model=ModelKey("causal-lm", "somewhere"))
    with pytest.raises(InputError, match=r"did you mean 'draft'.*known are plan, draft"):
        build_stage(recipe, stage)


def test_a_setting_that_a_stage_does_not_take_is_refused() -> None:
    recipe = read_recipe("pocket")
    plan = dataclasses.replace(recipe.stages["plan"], settings={"colour_of_the_sky": 3})
    with pytest.raises(InputError, match=r"stages.plan.*colour_of_the_sky"):
        build_stage(recipe, plan)
