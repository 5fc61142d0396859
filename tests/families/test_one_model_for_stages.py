"""A planner that is the painter's text encoder, too: one model, held once, and the library's pixels."""

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, Qwen3Model

from diptych.engine.errors import InputError
from diptych.engine.memory import DeviceMemory
from diptych.engine.models.registry import Registry
from diptych.engine.randomness import RowKey, generators
from diptych.engine.runner import Runner
from diptych.engine.values import Outcome
from diptych.pipelines.recipes.build import build_chain
from diptych.pipelines.recipes.check import check
from diptych.pipelines.recipes.reader import Recipe, read_recipe
from diptych.pipelines.text_to_image import TextToImage

from . import pipeline_twins, planner_twins

diffusers: Any = importlib.import_module("diffusers")
Twin = Callable[[Callable[[Path], None]], Path]
STEPS, SIDE = 2, 64


def recipe_of(planner: Path, painter: Path, encoder: Any = None, **more: Any) -> Recipe:
    """A Qwen3 that plans, and a Z-Image that reads with it, or with `encoder`."""
    encoder = encoder or {"stage": "plan"}
    return read_recipe(
        {
            "picture": {"height": SIDE, "width": SIDE},
            "defaults": {"num_inference_steps": STEPS, "guidance_scale": 1.0},
            "stages": {
                "plan": {
                    "family": "causal-lm",
                    "checkpoint": str(planner),
                    "settings": {"max_tokens": 96, "thinking_tokens": 16},
                },
                "paint": {
                    "family": "diffusers",
                    "checkpoint": str(painter),
                    "parts": {"text_encoder": encoder, "tokenizer": {"stage": "plan"}},
                    **more,
                },
            },
        }
    )


@pytest.fixture
def folders(twin: Twin) -> tuple[Path, Path]:
    return twin(planner_twins.qwen3), twin(pipeline_twins.z_image)


def rendered(recipe: Recipe, memory: DeviceMemory) -> Outcome:
    pipe = TextToImage(Runner(build_chain(recipe), memory), recipe)
    (outcome,) = pipe(["a red boat at sunset"], seed=3).outcomes
    return outcome


def model_keys(recipe: Recipe) -> tuple[Any, Any]:
    """The planner's, and that of the painter's text encoder."""
    by_name = {stage.name: stage for stage in build_chain(recipe).stages}
    return by_name["plan"].uses[0], by_name["encode"].uses[0]


def test_a_planner_that_reads_for_the_painter_gives_the_librarys_pixels(folders: tuple[Path, Path]) -> None:
    planner, painter = folders
    outcome = rendered(recipe_of(planner, painter), DeviceMemory(Registry()))
    pipeline = diffusers.ZImagePipeline.from_pretrained(
        painter,
        local_files_only=True,
        text_encoder=Qwen3Model.from_pretrained(planner),
        tokenizer=AutoTokenizer.from_pretrained(planner),
    )
    assert outcome.picture.plan is not None
    request = outcome.picture.plan.request
    theirs = pipeline(
        prompt=outcome.picture.plan.prompt,
        height=SIDE,
        width=SIDE,
        num_inference_steps=STEPS,
        guidance_scale=1.0,
        generator=generators([RowKey(request.seed, request.candidate)], "paint")[0],
        output_type="np",
    ).images[0]
    theirs = (torch.from_numpy(theirs) * 255).round().to(torch.uint8)
    assert torch.equal(outcome.picture.pixels, theirs)


def test_the_model_is_held_once(folders: tuple[Path, Path]) -> None:
    plan, encode = model_keys(recipe_of(*folders))
    registry = Registry()
    planner, encoder = registry.load(plan, "cpu").model, registry.load(encode, "cpu").text_encoder
    held = {tensor.data_ptr() for tensor in planner.parameters()}
    assert encoder is not planner and all(tensor.data_ptr() in held for tensor in encoder.parameters())


def test_its_bytes_are_counted_once_and_the_second_stage_loads_none(folders: tuple[Path, Path]) -> None:
    recipe = recipe_of(*folders)
    plan, encode = model_keys(recipe)
    memory = DeviceMemory(Registry())
    assert memory.weight_bytes([plan, encode]) == memory.weight_bytes([plan]) > 0
    rendered(recipe, memory)
    loads = {event.stage: event.bytes for event in memory.events if event.kind == "load"}
    assert loads["plan"] == memory.weight_bytes([plan]) and loads["encode"] == 0


def test_a_budget_for_one_copy_is_enough_where_two_copies_take_turns(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    planner, painter = folders
    shared = recipe_of(planner, painter)
    copied = recipe_of(planner, painter, str(shutil.copytree(planner, tmp_path / "copy")))
    evicted: list[list[str]] = []
    for recipe in (shared, copied):
        plan, encode = model_keys(recipe)
        memory = DeviceMemory(Registry(), budget_bytes=DeviceMemory(Registry()).weight_bytes([plan]) * 3 // 2)
        for key, stage in ((plan, "plan"), (encode, "encode")):
            with memory.lease([key], stage=stage):
                pass
        evicted.append([event.stage for event in memory.events if event.kind == "evict"])
    assert evicted == [[], ["encode"]]


def test_a_check_plans_for_one_copy(folders: tuple[Path, Path], tmp_path: Path) -> None:
    planner, painter = folders
    copy = shutil.copytree(planner, tmp_path / "copy")
    shared, copied = recipe_of(planner, painter), recipe_of(planner, painter, str(copy))
    one, two = (check(each, device="cpu").checkup.plan for each in (shared, copied))
    assert one is not None and two is not None
    planner_bytes = DeviceMemory(Registry()).weight_bytes([model_keys(shared)[0]])
    assert two.weights_bytes - one.weights_bytes == pytest.approx(planner_bytes, rel=0.02)


@pytest.mark.parametrize(
    ("encoder", "more", "said"),
    [
        ({"stage": "pln"}, {}, "no stage 'pln' (did you mean 'plan'?)"),
        ({"stage": "paint"}, {}, "[stages.paint] is no language model in a folder"),
        ({"stage": "plan", "part": "x"}, {}, "leave out part"),
        ({"stage": ["plan"]}, {}, "no stage ['plan']"),
        ({"stage": "plan"}, {"dtype": "bfloat16"}, "dtype is 'bfloat16' here and 'float32' in [stages.plan]"),
        ({"stage": "plan"}, {"quantize": "int8"}, "quantize is 'int8' here"),
    ],
)
def test_what_cannot_be_one_model_is_refused_by_name(
    encoder: Any, more: Any, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        recipe_of(tmp_path, tmp_path, encoder, **more)
    line = str(caught.value)
    assert said in line and "\n" not in line
