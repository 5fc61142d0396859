"""From recipes to chains."""

import dataclasses
from pathlib import Path

import pytest

from diptych import CheckpointError, InputError, Recipe
from diptych.engine.stage import ModelKey
from diptych.engine.stages.planning.plan import PlanStage
from diptych.pipelines.recipes.build import build_chain, build_stage, told_of_configs
from diptych.pipelines.recipes.reader import NO_MODEL, StageRecipe, read_recipe


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


def test_a_planner_may_be_left_out_but_no_painter() -> None:
    recipe = read_recipe("pixart-sigma")
    assert build_chain(recipe).stages[0].uses == ()
    none = dataclasses.replace(recipe.stages["paint"], model=NO_MODEL)
    with pytest.raises(InputError, match="family 'none': only plan and retrieve can do without a model"):
        build_stage(recipe, none)


def test_a_planners_template_is_told_to_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("Plan a picture in verse.", encoding="utf-8")
    recipe = read_recipe("pocket")
    plan = recipe.stages["plan"]
    for template, told in (
        (str(path), "Plan a picture in verse."),
        ("literal", "takes every word as it stands"),
    ):
        stage = build_stage(recipe, dataclasses.replace(plan, settings={"template": template}))
        assert isinstance(stage, PlanStage) and told in stage._chat.keywords["instructions"]
    with pytest.raises(InputError, match=r"\[stages.plan\]: .*did you mean 'literal'"):
        build_stage(recipe, dataclasses.replace(plan, settings={"template": "literl"}))


@pytest.mark.parametrize(
    ("stage", "settings", "message"),
    [
        ("plan", {"temperature": -1}, "temperature = -1: must lie between 0.0 and 5.0"),
        ("plan", {"temperature": float("nan")}, "temperature = nan: must be a finite number"),
        ("plan", {"top_p": 7}, "must lie between"),
        ("plan", {"prompt_tokens": "many"}, "prompt_tokens = 'many': must be a whole number"),
        ("plan", {"prompt_tokens": True}, "must be a whole number"),
        ("plan", {"max_tokens": 0}, "must lie between"),
        ("plan", {"must_agree": 1}, "must be true or false"),
        ("plan", {"promt_tokens": 9}, "did you mean 'prompt_tokens'"),
        ("refine", {"step_cache": "x"}, "step_cache = 'x': must be a number"),
        ("judge", {"sharpness": float("inf")}, "must be a finite number"),
        ("judge", {"likelihood": "yes"}, "must be true or false"),
    ],
)
def test_a_setting_is_of_the_kind_that_its_stage_declares(
    stage: str, settings: dict[str, object], message: str
) -> None:
    recipe = read_recipe("pocket")
    with pytest.raises(InputError, match=rf"\[stages.{stage}\]: .*{message}"):
        build_stage(recipe, dataclasses.replace(recipe.stages[stage], settings=settings))


def test_a_setting_that_a_stage_does_not_take_is_refused() -> None:
    recipe = read_recipe("pocket")
    plan = dataclasses.replace(recipe.stages["plan"], settings={"colour_of_the_sky": 3})
    with pytest.raises(InputError, match=r"stages.plan.*colour_of_the_sky"):
        build_stage(recipe, plan)


@pytest.mark.parametrize("kind", [TypeError, KeyError, type("LibrarysOwnError", (Exception,), {})])
def test_whatever_becomes_of_reading_a_config_is_one_line(kind: type[Exception]) -> None:
    stage = build_chain(read_recipe("pocket")).stages[0]
    said = r"planner: config.json says what stage plan cannot read"
    with pytest.raises(CheckpointError, match=said) as caught, told_of_configs(stage):
        raise kind("a field\nis wrong")
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="as it is"), told_of_configs(stage):
        raise InputError("as it is")
