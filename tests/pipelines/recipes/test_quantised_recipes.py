"""Recipes whose models have weights of fewer bits: read, refused, written again, and carried out."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from diptych import Outcome, TextToImage
from diptych.engine.errors import InputError
from diptych.engine.models.config_sizes import Configs
from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey
from diptych.pipelines.recipes.configs import write_configs
from diptych.pipelines.recipes.environment import revisions
from diptych.pipelines.recipes.reader import Recipe, parse_recipe, read_recipe
from diptych.pipelines.recipes.writer import recipe_table

needs_torchao = pytest.mark.skipif(
    importlib.util.find_spec("torchao") is None, reason="torchao is not installed"
)


def painting(folder: Path, **said: Any) -> Recipe:
    paint = {"family": "diffusers", "checkpoint": "./pipeline", **said}
    return parse_recipe(
        {"stages": {"paint": paint}, "picture": {"height": 64, "width": 64}}, folder / "mine.toml"
    )


def test_a_gguf_file_is_named_from_the_recipes_folder_and_written_again(tmp_path: Path) -> None:
    recipe = painting(tmp_path, parts={"transformer": "./model.gguf"})
    key = recipe.stages["paint"].model
    assert key.parts == (("transformer", str(tmp_path / "model.gguf")),)
    assert parse_recipe(recipe_table(recipe), tmp_path / "mine.toml").stages == recipe.stages


def test_another_file_makes_another_row(tmp_path: Path) -> None:
    (tmp_path / "pipeline").mkdir()
    recipe = painting(tmp_path, parts={"transformer": "./model.gguf"})
    found: list[dict[str, str]] = []
    for data in (b"one", b"two"):
        (tmp_path / "model.gguf").write_bytes(data)
        found.append(revisions(recipe))
    assert found[0].keys() == found[1].keys() and found[0] != found[1]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"quantize": "int4"}, r"quantize = 'int4' is not known.*choose one of int8, fp8"),
        ({"quantise": "int8"}, r"'quantise' is not known.*did you mean 'quantize'"),
        ({"quantize": True}, r"quantize = True is not known: choose one of int8, fp8"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(said: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        painting(tmp_path, **said)


@needs_torchao
def test_every_model_of_a_recipe_can_be_quantised_when_it_is_loaded() -> None:
    table = recipe_table(read_recipe("pocket"))
    for stage in table["stages"].values():
        stage["quantize"] = "int8"
        stage["dtype"] = "float32"
    pipe = TextToImage.from_recipe(parse_recipe(table, Path("mine.toml")))
    (outcome,) = pipe.run([pipe.request("a blue fish", seed=3)])
    assert isinstance(outcome, Outcome) and outcome.picture.pixels.float().std() > 1
    assert pipe.environment().versions["torchao"] != "none"
    registry = Registry()
    for stage in pipe.recipe.stages.values():
        plain = ModelKey(stage.model.family, stage.model.checkpoint)
        assert registry.weight_bytes(stage.model) < registry.weight_bytes(plain)


def test_what_quantising_saves_is_known_from_configs_alone(tmp_path: Path) -> None:
    name = "Qwen/Qwen3-4B-Instruct-2507"
    folder = write_configs(name, tmp_path)
    sizes = {how: sum(Configs().weights(key_of(folder, how)).values()) for how in ("", "int8", "fp8")}
    assert 0.5 < sizes["int8"] / sizes[""] < 0.6 and sizes["fp8"] < sizes["int8"]


def key_of(folder: Path, how: str) -> ModelKey:
    return ModelKey("causal-lm", str(folder), "bfloat16", tuning=(("quantize", how),) if how else ())
