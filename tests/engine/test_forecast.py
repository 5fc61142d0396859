"""What is foretold is what is done: the log of a run says the same."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.chain import PREVIEW, Chain
from diptych.engine.forecast import Forecast, Step, forecast
from diptych.engine.memory import DeviceMemory
from diptych.engine.runner import Runner
from diptych.engine.stage import ModelKey
from diptych.engine.values import Request, Settings

SIZES = {"plan": 5, "draft": 10, "refine": 30, "judge": 15}
REQUEST = Request(prompt="a boat", height=8, width=8)
STEPS = ("plan", "draft", "refine", "judge")


Foretell = Callable[..., Forecast]


@pytest.fixture(scope="session")
def make_memory(make_loader: Callable[..., Any]) -> Callable[..., DeviceMemory]:
    """Makes a memory with models of `SIZES`, of which the refiner can be streamed."""

    def make(budget: int | None, **how: Any) -> DeviceMemory:
        return DeviceMemory(make_loader(sizes=SIZES, streamed={"refine": 6}), budget_bytes=budget, **how)

    return make


@pytest.fixture
def foretold(make_chain: Callable[..., Chain], make_memory: Callable[..., DeviceMemory]) -> Foretell:
    """What stages of three bytes a row will do in micro-batches of four."""

    def foretold(budget: int | None, **how: Any) -> Forecast:
        return forecast(make_chain(3), make_memory(budget), REQUEST, micro_batch=4, **how)

    return foretold


def names(keys: Sequence[ModelKey]) -> list[str]:
    return [key.checkpoint for key in keys]


def by_name(steps: Sequence[Step]) -> dict[str, Step]:
    return {step.name: step for step in steps}


def test_where_all_fits_each_model_is_loaded_once(foretold: Foretell) -> None:
    found = foretold(None)
    assert found.fits and found.mode.name == "resident"
    assert [names(step.loads) for step in found.first] == [[name] for name in STEPS]
    assert all(step.loads == step.evicts == () for step in found.again)
    assert [(step.rows, step.workspace_bytes) for step in found.first] == [(4, 12)] * 4
    assert (found.weights_bytes, found.ample_bytes, found.peak_bytes) == (60, 72, 72)


def test_a_small_budget_evicts_and_makes_micro_batches_small(foretold: Foretell) -> None:
    found = foretold(20)
    steps = by_name(found.first)
    assert found.fits and found.mode.name == "waves"
    assert names(steps["refine"].evicts) == ["draft", "plan"] or names(steps["refine"].evicts) == ["draft"]
    assert {name: step.rows for name, step in steps.items()} == {"plan": 4, "draft": 3, "refine": 4, "judge": 1}
    assert steps["refine"].streamed and steps["refine"].weights_bytes == 6
    assert not steps["judge"].streamed
    assert found.peak_bytes <= 20


def test_what_cannot_be_is_told_with_what_would_do(foretold: Foretell) -> None:
    found = foretold(15)
    refusals = {step.name: step.refusal for step in found.first if step.refusal}
    assert not found.fits and list(refusals) == ["judge"]
    assert "15 bytes of weights + 3 bytes of workspace; allow at least 18 bytes" in refusals["judge"]
    assert found.least_bytes == 18
    assert foretold(18).fits and not foretold(17).fits


def test_judging_previews_is_a_step_of_its_own(foretold: Foretell) -> None:
    found = foretold(None, previews=True)
    assert [step.name for step in found.first] == ["plan", "draft", PREVIEW, "refine", "judge"]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_models_come_ahead_only_where_that_runs_beside_the_work(
    make_chain: Callable[..., Chain], make_memory: Callable[..., DeviceMemory], device: str
) -> None:
    """The refiner's work leaves no room for others, the judge's does."""
    found = forecast(make_chain(3, refine=20), make_memory(65, device=device), REQUEST, micro_batch=1)
    sent = {step.name: names(step.sends) for step in found.again if step.sends}
    assert sent == ({"judge": ["plan", "draft"]} if device == "cuda" else {})


@settings(max_examples=60, deadline=None)
@given(budget=st.integers(18, 90), prunes=st.booleans())
def test_what_is_foretold_is_done(
    make_chain: Callable[..., Chain], make_memory: Callable[..., DeviceMemory], budget: int, prunes: bool
) -> None:
    """Two waves of one full micro-batch each."""
    chain, memory = make_chain(3), make_memory(budget)
    wish = Settings(candidates=2, keep=1) if prunes else Settings()
    requests = [dataclasses.replace(REQUEST, seed=seed, settings=wish) for seed in range(8)]
    plan = forecast(chain, memory, requests[0], micro_batch=4, wave=4, previews=prunes)
    assert memory.resident == () and memory.events == []
    assert len(list(Runner(chain, memory, micro_batch=4, wave=4).run(requests))) == 8
    done = [(event.kind, event.key) for event in memory.events if event.kind in ("load", "evict")]
    steps = (*plan.first, *plan.again)
    if all(step.rows == 4 for step in steps):  # else the rest of a wave is another, smaller micro-batch
        told = [
            told
            for step in steps
            for told in (*(("evict", key) for key in step.evicts), *(("load", key) for key in step.loads))
        ]
        assert done == told
    assert memory.peak_bytes <= plan.peak_bytes <= budget
