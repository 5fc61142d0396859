"""The training loop: it goes on exactly where it was stopped, and never saves what is not a number."""

import dataclasses
import itertools
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from diptych import CheckpointError, DiptychError, InputError
from diptych.pipelines.training.loop.optimizer import MuonAdamW
from diptych.pipelines.training.loop.state import Average, load_state, save_state
from diptych.pipelines.training.loop.step_schedule import Reached, TrainSettings
from diptych.pipelines.training.loop.trainer import TrainingDiverged, _mixed, train

linux = pytest.mark.skipif(sys.platform != "linux", reason="forks")
SETTINGS = TrainSettings(steps=9, batch_size=4, warmup=2, log_every=2)


def quiet(_: str) -> None:
    return None


def stopped_after(task: Any, steps: int) -> Any:
    """`task`, which asks for a stop in the step after `steps` steps, as Ctrl-C does."""
    batch = task.batch

    def stopping(step: int, size: int) -> Any:
        if step == steps:
            os.kill(os.getpid(), signal.SIGINT)
        return batch(step, size)

    task.batch = stopping
    return task


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "state.safetensors") | load_file(folder / "model" / "model.safetensors")


def test_a_stopped_run_ends_with_the_weights_of_one_that_was_not(tmp_path: Path, line_task: Any) -> None:
    handler = signal.getsignal(signal.SIGINT)
    assert train(line_task(), SETTINGS, tmp_path / "whole", say=quiet) is True
    assert train(stopped_after(line_task(), 3), SETTINGS, tmp_path / "parts", say=quiet) is False
    assert (tmp_path / "parts" / "progress.json").read_text().strip() == '{"step": 4}'
    assert train(line_task(), SETTINGS, tmp_path / "parts", say=quiet) is True
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name
    assert signal.getsignal(signal.SIGINT) is handler
    steps = [row.split(",")[0] for row in (tmp_path / "parts" / "loss.csv").read_text().splitlines()]
    assert steps == ["step", "2", "4", "6", "8", "9"]


def test_the_shipped_model_is_the_average_and_training_goes_on_with_the_weights(
    tmp_path: Path, line_task: Any
) -> None:
    task = line_task()
    train(task, SETTINGS, tmp_path, say=quiet)
    state, shipped = (
        load_file(tmp_path / "state.safetensors"),
        load_file(tmp_path / "model" / "model.safetensors"),
    )
    assert torch.equal(shipped["0.weight"], state["average/0.weight"])
    assert torch.equal(task.model.state_dict()["0.weight"], state["model/0.weight"])
    assert not torch.equal(state["average/0.weight"], state["model/0.weight"])


def test_a_finished_run_changes_nothing_and_can_be_made_longer(tmp_path: Path, line_task: Any) -> None:
    said: list[str] = []
    train(line_task(), SETTINGS, tmp_path, say=quiet)
    before = (tmp_path / "state.safetensors").read_bytes()
    assert train(line_task(), SETTINGS, tmp_path, say=said.append)
    assert (tmp_path / "state.safetensors").read_bytes() == before
    assert said == ["line: is trained, step 9 of 9"]
    train(line_task(), dataclasses.replace(SETTINGS, steps=11), tmp_path, say=quiet)
    assert (tmp_path / "progress.json").read_text().strip() == '{"step": 11}'


def test_a_crash_between_state_and_model_is_mended(tmp_path: Path, line_task: Any) -> None:
    train(line_task(), SETTINGS, tmp_path, say=quiet)
    expected = (tmp_path / "model" / "model.safetensors").read_bytes()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"")
    (tmp_path / "progress.json").write_text('{"step": 5}')
    train(line_task(), SETTINGS, tmp_path, say=quiet)
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == expected


