"""Rows with control pictures, from the recipe and the prompt file to the picture's history and back."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from diptych.engine.errors import InputError
from diptych.engine.values import Failure, Outcome
from diptych.pipelines.recipes.check import check
from diptych.pipelines.recipes.reader import parse_recipe, read_recipe
from diptych.pipelines.recipes.writer import recipe_table
from diptych.pipelines.rendering.batch import render_tasks
from diptych.pipelines.rendering.provenance.provenance import made_of, read_history
from diptych.pipelines.rendering.provenance.rerender import rerender
from diptych.pipelines.rendering.rows.prompt_source import read_source
from diptych.pipelines.rendering.rows.request_makers import OfPipeline
from diptych.pipelines.rendering.rows.tasks import tasks_of
from diptych.pipelines.rendering.source import Source
from diptych.pipelines.text_to_image import TextToImage

from . import pipeline_twins
from .control_twins import controlnet, depth_estimator
from .painting import Twin

PICTURE = {"picture": {"height": 64, "width": 64}, "defaults": {"num_inference_steps": 2}}


def recipe_of(twin: Twin, folder: Path, **more: Any) -> dict[str, Any]:
    """A recipe with controls edges, depth and pose."""
    pipeline, net = twin(pipeline_twins.stable_diffusion), folder / "net"
    controlnet(pipeline, net)
    controls: dict[str, Any] = {name: {"checkpoint": str(net)} for name in ("edges", "depth", "pose")}
    controls["depth"] |= {"estimator": str(twin(depth_estimator)), "weight": 0.7}
    paint = {"family": "diffusers", "checkpoint": str(pipeline), "controls": controls | more}
    return {**PICTURE, "stages": {"paint": paint}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With pictures a.png, b.png, and a damaged one."""
    for i, name in enumerate("ab"):
        pixels = np.random.RandomState(i).randint(0, 255, (7, 8, 3)).astype("uint8").repeat(10, 0).repeat(10, 1)
        PIL.Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "damaged.png").write_bytes((tmp_path / "a.png").read_bytes()[:200])
    return tmp_path


def rendered(pipe: TextToImage, source: Path, out: Path, **wishes: Any) -> Any:
    rows = tasks_of(OfPipeline(pipe), read_source(str(source)), wishes=wishes)
    return render_tasks(pipe, rows, out, source=Source(name=str(source), title="rows"))


def lines(folder: Path, *rows: Mapping[str, Any]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(json.dumps({"prompt": "a boat", "seed": 1, **row}) for row in rows))
    return path


def test_rows_name_pictures_and_their_histories_carry_them(twin: Twin, folder: Path) -> None:
    pipe = TextToImage.from_recipe(recipe_of(twin, folder), device="cpu")
    rows = lines(
        folder,
        {},
        {"control": "a.png", "control_type": "edges", "control_weight": 0.8, "control_stop": 0.7},
        {"control": "a.png, b.png", "control_type": "edges, depth", "control_weight": "0.5, 0.9"},
        {"control": ["a.png", "b.png"], "control_type": ["edges", "depth"], "control_weight": [0.5, 0.9]},
        {"control": "a.png", "control_type": "depth", "control_ready": True},
    )
    rendered(pipe, rows, folder / "out")
    paths = sorted((folder / "out").glob("000*.png"))
    plain, one, two, listed, ready = (made_of(path).controls for path in paths)
    assert plain == () and "controls" not in read_history(paths[0])["request"]
    assert [(each.kind, each.weight, each.stop) for each in one] == [("edges", 0.8, 0.7)]
    assert two == listed and [each.weight for each in two] == [0.5, 0.9]
    assert ready[0].weight == 0.7 and ready[0].ready is True
    (said,) = read_history(paths[1])["request"].get("controls", [])
    assert said == {
        "type": "edges",
        "picture": one[0].picture_hash,
        "weight": 0.8,
        "start": 0.0,
        "stop": 0.7,
    }
    ids = [read_history(path)["id"] for path in paths]
    assert len(set(ids)) == 4 and ids[2] == ids[3]
    for again in rerender(paths, make_pipe=lambda _: pipe):
        assert not again.difference and again.as_promised


