"""What painting declares is at least what it takes, family by family."""

import gc
from collections.abc import Sequence
from typing import Any

import pytest
from torch.profiler import ProfilerActivity, profile

from diptych.engine.models.registry import Registry
from diptych.engine.stage import Models, RunContext

from .painting import Twin, stages_of, value_of
from .pipeline_twins import FAMILIES

SIDE = 192


def watched(stage: Any, values: Sequence[Any], models: Models) -> tuple[list[Any], int]:
    """What a stage gives, and what torch allocates on the CPU at most meanwhile, beyond what was there."""
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        outputs = stage.run(values, models, RunContext())
    assert profiled.profiler is not None and profiled.profiler.kineto_results is not None
    results: Any = profiled.profiler.kineto_results
    events = [event for event in results.events() if event.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return outputs, most


@pytest.mark.parametrize("family", ["SD 1.5", "SD 3", "FLUX.1", "FLUX.2", "Z-Image", "Qwen-Image", "Sana"])
def test_what_is_declared_is_enough(family: str, twin: Twin) -> None:
    stages = stages_of(family, twin(FAMILIES[family]))
    registry = Registry()
    models = {key: registry.load(key, "cpu") for stage in stages for key in stage.uses}
    values: list[Any] = [value_of(family, seed=seed, height=SIDE, width=SIDE) for seed in range(2)]
    for stage in stages:
        declared = stage.workspace(values)
        values, taken = watched(stage, values, models)
        assert declared >= taken, f"{stage.name}: {declared} declared, {taken} taken"
