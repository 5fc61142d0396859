"""How a model is computed, as a recipe says it: read, refused, kept in the history, and heeded."""

from pathlib import Path
from typing import Any

import pytest
import torch

from diptych import TextToImage
from diptych.engine.errors import InputError
from diptych.engine.models import compiling
from diptych.engine.models.compiling import CACHE, settle_cache
from diptych.engine.models.registry import Registry
from diptych.pipelines.recipes.reader import Recipe, parse_recipe, read_recipe
from diptych.pipelines.recipes.writer import recipe_table

TUNED = {
    "matmul_precision": "high",
    "attention": "math",
    "channels_last": True,
    "compile": True,
    "quantize": "int8",
}


def tuned(**said: Any) -> Recipe:
    """The pocket recipe, whose refiner's table says this."""
    table = recipe_table(read_recipe("pocket"))
    table["stages"]["refine"] |= said
    return parse_recipe(table, Path("mine.toml"))


def test_what_a_table_says_is_read_and_written_again() -> None:
    recipe = tuned(**TUNED)
    assert dict(recipe.stages["refine"].model.tuning) == TUNED
    table = recipe_table(recipe)
    assert TUNED.items() <= table["stages"]["refine"].items()
    assert parse_recipe(table, Path("mine.toml")) == recipe
    plain = read_recipe("pocket")
    assert plain.stages["refine"].model.tuning == ()
    off = tuned(compile=False, channels_last=False)
    assert off.stages["refine"].model == plain.stages["refine"].model


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"atention": "math"}, r"'atention' is not known.*did you mean 'attention'"),
        ({"matmul_precison": "high"}, r"did you mean 'matmul_precision'"),
        ({"chanels_last": True}, r"did you mean 'channels_last'"),
        ({"compiled": True}, r"did you mean 'compile'"),
        ({"attention": "flsh"}, r"attention = 'flsh' is not known.*did you mean 'flash'.*sdpa, math"),
        ({"attention": False}, r"attention = False is not known: choose one of sdpa"),
        ({"attention": ["math"]}, r"is not known: choose one of sdpa"),
        ({"matmul_precision": "hihg"}, r"did you mean 'high'.*highest, high, medium"),
        ({"channels_last": "yes"}, r"channels_last = 'yes': must be true or false"),
        ({"compile": 1}, r"compile = 1: must be true or false"),
    ],
)
def test_what_cannot_be_is_refused_with_the_nearest_word(said: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        tuned(**said)
    assert "[stages.refine]" in str(caught.value) and "\n" not in str(caught.value)


def test_what_cannot_be_compiled_is_refused() -> None:
    table = recipe_table(read_recipe("pocket"))
    table["stages"]["draft"]["compile"] = True
    with pytest.raises(InputError, match=r"\[stages.draft\]: compile = true: is for family diffusers, not for"):
        parse_recipe(table, Path("mine.toml"))


def test_it_stands_in_the_history_and_makes_another_row() -> None:
    plain, other = (
        TextToImage.from_recipe(tuned(**said)).environment() for said in ({}, {"attention": "math"})
    )
    assert other.table["stages"]["refine"]["attention"] == "math"
    assert "attention" not in plain.table["stages"]["refine"]
    assert plain.essence() != other.essence()


def test_channels_last_lays_out_convolutions_anew_and_counts_them_apart() -> None:
    registry, layouts = Registry(), []
    keys = [tuned(dtype="float32", channels_last=each).stages["refine"].model for each in (False, True)]
    for key in keys:
        weight = registry.load(key, "cpu").unet.conv_in.weight
        layouts.append(weight.is_contiguous(memory_format=torch.channels_last))
    assert layouts == [False, True]
    assert not set(registry.weights(keys[0])) & set(registry.weights(keys[1]))


def render(recipe: Recipe) -> torch.Tensor:
    (outcome,) = TextToImage.from_recipe(recipe)(["a red boat"], seed=3).outcomes
    return outcome.picture.pixels.int()


def test_pictures_are_the_same_but_for_rounding() -> None:
    said = {name: value for name, value in TUNED.items() if name != "compile"}
    plain, other = render(tuned(dtype="float32")), render(tuned(dtype="float32", **said))
    assert (plain - other).abs().max() <= 2


def test_blocks_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def compiled(plain: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            asked.append(plain)
            return plain(*args, **kwargs)

        return call

    plain = render(tuned(dtype="float32"))
    monkeypatch.setattr(torch, "compile", compiled)
    assert torch.equal(render(tuned(dtype="float32", compile=True)), plain)
    assert len(set(asked)) > 3


def test_where_compiling_fails_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(plain: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("no C++ compiler is here\nand many lines more")

        return call

    plain = render(tuned(dtype="float32"))
    monkeypatch.setattr(torch, "compile", broken)
    assert torch.equal(render(tuned(dtype="float32", compile=True)), plain)
    (record,) = [each for each in caplog.records if each.name == compiling.__name__]
    said = record.getMessage()
    assert "refiner" in said and "goes on without" in said and "no C++ compiler is here" in said
    assert "\n" not in said


def test_running_out_of_memory_is_no_failure_to_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(plain: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory")

        return call

    monkeypatch.setattr(torch, "compile", full)
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    assert compiling.compile_blocks(net, "a net") == 2
    with pytest.raises(torch.OutOfMemoryError):
        net(torch.zeros(1, 2))


def test_what_is_compiled_is_kept_where_the_user_says() -> None:
    ours, theirs = {"XDG_CACHE_HOME": "/cache"}, {CACHE: "/elsewhere"}
    settle_cache(ours)
    settle_cache(theirs)
    assert ours[CACHE] == "/cache/diptych/compiled" and theirs[CACHE] == "/elsewhere"
