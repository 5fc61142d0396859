"""What `diptych recipes` says."""

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from diptych.engine.models.diffusion.pipeline_sizes import BYTES
from diptych.engine.stage import ModelKey
from diptych.pipelines.cli.main import app
from diptych.pipelines.recipes.check import markdown
from diptych.pipelines.recipes.reader import RECIPES, known_recipes, parse_recipe, read_recipe

OWN = ("pocket", "atlas")  # whose checkpoints ship
PUBLISHED = {
    "Qwen/Qwen3-4B-Instruct-2507": 4.02,
    "Qwen/Qwen3-8B": 8.19,
    "HuggingFaceTB/SmolLM2-360M-Instruct": 0.362,
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": 1.71,
    "meta-llama/Llama-3.2-3B-Instruct": 3.21,
    "mistralai/Mistral-7B-Instruct-v0.3": 7.25,
    "google/gemma-3-1b-it": 1.0,
    "Tongyi-MAI/Z-Image-Turbo (denoiser)": 6.15,
    "stabilityai/sdxl-turbo (denoiser)": 2.57,
    "stabilityai/stable-diffusion-xl-base-1.0 (denoiser)": 2.57,
    "stable-diffusion-v1-5/stable-diffusion-v1-5 (denoiser)": 0.86,
    "stabilityai/stable-diffusion-3.5-medium (denoiser)": 2.5,
    "black-forest-labs/FLUX.1-schnell (denoiser)": 11.9,
    "Qwen/Qwen-Image (denoiser)": 20.4,
    "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS (denoiser)": 0.61,
    "Efficient-Large-Model/Sana_1600M_1024px_BF16_diffusers (denoiser)": 1.6,
    "zai-org/GLM-Image (denoiser)": 7.0,
    "deepseek-community/Janus-Pro-1B": 2.09,
    "Salesforce/blip2-opt-2.7b": 3.74,
    "florence-community/Florence-2-large": 0.77,
    "HuggingFaceTB/SmolVLM2-2.2B-Instruct": 2.25,
    "Qwen/Qwen2.5-VL-7B-Instruct": 8.29,
    "Qwen/Qwen3-VL-2B-Instruct": 2.13,
    "Qwen/Qwen3-VL-4B-Instruct": 4.44,
}
"""Billions of parameters, as the makers of the checkpoints say."""

Run = Callable[..., Result]


def keys_of(name: str) -> list[ModelKey]:
    return [key for stage in read_recipe(name).stages.values() for key in stage.keys]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command where no checkpoint of the Hub lies on the disk."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_all_recipes_are_listed_with_what_they_are_good_for(run: Run) -> None:
    said = run("recipes").stdout
    assert len(known_recipes()) >= 11
    for name in known_recipes():
        assert name in said and read_recipe(name).use in said


def test_every_recipe_says_its_licence_and_its_use() -> None:
    for name in known_recipes():
        recipe = read_recipe(name)
        assert recipe.licence and recipe.use and recipe.summary, name


@pytest.mark.parametrize("name", known_recipes())
def test_a_recipe_is_shown_as_a_file_that_is_the_same_recipe(run: Run, name: str) -> None:
    recipe, result = read_recipe(name), run("recipes", "show", name)
    assert result.exit_code == 0 and f"{recipe.width}x{recipe.height}" in result.stdout
    assert parse_recipe(tomllib.loads(result.stdout), RECIPES / f"{name}.toml") == recipe


def test_what_a_recipe_does_not_say_is_not_shown_as_empty(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[stages.plan]\nfamily = "none"\n[stages.paint]\nfamily = "diffusers"\ncheckpoint = "./x"\n'
    )
    shown = run("recipes", "show", str(path)).stdout
    assert " > " not in shown, "a shell empties a file before it is read"
    assert parse_recipe(tomllib.loads(shown), path) == read_recipe(path)
    assert "summary" not in shown and "[defaults]" not in shown and "does not say the licence" in shown


def test_the_pocket_recipe_checks_out_with_its_bytes_by_stage(run: Run) -> None:
    result = run("recipes", "check", "pocket", "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    assert [step["name"] for step in found["plan"]["first_wave"]] == ["plan", "draft", "refine", "judge"]
    assert all(
        step["weights_bytes"] > 0 and step["workspace_bytes"] > 0 for step in found["plan"]["first_wave"]
    )
    assert found["missing"] == [] and found["licence"] == "Apache-2.0."


def test_a_budget_that_is_too_small_fails_the_check(run: Run) -> None:
    result = run("recipes", "check", "pocket", "--memory", "1MiB")
    assert result.exit_code == 1 and "needs at least" in result.stderr


@pytest.mark.parametrize("name", [name for name in known_recipes() if name not in OWN])
def test_every_recipe_is_planned_on_a_disk_without_its_checkpoints(run: Run, name: str) -> None:
    result = run("recipes", "check", name, "--json")
    assert result.exit_code == 1, "it fits, but a render would not find its checkpoints"
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["missing"] == [] and found["plan"]["fits"] and not found["ready"]
    assert found["troubles"] == []
    assert set(found["known_configs"]) == {key.checkpoint for key in keys_of(name)}
    steps = {step["name"]: step for step in found["plan"]["first_wave"]}
    assert all(step["workspace_bytes"] > 0 for step in steps.values() if step["uses"])
    for model in found["models"]:
        if (published := PUBLISHED.get(model["checkpoint"])) is not None:
            (size,) = {
                BYTES[key.dtype] for key in keys_of(name) if model["checkpoint"].startswith(key.checkpoint)
            }
            assert model["bytes"] / size / 1e9 == pytest.approx(published, rel=0.02), model["checkpoint"]
        assert f"hf download {model['checkpoint'].split(' ')[0]}" in result.stderr


def test_what_is_planned_is_what_the_recipe_runs_within_a_budget(run: Run) -> None:
    result = run("recipes", "check", "sd15", "--memory", "6GiB", "--json")
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["budget_bytes"] == 6 * 2**30 >= found["plan"]["peak_bytes"] > 0


def test_checkpoints_of_which_nothing_is_known_are_named_with_the_command_that_gets_their_configs(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    text = (RECIPES / "sd15.toml").read_text(encoding="utf-8")
    text = text.replace("Salesforce/blip-image-captioning-base", "someone/captioner")
    planner = 'checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"'
    path.write_text(text.replace(planner, f'{planner}\nrevision = "v2"'), encoding="utf-8")
    result = run("recipes", "check", str(path))
    assert result.exit_code == 1
    assert "configs are enough for a check: hf download someone/captioner --include '*.json'" in result.stderr
    assert "known sizes: hf download HuggingFaceTB/SmolLM2-360M-Instruct --revision v2" in result.stderr
    assert "Traceback" not in result.output


def test_a_table_of_recipes_has_their_memory_by_stage(run: Run) -> None:
    head, line, pocket, sd15 = markdown([read_recipe("pocket"), read_recipe("sd15")])
    assert head.count("|") == line.count("|") == pocket.count("|") == sd15.count("|") == 7
    for stage in ("plan", "encode", "paint", "decode", "judge"):
        assert re.search(rf"\b{stage} \d+\.\d+ \+ \d+\.\d+", sd15), stage
    assert read_recipe("sd15").licence in sd15 and "(256x256)" in pocket


def test_an_unknown_recipe_names_the_nearest(run: Run) -> None:
    result = run("recipes", "show", "quen-image")
    assert "did you mean 'qwen-image'?" in str(result.exception)
