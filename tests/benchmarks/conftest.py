"""A recipe of made-up models so small that whole benchmarks take seconds."""

from pathlib import Path

import pytest

from diptych.benchmarks.harness.options import Options
from diptych.benchmarks.harness.random_models import TINY, build
from diptych.pipelines.recipes.reader import Recipe


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    return build(Path(tmp_path_factory.mktemp("random_models")), TINY)


@pytest.fixture
def tiny(tiny_recipe: Recipe) -> Options:
    """Two prompts, once."""
    return Options(recipe=tiny_recipe, device="cpu", prompts=2, repeats=1)
