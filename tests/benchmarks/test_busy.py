"""Neighbours come and go with their runs, and the ratios are of runs that take turns."""

import os
from collections.abc import Sequence
from typing import Any

import pytest

from diptych.benchmarks import busy
from diptych.benchmarks.harness.options import Options


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_neighbours_are_there_within_the_block_alone() -> None:
    with busy.neighbours(2) as pids:
        assert len(pids) == 2 and all(map(alive, pids))
    assert not any(map(alive, pids))
    with pytest.raises(ZeroDivisionError), busy.neighbours(1) as pids:
        raise ZeroDivisionError
    assert not any(map(alive, pids))


def test_a_fair_share_is_as_much_as_anybody_has() -> None:
    assert [busy.fair(2, count) for count in range(3)] == [1.0, 1.5, 2.0]
    assert busy.fair(64, 1) == pytest.approx(65 / 64)


def test_busy_tells_how_much_longer_pictures_take(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []

    class Engine:
        def __init__(self, recipe: Any, **how: Any) -> None: ...

        def run(self, prompts: Sequence[str]) -> None:
            ran.append(len(prompts))

    monkeypatch.setattr(busy, "Engine", Engine)
    report = busy.measure(Options(prompts=100, repeats=2))
    assert set(report.figures) == {
        *("one_neighbour", "two_neighbours", "fair_one_neighbour", "fair_two_neighbours"),
        *("one_picture_one_neighbour", "one_picture_two_neighbours"),
    }
    assert ran == [2, *[1] * 6, *[24] * 6]
    assert report.details["pictures"] == 24
