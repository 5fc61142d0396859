"""Recipes of single files and of parts, end to end: what a check says, a render does; memory is short; the
picture says what made it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from diptych.engine.errors import DiptychError
from diptych.engine.memory import DeviceMemory
from diptych.engine.models.registry import Registry
from diptych.engine.runner import Runner
from diptych.pipelines.recipes.build import build_chain
from diptych.pipelines.recipes.check import check
from diptych.pipelines.recipes.environment import environment_of
from diptych.pipelines.recipes.reader import Recipe, read_recipe
from diptych.pipelines.text_to_image import TextToImage

from .pipeline_twins import FAMILIES
from .single_file_twins import all_in_one, vae, write
from .unet_twins import stable_diffusion

Twin = Callable[[Callable[[Path], None]], Path]


def recipe_of(paint: dict[str, Any]) -> Recipe:
    table = {
        "picture": {"height": 64, "width": 64},
        "defaults": {"num_inference_steps": 2, "guidance_scale": 3.0},
        "stages": {"paint": {"family": "diffusers", **paint}},
    }
    return read_recipe(table)


def painted(recipe: Recipe, *, budget: int | None = None) -> tuple[torch.Tensor, DeviceMemory]:
    memory = DeviceMemory(Registry(), budget_bytes=budget)
    pipe = TextToImage(Runner(build_chain(recipe), memory, micro_batch=2), recipe)
    pipe.check()
    result = pipe(["a red boat at sunset"], seed=3)
    assert not result.failures, result.failures
    return torch.from_numpy(numpy.array(result.outcomes[0].image)), memory


@pytest.mark.parametrize("family", ["SD 1.5", "FLUX.1"])
def test_a_single_file_paints_where_memory_is_short(family: str, twin: Twin, tmp_path: Path) -> None:
    folder, file = twin(FAMILIES[family]), tmp_path / "dream.safetensors"
    all_in_one(family, folder, file, dtype=torch.float16)
    recipe = recipe_of({"checkpoint": file, "config": folder})
    found = check(recipe, device="cpu")
    assert found.ready, found.checkup.troubles
    assert found.checkup.plan is not None
    whole, _ = painted(recipe)
    short, memory = painted(recipe, budget=found.checkup.plan.least_bytes)
    assert torch.equal(whole, short)
    assert memory.budget_bytes is not None and memory.peak_bytes <= memory.budget_bytes


def test_a_picture_says_what_made_it(twin: Twin, tmp_path: Path) -> None:
    folder, file = twin(stable_diffusion), tmp_path / "dream.safetensors"
    all_in_one("SD 1.5", folder, file)
    part = tmp_path / "vae.safetensors"
    write(vae(folder / "vae"), part)
    recipe = recipe_of({"checkpoint": file, "config": folder, "parts": {"vae": part}})
    runner = Runner(build_chain(recipe), DeviceMemory(Registry()))
    made = environment_of(recipe, runner)
    assert set(made.revisions) == {str(file), str(folder), str(part)}
    (stage,) = made.essence()["stages"].values()
    assert str(part) not in json.dumps(stage) and made.revisions[str(part)] in json.dumps(stage)
    again = read_recipe(made.table)
    assert again.stages["paint"].model == recipe.stages["paint"].model
    assert torch.equal(painted(again)[0], painted(recipe)[0])


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_check_refuses_pickles_as_a_render_does(part: str, twin: Twin, tmp_path: Path) -> None:
    folder = twin(stable_diffusion)
    copy = tmp_path / "copy"
    copy.mkdir()
    for each in folder.iterdir():
        if each.name != part:
            (copy / each.name).symlink_to(each)
    (copy / part).mkdir()
    (copy / part / "config.json").write_bytes((folder / part / "config.json").read_bytes())
    (copy / part / "pytorch_model.bin").write_bytes(b"x")
    recipe = recipe_of({"checkpoint": copy})
    found = check(recipe, device="cpu")
    with pytest.raises(DiptychError) as caught:
        painted(recipe)
    assert not found.ready and "pickle" in str(caught.value)
    assert str(caught.value) in found.checkup.troubles
