"""How pipelines are built, moved and shown."""

from pathlib import Path
from typing import Any

import pytest
import torch

from diptych import InputError, PictureJudge, TextToImage, Variations
from diptych.engine.models.dtypes import quick_dtype
from diptych.pipelines.calls.building import recipe_of, with_dtype
from diptych.pipelines.recipes.reader import read_recipe


def test_a_pipeline_is_made_as_diffusers_makes_one_and_says_where_it_is() -> None:
    pipe = TextToImage.from_pretrained("pocket", torch_dtype=torch.bfloat16, device=torch.device("cpu"))
    assert (pipe.device, pipe.dtype) == (torch.device("cpu"), torch.bfloat16)
    assert {key.dtype for stage in pipe.recipe.stages.values() for key in stage.keys} == {"bfloat16"}
    assert with_dtype(read_recipe("pocket"), "auto") == read_recipe("pocket")
    shared = Variations.from_pipe(pipe)
    memory = pipe.runner.memory
    assert pipe.to("cpu") is pipe and pipe.runner.memory is memory
    assert shared.to(torch.float32) is shared
    assert pipe.dtype == shared.dtype == torch.float32 and pipe.runner.memory is not memory
    assert pipe.to(device="cpu", dtype="bfloat16").dtype == torch.bfloat16
    assert "\n" not in f"{shared.pipe.log.events}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recipe": 5}, "recipe = 5: give a recipe's name, or the path"),
        ({"recipe": None}, "recipe = None: give a recipe's name"),
        ({"recipe": "pocked"}, "'pocked': not known.*pocket"),
        ({"recipe": "stabilityai/sdxl"}, "is a checkpoint, not a recipe: name it in one"),
        ({"recipe": "\0"}, "not known"),
        ({"micro_batch": 1.5}, "micro_batch = 1.5: must be a whole number"),
        ({"micro_batch": 0}, "micro_batch = 0: must be at least 1"),
        ({"wave": "x"}, "wave = 'x': must be a whole number"),
        ({"memory": -1}, "memory = '-1': write an amount"),
        ({"memory": 1.5}, "memory = 1.5: write an amount"),
        ({"memory": []}, r"memory = \[\]: write an amount"),
        ({"deterministic": "yes"}, "deterministic = 'yes': must be true or false"),
        ({"trust_remote_code": 1}, "trust_remote_code = 1: must be true or false"),
        ({"device": 5}, "device = 5: give a name"),
        ({"device": torch.device("meta")}, "device 'meta': not known"),
        ({"torch_dtype": torch.int8}, "torch_dtype = torch.int8: must be one of float32"),
        ({"variant": "fp16"}, "variant: the files of a variant are found"),
        ({"micro_batches": 3}, "'micro_batches': did you mean 'micro_batch'"),
        ({"zzz": 3}, "'zzz'; known are device, memory"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    for maker in (TextToImage.from_recipe, Variations.from_pretrained):
        with pytest.raises(InputError, match=message):
            maker(**options)


def test_a_folder_of_weights_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a checkpoint, not a recipe"):
        TextToImage.from_pretrained(tmp_path)


def test_a_folder_does_not_hide_the_recipe_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pocket").mkdir()  # as `-o pocket` leaves it
    assert recipe_of("pocket").name == "pocket"


def test_where_to_go_must_be_a_device_or_a_dtype(pocket_pipe: TextToImage) -> None:
    for where in ("nowhere", torch.int8, 5, "xpu"):
        with pytest.raises(InputError):
            pocket_pipe.to(where)
    with pytest.raises(InputError, match="is no pipeline"):
        Variations.from_pipe(5)  # type: ignore[arg-type]


def test_a_pipeline_is_shown_in_a_few_lines(pocket_pipe: TextToImage) -> None:
    shown = repr(pocket_pipe)
    assert shown.startswith("TextToImage: recipe pocket, 256x256, device cpu, no limit of memory\n")
    assert f"  refine  diffusers           pocket/refiner    {quick_dtype('cpu')}" in shown.splitlines()
    assert len(shown) < 1000
    assert repr(Variations.from_pipe(pocket_pipe)).startswith("Variations: recipe pocket")
    judge = repr(PictureJudge.from_recipe("pocket", device="cpu", memory="1GiB"))
    assert judge.startswith("PictureJudge: device cpu, memory 1.0 GiB\n") and "pocket/captioner" in judge