def test_each_row_in_vain_is_one_line_that_names_its_place(twin: Twin, folder: Path) -> None:
    pipe = TextToImage.from_recipe(recipe_of(twin, folder), device="cpu")
    a = {"control": "a.png", "control_type": "edges"}
    rows = {
        "control_type 'edgs': recipe table has edges, depth, pose (did you mean 'edges'?)": {
            **a,
            "control_type": "edgs",
        },
        "paths are relative to the prompt file": {**a, "control": "none.png"},
        "damaged": {**a, "control": "damaged.png"},
        "must lie between 0 and 2": {**a, "control_weight": 3},
        "lies outside of the prompt file's folder": {**a, "control": "/etc/passwd"},
        "control_type is missing": {"control": "a.png"},
        "is for a control picture: name it": {"control_weight": 1},
        "control_weight: 3 for 1 control pictures": {**a, "control_weight": [1, 1, 1]},
        "give the control picture itself": {**a, "control_type": "pose", "control_ready": False},
    }
    rendered(pipe, lines(folder, {}, *rows.values()), folder / "out")
    found = [json.loads(line) for line in (folder / "out" / "results.jsonl").read_text().splitlines()]
    failed = [line for line in found if line["status"] == "failed"]
    assert len(failed) == len(rows)
    for line in failed:
        why, place = list(rows)[line["row"] - 2], line["row"]
        assert why in line["error"] and f"rows.jsonl:{place}" in line["error"], (why, line["error"])


def test_rows_without_controls_are_painted_as_if_the_recipe_had_none(twin: Twin, folder: Path) -> None:
    recipe = recipe_of(twin, folder)
    bare = {**recipe, "stages": {"paint": {**recipe["stages"]["paint"]}}}
    del bare["stages"]["paint"]["controls"]
    with_controls = TextToImage.from_recipe(recipe, device="cpu")
    (ours,), (plain,) = (
        list(pipe.run([pipe.request("a boat", seed=3)]))
        for pipe in (with_controls, TextToImage.from_recipe(bare, device="cpu"))
    )
    assert isinstance(ours, Outcome) and isinstance(plain, Outcome)
    assert torch.equal(ours.picture.pixels, plain.picture.pixels)
    loaded = {event.key.family for event in with_controls.log.events if event.kind == "load" and event.key}
    assert loaded == {"diffusers"}


def test_a_budget_below_all_models_is_kept_beside_a_control(twin: Twin, folder: Path) -> None:
    recipe = recipe_of(twin, folder)
    least = check(read_recipe(recipe), device="cpu", micro_batch=1).checkup.plan
    assert least is not None
    said: dict[str, Any] = {"control": str(folder / "a.png"), "control_type": "edges", "seed": 3}
    free = TextToImage.from_recipe(recipe, device="cpu")
    tight = TextToImage.from_recipe(recipe, device="cpu", memory=least.least_bytes)
    (one,), (other,) = (list(pipe.run([pipe.request("a boat", **said)])) for pipe in (free, tight))
    assert isinstance(one, Outcome) and not isinstance(other, Failure)
    assert torch.equal(one.picture.pixels, other.picture.pixels)


def test_a_recipe_with_controls_is_written_as_it_was_read(twin: Twin, folder: Path) -> None:
    recipe = read_recipe(recipe_of(twin, folder))
    again = parse_recipe(recipe_table(recipe), folder / "table.toml")
    assert again.stages == recipe.stages
    found = check(recipe, device="cpu")
    assert not found.checkup.troubles


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "controls.edges: checkpoint is missing: name a ControlNet or a T2I-Adapter"),
        ({"checkpoint": "./net.safetensors"}, "name the folder of diffusers, not a single file"),
        ({"checkpoint": "a/b", "weight": 3}, "weight = 3: must lie between 0 and 2"),
        ({"checkpoint": "a/b", "preprocess": "pose"}, "give control pictures that are ready"),
        ({"checkpoint": "a/b", "preprocess": "depth"}, "name the model that finds it"),
        ({"checkpoint": "a/b", "estimator": "c/d"}, "is for preprocess = 'depth' alone"),
        ({"checkpoint": "a/b", "mode": -1}, "mode = -1: must be a whole number from 0 on"),
        ({"checkpoint": "a/b", "wieght": 1}, "'wieght' is not known (did you mean 'weight'?)"),
        ({"checkpoint": "a/b", "dtype": "float8"}, "dtype = 'float8': must be one of"),
    ],
)
def test_a_control_that_a_recipe_gets_wrong_is_one_line(said: dict[str, Any], why: str) -> None:
    paint = {"family": "diffusers", "checkpoint": "x/y", "controls": {"edges": said}}
    with pytest.raises(InputError) as caught:
        read_recipe({"stages": {"paint": paint}})
    assert why in str(caught.value) and "\n" not in str(caught.value)


def test_controls_are_for_stages_that_can_be_steered() -> None:
    judge = {"family": "image-text-to-text", "checkpoint": "x/y", "controls": {"edges": {"checkpoint": "a/b"}}}
    with pytest.raises(InputError, match="controls: are for paint and repaint alone"):
        read_recipe({"stages": {"judge": judge}})


def test_a_recipe_without_controls_refuses_them() -> None:
    pipe = TextToImage.from_recipe("pocket", device="cpu")
    with pytest.raises(InputError, match="recipe pocket follows no control pictures"):
        pipe.request("a boat", control=PIL.Image.new("RGB", (8, 8)), control_type="edges")
