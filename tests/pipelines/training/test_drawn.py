"""Pictures that are kept once they are drawn are those that are drawn anew each time."""

import os
from collections import namedtuple
from pathlib import Path

import pytest
import torch

from diptych import InputError
from diptych.pipelines.training import drawn
from diptych.pipelines.training.data import WorldData
from diptych.pipelines.training.drawn import DrawnPictures

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


def test_a_picture_is_drawn_once_by_all_that_look(tmp_path: Path) -> None:
    asked: list[int] = []
    world = WorldData(count=8)

    def draw(number: int):
        asked.append(number)
        batch = world.take([number], 32)
        return batch.pixels[0].numpy(), batch.masks[0].numpy()

    first = DrawnPictures(tmp_path, 8, side=32, draw=draw)
    asked.clear()
    for number in INDICES:
        first[number]
    assert asked == [3, 0, 7]
    later = DrawnPictures(tmp_path, 8, side=32, draw=draw)  # looks at one, to know the world
    assert asked == [3, 0, 7, 0] and (later[7][0] == first[7][0]).all()
    larger = DrawnPictures(tmp_path, 12, side=32, draw=draw)
    larger[7]
    larger[11]
    assert asked == [3, 0, 7, 0, 0, 11]


def test_pictures_of_another_world_are_not_mixed_in(tmp_path: Path) -> None:
    import numpy as np

    for value in (10, 20):
        flat = np.full((16, 16, 3), value, dtype=np.uint8), np.zeros((16, 16), dtype=np.uint8)
        pictures = DrawnPictures(tmp_path, 2, side=16, draw=lambda _, flat=flat: flat)
        assert int(pictures[1][0][0, 0, 0]) == value


def test_a_disk_without_room_is_refused_before_any_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(drawn.shutil, "disk_usage", lambda _: usage(10**9, 0, 10**6))
    with pytest.raises(InputError, match=r"8 drawn pictures need 0\.0 GiB more, 0\.0 are free: leave out"):
        WorldData(count=8).keeping(tmp_path)
    assert sum(os.stat(path).st_blocks for path in tmp_path.rglob("*.u8")) == 0
