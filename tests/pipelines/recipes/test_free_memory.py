"""On a device of which so much is free, recipes plan themselves: nobody says how much memory there is."""

import pytest

import diptych.engine.memory.device
from diptych.engine.memory.account import MARGIN_BYTES
from diptych.pipelines.recipes import check as checking
from diptych.pipelines.recipes import doctor
from diptych.pipelines.recipes.check import check
from diptych.pipelines.recipes.doctor import plain
from diptych.pipelines.recipes.reader import read_recipe

from ...simulated_device import SimulatedDevice

GB = 10**9
CONTEXT = 500 * 2**20
"""What the driver and the context of a process hold of a card before anything is on it."""


@pytest.mark.parametrize(
    ("recipe", "card", "streamed"), [("smollm-sdxl-turbo", 8, ()), ("llama-flux-schnell", 24, ("paint",))]
)
def test_large_recipes_plan_themselves_on_the_cards_that_they_are_for(
    monkeypatch: pytest.MonkeyPatch, recipe: str, card: int, streamed: tuple[str, ...]
) -> None:
    device = SimulatedDevice(card * GB, others=CONTEXT)
    monkeypatch.setattr(diptych.engine.memory.device, "account_of", lambda name: device)
    monkeypatch.setattr(checking, "choose_device", lambda name: "cuda")
    monkeypatch.setattr(doctor, "_device", lambda name: "cuda, simulated")
    found = check(read_recipe(recipe)).checkup
    assert found.troubles == () and found.plan is not None and found.budget_bytes is not None
    assert found.budget_bytes == plain(found)["budget_bytes"] == card * GB - CONTEXT - MARGIN_BYTES
    assert "which is free but for 512.0 MiB" in found.versions["device"]
    steps = (*found.plan.first, *found.plan.again)
    assert all(step.rows >= 1 and 0 < step.peak_bytes <= found.budget_bytes for step in steps)
    assert {step.name for step in steps if step.streamed} == {*streamed}
