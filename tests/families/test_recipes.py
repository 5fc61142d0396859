"""Every shipped recipe end to end, on small twins of its checkpoints, with the loop on and memory short."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from diptych.engine.errors import CheckpointError
from diptych.engine.forecast import Forecast, forecast
from diptych.engine.memory import DeviceMemory
from diptych.engine.models.config_sizes import Configs
from diptych.engine.models.registry import Registry
from diptych.engine.runner import Runner
from diptych.engine.stage import ModelKey
from diptych.pipelines.recipes.build import build_chain
from diptych.pipelines.recipes.reader import Recipe, known_recipes, read_recipe
from diptych.pipelines.text_to_image import TextToImage

from .recipe_twins import TWINS, Make, on_twins

Twin = Callable[[Make], Path]
OWN = ("pocket", "atlas")  # whose checkpoints ship


def test_every_checkpoint_of_every_recipe_has_a_twin_and_no_other_has() -> None:
    named = {
        key.checkpoint
        for name in known_recipes()
        for stage in read_recipe(name).stages.values()
        for key in stage.keys
    }
    assert {name for name in named if not Path(name).is_absolute()} == set(TWINS)


def planned(recipe: Recipe) -> Forecast:
    """What the recipe would do, from configs and headers."""
    chain, memory = build_chain(recipe), DeviceMemory(Configs())
    request = TextToImage(Runner(chain, memory), recipe).request("a boat")
    return forecast(chain, memory, request, micro_batch=4)


@pytest.mark.parametrize("name", known_recipes())
def test_a_recipe_runs_with_the_loop_on_where_its_models_must_take_turns(name: str, twin: Twin) -> None:
    recipe = on_twins(
        read_recipe(name).on("cpu"), twin, num_inference_steps=2, candidates=2, keep=2, rounds=2, accept=1.0
    )
    chain = build_chain(recipe)
    plan = planned(recipe)
    memory = DeviceMemory(Registry(), budget_bytes=plan.least_bytes + plan.weights_bytes // 50)
    pipe = TextToImage(Runner(chain, memory, micro_batch=4), recipe)
    pipe.check()
    result = pipe(["a red boat at sunset", "two blue birds, in the snow"], seed=3)
    assert not result.failures and len(result.outcomes) == 2
    for outcome in result.outcomes:
        assert len(outcome.trail) == 4, "two rounds of two candidates"
        assert outcome.image.size == (recipe.width, recipe.height)
        assert 0 <= outcome.verdict.score <= 1
    kinds = {event.kind for event in memory.events}
    assert "evict" in kinds
    assert memory.peak_bytes <= memory.budget_bytes


@pytest.mark.parametrize("name", [name for name in known_recipes() if name not in OWN])
def test_memory_is_planned_from_configs_as_from_the_weights_themselves(
    name: str, twin: Twin, tmp_path: Path
) -> None:
    def without_weights(make: Make) -> Path:
        folder = tmp_path / make.__name__
        if not folder.exists():
            shutil.copytree(twin(make), folder, ignore=shutil.ignore_patterns("*.safetensors"))
        return folder

    whole, bare = (on_twins(read_recipe(name), each) for each in (twin, without_weights))
    real_plan, guessed_plan = planned(whole), planned(bare)
    assert guessed_plan.least_bytes == pytest.approx(real_plan.least_bytes, rel=0.02)
    for real, guessed in zip(real_plan.first, guessed_plan.first, strict=True):
        assert guessed.name == real.name and guessed.workspace_bytes == real.workspace_bytes
        assert guessed.weights_bytes == pytest.approx(real.weights_bytes, rel=0.02)


def test_what_is_only_looked_at_is_never_loaded(twin: Twin) -> None:
    key = ModelKey("causal-lm", str(twin(TWINS["Qwen/Qwen3-8B"])))
    with pytest.raises(CheckpointError, match="only its configs are looked at"):
        Configs().load(key, "cpu")
