"""torch's segments of GPU memory grow, unless somebody has said otherwise, or torch was there first."""

import os
import subprocess
import sys

import pytest
import torch

from diptych.engine.guards.segments import GROWING, SAYING, let_segments_grow


def test_segments_grow_by_default() -> None:
    environment: dict[str, str] = {}
    assert let_segments_grow(environment, {}, "linux")
    assert environment == {"PYTORCH_CUDA_ALLOC_CONF": GROWING}


@pytest.mark.parametrize("name", SAYING)
def test_what_somebody_said_stands(name: str) -> None:
    chosen = {name: "max_split_size_mb:64"}
    assert not let_segments_grow(chosen, {}, "linux") and chosen == {name: "max_split_size_mb:64"}


def test_nothing_is_said_to_a_torch_that_is_loaded_nor_where_it_cannot_be_done() -> None:
    environment: dict[str, str] = {}
    assert not let_segments_grow(environment, {"torch": torch}, "linux")
    assert not let_segments_grow(environment, {}, "win32")
    assert environment == {}


@pytest.mark.skipif(sys.platform != "linux", reason="segments grow on Linux alone")
def test_the_package_says_so_before_torch_is_loaded() -> None:
    code = "import diptych, os, torch; print(os.environ['PYTORCH_CUDA_ALLOC_CONF'])"
    environment = {name: value for name, value in os.environ.items() if name not in SAYING}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == GROWING, done.stderr