def test_a_loss_that_is_not_a_number_stops_the_run_and_spares_the_checkpoint(
    tmp_path: Path, line_task: Any
) -> None:
    with pytest.raises(TrainingDiverged, match=r"step 4.*nothing was saved yet"):
        train(line_task(corrupted_at=4), SETTINGS, tmp_path / "new", say=quiet)
    assert not (tmp_path / "new" / "model").exists()
    train(line_task(), dataclasses.replace(SETTINGS, steps=3), tmp_path / "old", say=quiet)
    before = (tmp_path / "old" / "state.safetensors").read_bytes()
    with pytest.raises(TrainingDiverged, match="last good state") as caught:
        train(line_task(corrupted_at=4), SETTINGS, tmp_path / "old", say=quiet)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "old" / "state.safetensors").read_bytes() == before


def test_the_last_two_states_are_kept_and_a_damaged_one_is_passed_over(tmp_path: Path, line_task: Any) -> None:
    said: list[str] = []
    train(line_task(), SETTINGS, tmp_path / "whole", say=quiet)
    work = tmp_path / "work"
    for steps in (2, 4):
        train(stopped_after(line_task(), steps), SETTINGS, work, say=quiet)
    assert sorted(path.name for path in work.glob("*.safetensors")) == [
        "state-before.safetensors",
        "state.safetensors",
    ]
    newest = work / "state.safetensors"
    newest.write_bytes(newest.read_bytes()[:-9])
    assert train(line_task(), SETTINGS, work, say=said.append)
    assert "is damaged" in said[0] and "going on from step 3" in said[1]
    whole, mended = weights(tmp_path / "whole"), weights(work)
    assert all(torch.equal(value, mended[name]) for name, value in whole.items())


@pytest.mark.parametrize(("able", "precision", "mixed"), [(True, "bfloat16", "bf16"), (True, "auto", "no")])
def test_a_cpu_computes_in_bfloat16_where_it_can_and_is_asked_to(
    able: bool, precision: str, mixed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: able)
    assert _mixed(precision) == mixed


