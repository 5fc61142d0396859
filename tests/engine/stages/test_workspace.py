"""What stages declare is what they take: at least that, and not so much more that a budget is wasted."""

import dataclasses
import gc
from collections.abc import Sequence
from typing import Any

import pytest
from torch.profiler import ProfilerActivity, profile

from diptych.engine.memory import DeviceMemory
from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey, Models, RunContext, Stage
from diptych.engine.stages.drafting.draft import DraftStage
from diptych.engine.stages.judging.judge import JudgeStage
from diptych.engine.stages.painting.refine import RefineStage
from diptych.engine.stages.planning.plan import PlanStage
from diptych.engine.values import Plan, Request, Settings

PROMPT = "a big red boat at sunset, and a small green tree on the right"
OPEN = "a boat at sunset, and a small green tree on the right"  # leaves something for the planner to write
WISH = Settings(num_inference_steps=1, draft_guidance_scale=2.0)


def watched(stage: Stage[Any, Any], values: Sequence[Any], models: Models) -> tuple[list[Any], int]:
    """What a stage gives, and what torch allocates on the CPU at most meanwhile, beyond what was there."""
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        outputs = stage.run(values, models, RunContext())
    assert profiled.profiler is not None and profiled.profiler.kineto_results is not None
    events = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()  # pyright: ignore[reportAttributeAccessIssue]
        most = max(most, now)
    return outputs, most


@pytest.fixture(scope="module")
def taken() -> dict[str, list[tuple[int, int]]]:
    """By stage, what is declared and what is taken for one row and for four, along the pocket chain."""
    drafter = ModelKey("image-token-lm", "pocket/drafter")
    stages: Sequence[Stage[Any, Any]] = [
        PlanStage(model=ModelKey("causal-lm", "pocket/planner")),
        DraftStage(model=drafter, codebook=ModelKey("image-tokenizer", "pocket/tokenizer")),
        RefineStage(model=ModelKey("diffusers", "pocket/refiner")),
        JudgeStage(model=ModelKey("image-text-to-text", "pocket/captioner")),
    ]
    registry = Registry()
    memory = DeviceMemory(registry)
    models: dict[ModelKey, Any] = {key: registry.load(key, "cpu") for stage in stages for key in stage.uses}
    found: dict[str, list[tuple[int, int]]] = {stage.name: [] for stage in stages}
    for rows in (1, 4):
        values: list[Any] = [Request(prompt=OPEN, seed=seed, settings=WISH) for seed in range(rows)]
        for stage in stages:
            stage.run(values, models, RunContext())  # what is made once and kept is not this batch's
            outputs, peak = watched(stage, values, models)
            found[stage.name].append((memory.work_of(stage, values), peak))
            values = [dataclasses.replace(v, prompt=PROMPT) if isinstance(v, Plan) else v for v in outputs]
    return found


@pytest.mark.parametrize("stage", ["plan", "draft", "refine", "judge"])
def test_a_stage_takes_what_it_declares_and_not_far_less(
    taken: dict[str, list[tuple[int, int]]], stage: str
) -> None:
    for declared, peak in taken[stage]:
        assert peak <= declared <= 6 * peak, f"{declared:,} bytes declared, {peak:,} taken"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_packed_weights_are_counted_on_a_cpu_alone_and_in_float32(dtype: str) -> None:
    stage = PlanStage(model=ModelKey("causal-lm", "pocket/planner", dtype))
    values = [Request(prompt=OPEN, seed=0, settings=WISH)]
    cpu, gpu = (DeviceMemory(Registry(), device=device, budget_bytes=2**30) for device in ("cpu", "cuda"))
    on_cpu, on_gpu = (memory.work_of(stage, values) for memory in (cpu, gpu))
    assert on_gpu == stage.workspace(values)
    assert on_cpu - on_gpu == stage.cpu_workspace()
    assert (stage.cpu_workspace() > 0) == (dtype == "float32")
    assert (
        DeviceMemory(Registry(), device="cuda", budget_bytes=2**30).rehearsal().work_of(stage, values) == on_gpu
    )
    assert DeviceMemory(Registry()).rehearsal().work_of(stage, values) == on_cpu
