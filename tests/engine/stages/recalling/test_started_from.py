"""Sketches of pictures that go on from one that there is: what stands there stays, what is new comes where it
may."""

import random

import numpy as np
import pytest
import torch

from diptych.engine.models.vision.picture_memory import PictureMemory
from diptych.engine.stages.recalling.recall import sketch_of
from diptych.engine.stages.recalling.started_from import ground_of
from diptych.engine.values import Plan, Request
from diptych.engine.values.start import Start

from .test_recall import COLOURS, SIZE, box_of, write

BEFORE = "a giraffe on the left and a cactus on the right, in a meadow"
GROUND = (90, 140, 210)


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> PictureMemory:
    return PictureMemory.from_pretrained(write(tmp_path_factory.mktemp("memory")))


def sketched(memory: PictureMemory, words: str, *, seed: int, start: Start | None = None) -> np.ndarray:
    plan = Plan(request=Request(prompt=words, seed=seed, start=start), prompt=words, facts=())
    sketch = sketch_of(0, plan, memory)
    assert sketch is not None
    return sketch.pixels.numpy()


def painted(sketch: np.ndarray) -> torch.Tensor:
    """A picture with its things, on one colour."""
    share = sketch[..., 3:] / 255
    return torch.from_numpy((sketch[..., :3] * share + np.array(GROUND) * (1 - share)).round().astype(np.uint8))


def mask(left: int, top: int, right: int, bottom: int) -> torch.Tensor:
    """Where something may change, in cells."""
    cells = torch.zeros(16, 16, dtype=torch.bool)
    cells[top:bottom, left:right] = True
    return cells.repeat_interleave(SIZE // 16, 0).repeat_interleave(SIZE // 16, 1)


def elsewhere(memory: PictureMemory, words: str, than: np.ndarray, colour: str) -> int:
    """A seed that lays a thing elsewhere, if no picture goes on."""
    drawn = COLOURS[colour]
    seeds = (n for n in range(20) if box_of(sketched(memory, words, seed=n), drawn) != box_of(than, drawn))
    return next(seeds)


def test_what_stands_in_the_picture_stays_where_it_stands(memory: PictureMemory) -> None:
    before = sketched(memory, BEFORE, seed=0)
    seed = elsewhere(memory, BEFORE, before, "giraffe")
    start = Start(picture=painted(before), strength=0.5)
    assert np.array_equal(sketched(memory, BEFORE, seed=seed, start=start), before)
    anew = Start(picture=painted(before))  # of which nothing stays
    assert not np.array_equal(sketched(memory, BEFORE, seed=seed, start=anew), before)


def test_a_thing_in_another_colour_stands_where_it_stood(memory: PictureMemory) -> None:
    words, blue, drawn_blue = (
        "a bus on the left, in a meadow",
        "a blue bus on the left, in a meadow",
        (20, 60, 220),
    )
    before = sketched(memory, words, seed=0)
    start = Start(picture=painted(before), strength=0.5)
    seed = elsewhere(memory, words, before, "bus")
    there = box_of(sketched(memory, blue, seed=seed, start=start), drawn_blue)
    assert there == box_of(before, COLOURS["bus"]) != box_of(sketched(memory, blue, seed=seed), drawn_blue)


def test_a_thing_that_is_to_stand_elsewhere_does(memory: PictureMemory) -> None:
    before = sketched(memory, "a cactus on the left, in a meadow", seed=0)
    start = Start(picture=painted(before), strength=0.5)
    after = box_of(
        sketched(memory, "a cactus on the right, in a meadow", seed=0, start=start), COLOURS["cactus"]
    )
    assert after[0] >= 6


def test_what_is_new_comes_where_the_mask_allows_a_change(memory: PictureMemory) -> None:
    picture = painted(sketched(memory, BEFORE, seed=0))
    start = Start(picture=picture, mask=mask(1, 9, 6, 14))
    after = sketched(memory, "a bus in the middle, in a meadow", seed=0, start=start)
    left, top, right, bottom = box_of(after, COLOURS["bus"])
    assert left >= 1 and top >= 9 and right <= 6 and bottom <= 14


def test_what_is_shown_already_is_not_laid_again_where_the_picture_gets_room(memory: PictureMemory) -> None:
    whole = painted(sketched(memory, "a cactus in the middle, in a meadow", seed=0))
    start = Start(
        picture=whole, mask=~mask(3, 3, 13, 13), lean=1.0, shows="a giraffe in the middle, in a meadow"
    )
    assert not sketched(memory, "a giraffe in the middle, in a meadow", seed=0, start=start)[..., 3].any()


def test_a_plain_ground_stays_what_it_is() -> None:
    colours, grey = [(250, 250, 250), (118, 121, 119), (0, 0, 0)], np.full((8, 8, 3), 120, np.uint8)
    assert all(ground_of(colours, grey, random.Random(seed)) == colours[1] for seed in range(8))
    assert {ground_of(colours, None, random.Random(seed)) for seed in range(20)} == {*colours}