def test_states_that_are_all_damaged_are_refused(tmp_path: Path, line_task: Any) -> None:
    (tmp_path / "state.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="every state in it is damaged"):
        train(line_task(), SETTINGS, tmp_path, say=quiet)


def test_a_precision_that_the_machine_lacks_is_refused(
    tmp_path: Path, line_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    with pytest.raises(InputError, match="needs a GPU"):
        train(line_task(), dataclasses.replace(SETTINGS, precision="bfloat16"), tmp_path, say=quiet)
    assert train(line_task(), SETTINGS, tmp_path, say=quiet)  # auto: float32 here
    state = load_file(tmp_path / "state.safetensors")
    assert {value.dtype for value in state.values()} == {torch.float32}


def test_rows_logged_after_the_last_checkpoint_are_logged_once(tmp_path: Path, line_task: Any) -> None:
    train(line_task(), dataclasses.replace(SETTINGS, steps=4), tmp_path, say=quiet)
    with (tmp_path / "loss.csv").open("a") as file:
        file.write("6,0.5\n8,0.4\n")  # what a run that was killed at step 8 had logged
    train(line_task(), SETTINGS, tmp_path, say=quiet)
    steps = [row.split(",")[0] for row in (tmp_path / "loss.csv").read_text().splitlines()]
    assert steps == ["step", "2", "4", "6", "8", "9"]


def test_another_loss_begins_another_curve(tmp_path: Path, line_task: Any) -> None:
    tmp_path.joinpath("loss.csv").write_text("step,loss,other\n2,1.0,1.0\n")
    train(line_task(), SETTINGS, tmp_path, say=quiet)
    assert tmp_path.joinpath("loss.csv").read_text().splitlines()[0] == "step,loss"
    assert tmp_path.joinpath("loss-before.csv").read_text().startswith("step,loss,other")


def test_learning_rates_warm_up_stay_and_fall_to_zero() -> None:
    settings = TrainSettings(steps=100, batch_size=1, warmup=10, cooldown=0.4)
    factors = [settings.lr_factor(step) for step in range(100)]
    assert factors[0] == pytest.approx(0.1) and factors[9] == factors[59] == 1.0
    assert factors[80] == pytest.approx(0.5) and 0 < factors[99] < 0.05


def test_the_average_follows_slowly_and_can_be_put_back() -> None:
    model = torch.nn.Linear(2, 2)
    average = Average(model, 0.9)
    before = model.weight.detach().clone()
    with torch.no_grad():
        model.weight += 1
    average.update(10_000)
    assert torch.allclose(average.weights["weight"], before + 0.1, atol=1e-6)
    restore = average.swapped_into(model)
    assert torch.allclose(model.weight, before + 0.1, atol=1e-6)
    restore()
    assert torch.allclose(model.weight, before + 1)


def test_a_state_of_another_version_is_refused(tmp_path: Path, line_task: Any) -> None:
    train(stopped_after(line_task(), 3), SETTINGS, tmp_path, say=quiet)
    path = tmp_path / "state.safetensors"
    kept = load_file(path)
    name = next(key for key in kept if key.startswith("optimizer/") and key.endswith("/mean"))
    whole = {"optimizer/0/mean": kept[name].clone(), **kept}
    partly = {key: value for key, value in kept.items() if key != name}
    for state in (whole, partly):
        save_file(state, path, metadata={"step": "4"})
        with pytest.raises(CheckpointError, match="was started by another version of diptych"):
            train(line_task(), SETTINGS, tmp_path, say=quiet)


@linux
def test_workers_change_nothing(tmp_path: Path, line_task: Any) -> None:
    train(line_task(), SETTINGS, tmp_path / "none", say=quiet)
    train(line_task(), SETTINGS, tmp_path / "two", workers=2, say=quiet)
    alone, helped = weights(tmp_path / "none"), weights(tmp_path / "two")
    assert alone.keys() == helped.keys()
    for name, value in alone.items():
        assert torch.equal(value, helped[name]), name
    assert not multiprocessing.active_children()


@linux
def test_workers_end_with_a_run_that_fails(tmp_path: Path, line_task: Any) -> None:
    with pytest.raises(TrainingDiverged, match="step 4"):
        train(line_task(corrupted_at=4), SETTINGS, tmp_path, workers=2, say=quiet)
    assert not multiprocessing.active_children()


def corrupted_in_a_worker(task: Any, corrupt: Callable[[], Any]) -> Any:
    """`task`, whose batch of step 4 is no batch: `corrupt` is called in its place."""
    batch = task.batch
    task.batch = lambda step, size: batch(step, size) if step < 4 else corrupt()
    return task


@linux
def test_a_worker_that_was_killed_is_told_of_in_a_line(tmp_path: Path, line_task: Any) -> None:
    task = corrupted_in_a_worker(line_task(), lambda: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(DiptychError, match="train line: a worker process was killed") as caught:
        train(task, SETTINGS, tmp_path, workers=1, say=quiet)
    assert "\n" not in str(caught.value) and not multiprocessing.active_children()


@linux
def test_what_a_batch_itself_raises_in_a_worker_is_raised(tmp_path: Path, line_task: Any) -> None:
    task = corrupted_in_a_worker(line_task(), lambda: torch.ones(2) @ torch.ones(3))
    with pytest.raises(RuntimeError, match="Caught RuntimeError"):
        train(task, SETTINGS, tmp_path, workers=1, say=quiet)


MINUTE = dataclasses.replace(SETTINGS, minutes=1, cooldown=0.5, log_every=10)


class Watch:
    """A clock that a task's batches turn on by a second each."""

    def __init__(self, task: Any) -> None:
        self.now = 0.0
        self.task, self._batch = task, task.batch
        task.batch = self._turned

    def __call__(self) -> float:
        return self.now

    def _turned(self, step: int, size: int) -> Any:
        self.now += 1
        return self._batch(step, size)


def test_a_run_of_a_minute_ends_before_it_and_goes_on_as_if_it_had_not_been_stopped(
    tmp_path: Path, line_task: Any
) -> None:
    said: list[str] = []
    watch = Watch(line_task())
    assert train(watch.task, MINUTE, tmp_path / "whole", clock=watch, say=said.append) is True
    assert 57 <= watch.now <= 60
    assert (tmp_path / "whole" / "progress.json").read_text().strip() == '{"step": 58}'
    assert "step 10  loss" in said[0] and said[0].endswith("1.0 steps/s  1 min left")
    assert "step 58/58" in said[-1]
    work = tmp_path / "parts"
    for steps in (20, 41):  # before and after the number of steps is known
        watch = Watch(stopped_after(line_task(), steps))
        assert train(watch.task, MINUTE, work, clock=watch, say=quiet) is False
    watch = Watch(line_task())
    said.clear()
    assert train(watch.task, MINUTE, work, clock=watch, say=said.append) is True
    assert said[0] == "line: going on from step 42 of 58"
    whole, parts = weights(tmp_path / "whole"), weights(work)
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name
    said.clear()
    assert train(line_task(), dataclasses.replace(MINUTE, minutes=2), work, say=said.append)
    assert said[1:] == ["line: its 58 steps are those of 1 minutes: --steps N changes that"]


def test_a_run_that_has_used_up_its_minutes_is_left_as_it_was(tmp_path: Path, line_task: Any) -> None:
    watch = Watch(stopped_after(line_task(), 20))
    assert train(watch.task, MINUTE, tmp_path, clock=watch, say=quiet) is False
    before = (tmp_path / "state.safetensors").read_bytes()
    with pytest.raises(InputError, match=r"already taken 0 minutes of its 0\.2: name more") as caught:
        train(line_task(), dataclasses.replace(MINUTE, minutes=0.2), tmp_path, say=quiet)
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)
    assert (tmp_path / "state.safetensors").read_bytes() == before


def test_the_state_is_saved_when_the_number_of_steps_is_known(tmp_path: Path, line_task: Any) -> None:
    watch = Watch(line_task(corrupted_at=31))
    with pytest.raises(TrainingDiverged):
        train(watch.task, MINUTE, tmp_path, clock=watch, say=quiet)
    with safe_open(tmp_path / "state.safetensors", framework="pt") as file:
        assert file.metadata() == {"step": "30", "seconds": "30.0", "steps": "58", "minutes": "1"}


@linux
def test_workers_do_not_know_when_a_run_of_a_minute_ends(tmp_path: Path, line_task: Any) -> None:
    seconds = itertools.count()
    settings = dataclasses.replace(MINUTE, minutes=0.5)
    assert train(line_task(), settings, tmp_path, workers=1, clock=lambda: float(next(seconds)), say=quiet)
    assert not multiprocessing.active_children()


def test_a_state_is_laid_out_as_the_model_is(tmp_path: Path) -> None:
    def made() -> tuple[torch.nn.Module, MuonAdamW, Average]:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
        model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        return model, MuonAdamW(model.named_parameters()), Average(model, 0.5)

    model, optimizer, average = made()
    model(torch.randn(2, 3, 5, 5)).square().sum().backward()
    optimizer.step()
    average.update(100)
    save_state(tmp_path, Reached(step=1), model, optimizer, average)
    again = made()
    assert load_state(tmp_path, *again, say=quiet) == Reached(step=1)
    weight = next(again[0].parameters())
    momentum = again[1].state[weight]["momentum"]
    assert weight.stride() == momentum.stride() == again[2].weights["0.weight"].stride()
    assert torch.equal(momentum, optimizer.state[next(model.parameters())]["momentum"])
    assert torch.equal(again[2].weights["0.weight"], average.weights["0.weight"])
    assert torch.equal(again[0].state_dict()["1.running_mean"], model.state_dict()["1.running_mean"])
