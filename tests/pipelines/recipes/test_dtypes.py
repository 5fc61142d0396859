"""`dtype = "auto"`: as the device likes it, settled before anything is loaded, and written down as settled."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from diptych import InputError, TextToImage, read_recipe
from diptych.engine.memory import DeviceMemory
from diptych.engine.models.dtypes import quick_dtype
from diptych.engine.runner import Runner
from diptych.pipelines.recipes.build import build_chain, registry
from diptych.pipelines.recipes.check import check
from diptych.pipelines.recipes.reader import AUTO, parse_recipe
from diptych.pipelines.recipes.writer import recipe_table


def capable(monkeypatch: pytest.MonkeyPatch, *, of: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": of})


@pytest.mark.parametrize(("has_amx", "dtype"), [(True, "bfloat16"), (False, "float32")])
def test_auto_is_settled_by_what_the_processor_has(
    monkeypatch: pytest.MonkeyPatch, has_amx: bool, dtype: str
) -> None:
    capable(monkeypatch, of=has_amx)
    assert quick_dtype("cpu") == dtype
    recipe = read_recipe("pocket")
    assert recipe.stages["refine"].model.dtype == AUTO
    pipe = TextToImage.from_recipe(recipe, device="cpu")
    assert pipe.recipe.stages["refine"].model.dtype == dtype
    assert pipe.recipe.stages["draft"].model.dtype == "float32"
    assert recipe_table(pipe.recipe)["stages"]["refine"]["dtype"] == dtype
    assert pipe.recipe.on("cpu") is pipe.recipe


def test_a_chain_that_is_put_together_by_hand_is_settled_too(monkeypatch: pytest.MonkeyPatch) -> None:
    capable(monkeypatch, of=True)
    recipe = read_recipe("pocket")
    chain = build_chain(recipe)
    assert AUTO not in {key.dtype for uses in chain.uses_in_order() for key in uses}
    pipe = TextToImage(Runner(chain, DeviceMemory(registry())), recipe)
    assert pipe.recipe.stages["refine"].model.dtype == "bfloat16" == str(pipe.dtype).removeprefix("torch.")
    pipe.check()


def test_a_gpu_is_asked_whether_it_has_units_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    current = ["cuda:0"]

    @contextlib.contextmanager
    def device(name: str) -> Iterator[None]:
        current.append(name)
        yield
        current.pop()

    monkeypatch.setattr(torch.cuda, "device", device)
    units = {"cuda:0": True, "cuda:1": False}  # what is asked is asked of the current one
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: units[current[-1]])
    assert (quick_dtype("cuda:0"), quick_dtype("cuda:1")) == ("bfloat16", "float32")
    assert quick_dtype("mps") == "float32"


def test_a_wish_for_a_dtype_comes_first() -> None:
    pipe = TextToImage.from_recipe("pocket", device="cpu", torch_dtype=torch.float32)
    assert {key.dtype for stage in pipe.recipe.stages.values() for key in stage.keys} == {"float32"}


def test_a_check_plans_for_what_takes_most(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = []
    for has_amx in (True, False):
        capable(monkeypatch, of=has_amx)
        plans.append(check(read_recipe("pocket"), micro_batch=1).checkup.plan)
    assert plans[0] == plans[1] is not None


def test_an_unknown_dtype_is_refused_with_those_there_are() -> None:
    table = {"stages": {"refine": {"family": "diffusers", "checkpoint": "pocket/refiner", "dtype": "int4"}}}
    with pytest.raises(InputError, match="dtype = 'int4': must be one of float32, bfloat16, float16, auto"):
        parse_recipe(table, Path("mine.toml"))
