"""Batches in the order of their steps, whoever prepares them."""

import contextlib
import itertools
import multiprocessing
import os
import signal
import sys
from typing import Any

import pytest
import torch

from diptych.pipelines.training.loop.batches import batches_of

CPU = torch.device("cpu")
WORKERS = [0, 2] if sys.platform == "linux" else [0]  # elsewhere a task must be picklable
linux = pytest.mark.skipif(sys.platform != "linux", reason="forks")


class Counting:
    """A batch tells its step, its size, who made it, and what that does about Ctrl-C and a polite kill."""

    def batch(self, step: int, size: int) -> dict[str, Any]:
        if step == 30:
            raise ValueError("thirty")
        kept = [signal.getsignal(number) is signal.SIG_IGN for number in (signal.SIGINT, signal.SIGTERM)]
        return {"step": torch.full((size,), step), "pid": os.getpid(), "ignores": kept, "pair": (1, "one")}


@pytest.mark.parametrize("workers", WORKERS)
def test_they_come_in_order(workers: int) -> None:
    batches = list(batches_of(Counting(), 3, range(5, 25), workers=workers, device=CPU))
    assert [batch["step"].tolist() for batch in batches] == [[step] * 3 for step in range(5, 25)]
    assert len({batch["pid"] for batch in batches}) == max(1, workers)
    assert batches[0]["pair"] == (1, "one")


@pytest.mark.parametrize("workers", WORKERS)
def test_steps_without_an_end_are_taken_until_it_is_closed(workers: int) -> None:
    with contextlib.closing(
        batches_of(Counting(), 1, itertools.count(), workers=workers, device=CPU)
    ) as batches:
        assert [int(batch["step"]) for batch in itertools.islice(batches, 3)] == [0, 1, 2]
    assert not multiprocessing.active_children()
    assert list(batches) == []


@pytest.mark.parametrize("workers", WORKERS)
def test_what_goes_wrong_is_raised_and_ends_the_workers(workers: int) -> None:
    with pytest.raises(ValueError, match="thirty"):
        list(batches_of(Counting(), 1, itertools.count(28), workers=workers, device=CPU))
    assert not multiprocessing.active_children()


@linux
def test_workers_leave_signals_to_the_trainer() -> None:
    (batch,) = batches_of(Counting(), 1, range(1), workers=1, device=CPU)
    assert batch["pid"] != os.getpid() and batch["ignores"] == [True, True]


@linux
def test_a_worker_that_is_stuck_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.1)
    batches = batches_of(Counting(), 1, itertools.count(), workers=1, device=CPU)
    stuck = next(batches)["pid"]
    os.kill(stuck, signal.SIGSTOP)
    batches.close()
    left = multiprocessing.active_children()
    for worker in left:
        worker.kill()
    assert not left


@linux
def test_workers_take_nothing_from_the_draws_of_training() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    list(batches_of(Counting(), 1, range(3), workers=1, device=CPU))
    assert torch.equal(torch.rand(3), expected)


def test_without_workers_nothing_is_made_before_it_is_asked_for() -> None:
    steps = iter(range(9))
    batches = batches_of(Counting(), 1, steps, device=CPU)
    next(batches)
    assert next(steps) == 1
