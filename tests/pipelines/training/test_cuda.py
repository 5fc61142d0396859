"""Training on a GPU, with all that helps there. Skipped where there is none."""

from pathlib import Path

import pytest

from diptych import TextToImage
from diptych.pipelines.training.loop.batches import CAN_FORK
from diptych.pipelines.training.run import run_training


@pytest.mark.cuda
@pytest.mark.parametrize("together", [False, True])
def test_models_are_trained_with_workers_and_a_cache(tmp_path: Path, tiny_config: Path, together: bool) -> None:
    assert run_training(
        "all", tmp_path, config=tiny_config, steps=3, cache=True, workers=2 * CAN_FORK, together=together
    )
    pipe = TextToImage.from_recipe(tmp_path / "weights" / "recipe.toml", device="cuda")
    assert pipe("a boat", seed=1).images[0].size == (256, 256)
