"""What the doctor says of a chain of fakes: four models of one MiB, a kilobyte of work a row."""

import json
from collections.abc import Callable

import pytest
from rich.console import Console

from diptych.engine.memory import DeviceMemory
from diptych.pipelines.recipes.doctor import Checkup, check_up, plain, tables
from diptych.pipelines.recipes.reader import Recipe
from diptych.pipelines.text_to_image import TextToImage

MIB = 2**20
Check = Callable[[int | None], Checkup]


@pytest.fixture
def check(make_pipe: Callable[..., TextToImage], recipe: Recipe) -> Check:
    """A checkup under a budget; nothing may be loaded on the way."""

    def check(budget: int | None) -> Checkup:
        runner = make_pipe(budget=budget).runner
        checkup = check_up(recipe, runner.chain, runner.memory)
        assert not runner.memory.events
        return checkup

    return check


def shown(checkup: Checkup) -> str:
    console = Console(width=160, highlight=False, markup=False)
    with console.capture() as captured:
        for part in tables(checkup):
            console.print(part)
    return captured.get()


def test_a_chain_that_fits_stays_whole(check: Check) -> None:
    checkup = check(None)
    assert checkup.troubles == () and checkup.plan is not None and checkup.plan.fits
    text = shown(checkup)
    assert "mode: resident: 4.0 MiB of weights and 15.6 KiB of work fit at once" in text
    assert "the least that would do: 1.1 MiB" in text


def test_a_small_budget_is_told_stage_by_stage(check: Check) -> None:
    text = shown(check(MIB + 5000))
    lines = [line.split() for line in text.splitlines()]
    sizes = ["1.0", "MiB", "4.9", "KiB", "1.0", "MiB"]
    refine = next(line for line in lines if line[:2] == ["refine", "5"])
    assert refine == ["refine", "5", *sizes, "refine", "draft"]
    assert "mode: waves: 4.0 MiB of weights and 4.9 KiB of work do not fit 1.0 MiB at once" in text


def test_what_cannot_fit_is_a_trouble_with_what_would(check: Check) -> None:
    checkup = check(MIB)
    assert any("allow at least 1.1 MiB" in trouble for trouble in checkup.troubles)
    assert checkup.troubles[-1] == "recipe fake needs at least 1.1 MiB of memory"
    assert "none fits" in shown(checkup)


def test_the_same_as_json(check: Check) -> None:
    found = json.loads(json.dumps(plain(check(2 * MIB))))
    assert found["budget_bytes"] == 2 * MIB and found["troubles"] == []
    assert [model["bytes"] for model in found["models"]] == [MIB] * 4
    plan = found["plan"]
    assert plan["fits"] and plan["mode"]["name"] == "waves" and plan["weights_bytes"] == 4 * MIB
    assert plan["peak_bytes"] <= 2 * MIB < plan["ample_bytes"]
    assert [step["name"] for step in plan["first_wave"]] == ["plan", "draft", "refine", "judge"]
    assert plan["first_wave"][2]["loads"] == ["refine"]


def test_a_missing_checkpoint_is_a_trouble_and_no_plan(
    check: Check, monkeypatch: pytest.MonkeyPatch, recipe: Recipe, pipe: TextToImage
) -> None:
    from diptych.engine.errors import CheckpointError

    def missing(keys: object, **_: object) -> int:
        raise CheckpointError("no such checkpoint: look again")

    memory = pipe.runner.memory
    monkeypatch.setattr(DeviceMemory, "weight_bytes", lambda self, keys, **how: missing(keys))
    checkup = check_up(recipe, pipe.runner.chain, memory)
    assert checkup.plan is None and checkup.troubles == ("no such checkpoint: look again",)
    assert "not there" in shown(checkup) and plain(checkup)["plan"] is None
