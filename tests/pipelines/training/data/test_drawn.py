"""Pictures that are kept once they are drawn are those that are drawn anew each time."""

import os
import signal
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from diptych import DiptychError, InputError
from diptych.pipelines.training.data import drawn
from diptych.pipelines.training.data.drawn import DrawnPictures
from diptych.pipelines.training.data.source import WorldData

INDICES = [3, 0, 7, 3]


def test_kept_pictures_are_those_that_are_drawn(tmp_path: Path) -> None:
    world = WorldData(count=8)
    kept = world.keeping(tmp_path)
    for _ in range(2):  # drawn, and read
        for side in (256, 64):
            fresh, read = world.take(INDICES, side), kept.take(INDICES, side)
            assert torch.equal(fresh.pixels, read.pixels) and torch.equal(fresh.masks, read.masks)
            assert fresh.scenes == read.scenes
    assert kept.held_out().drawn is None


def flat(value: int) -> drawn.Drawing:
    return np.full((16, 16, 3), value, dtype=np.uint8), np.zeros((16, 16), dtype=np.uint8)


def kept_in(
    folder: Path, draw: Callable[[int], drawn.Drawing], count: int = 8, scene=lambda _: ""
) -> DrawnPictures:
    return DrawnPictures(folder, count, side=16, draw=draw, scene=scene)


class Drawing:
    """Draws numbers, and remembers which it was asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, number: int) -> drawn.Drawing:
        self.asked.append(number)
        return flat(number)


def test_a_picture_is_drawn_once_by_all_that_look(tmp_path: Path) -> None:
    draw = Drawing()
    first = kept_in(tmp_path, draw, 50)
    draw.asked.clear()
    for number in INDICES:
        first[number]
    assert draw.asked == [3, 0, 7]
    later = kept_in(tmp_path, draw, 50)
    larger = kept_in(tmp_path, draw, 60)
    draw.asked.clear()
    assert (later[7][0] == first[7][0]).all() and (larger[7][0] == first[7][0]).all()
    larger[55]
    assert draw.asked == [55]


def test_pictures_of_another_world_are_not_mixed_in(tmp_path: Path) -> None:
    pictures = kept_in(tmp_path, lambda number: flat(0))
    assert [int(pictures[i][0].max()) for i in range(8)] == [0] * 8
    other = kept_in(tmp_path, lambda number: flat(int(number == 5)))
    assert [int(other[i][0].max()) for i in range(8)] == [0, 0, 0, 0, 0, 1, 0, 0]
    kept_in(tmp_path, lambda number: flat(0), scene=lambda number: number == 7)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_number_beyond_those_that_are_kept_is_drawn(tmp_path: Path) -> None:
    world = WorldData(count=2)
    kept, fresh = world.keeping(tmp_path).take([1, 3], 64), world.take([1, 3], 64)
    assert torch.equal(kept.pixels, fresh.pixels) and kept.scenes == fresh.scenes


def test_what_another_process_made_larger_meanwhile_is_not_made_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fcntl")

    def others_were_first(file, _: int) -> None:
        os.truncate(file.name, 10_000)

    monkeypatch.setattr("fcntl.flock", others_were_first)
    kept_in(tmp_path, flat)
    assert {path.stat().st_size for path in tmp_path.rglob("*.u8")} == {10_000}


linux = pytest.mark.skipif(sys.platform != "linux", reason="forks")


@linux
def test_what_was_drawn_ahead_is_not_drawn_again(tmp_path: Path) -> None:
    draw = Drawing()
    pictures = kept_in(tmp_path, draw)
    draw.asked.clear()
    pictures.draw_ahead(6, processes=2)
    assert [int(pictures[number][0].max()) for number in range(8)] == list(range(8))
    assert draw.asked == [6, 7]


@linux
def test_a_process_that_was_killed_while_it_drew_is_told_of(tmp_path: Path) -> None:
    here = os.getpid()

    def draw(number: int) -> drawn.Drawing:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return flat(number)

    pictures = kept_in(tmp_path, draw)
    with pytest.raises(DiptychError, match="was killed") as caught:
        pictures.draw_ahead(6, processes=2)
    assert "\n" not in str(caught.value)


@linux
def test_drawing_ends_with_who_asked_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = Drawing()
    pictures = kept_in(tmp_path, draw)
    draw.asked.clear()
    monkeypatch.setattr(os, "getppid", lambda: 1)  # as where that one is gone
    pictures.draw_ahead(6, processes=2)
    pictures[3]
    assert draw.asked == [3]


def test_a_disk_without_room_is_refused_before_any_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**9, 0, 10**6))
    with pytest.raises(InputError, match=r"8 drawn pictures need 0\.0 GiB more, 0\.0 are free: leave out"):
        WorldData(count=8).keeping(tmp_path)
    assert sum(os.stat(path).st_blocks for path in tmp_path.rglob("*.u8")) == 0
