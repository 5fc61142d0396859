"""Mutated recipes and checkpoints' files: a result or a named error, soon. `fuzz_files.py` makes longer
runs."""

import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .captioner_twins import blip
from .fuzz_files import SLOW_S, Checkpoints, checkpoints_in, try_recipe
from .planner_twins import llama3
from .unet_twins import stable_diffusion

fuzz = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Checkpoints:
    folder = tmp_path_factory.mktemp("checkpoints")
    return checkpoints_in(folder, {"plan": llama3, "paint": stable_diffusion, "judge": blip})


@fuzz
@given(seed=st.integers(0, 2**40))
def test_a_mutated_recipe_is_read_or_refused(tmp_path: Path, seed: int) -> None:
    began = time.monotonic()
    try_recipe(tmp_path, random.Random(seed))
    assert time.monotonic() - began < SLOW_S


@fuzz
@given(seed=st.integers(0, 2**40))
def test_a_checkpoint_with_a_mutated_file_is_looked_at_or_refused(checkpoints: Checkpoints, seed: int) -> None:
    began = time.monotonic()
    checkpoints.try_one(random.Random(seed), build=seed % 10 == 0)
    assert time.monotonic() - began < SLOW_S
