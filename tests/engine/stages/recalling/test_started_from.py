"""Sketches of pictures that go on from one that there is: what stands there stays, what is new comes where it
may."""

import random

import numpy as np
import pytest
import torch

from diptych.engine.language.closed_vocabulary.composition import LEFT, MIDDLE, RIGHT
from diptych.engine.models.vision.picture_memory import PictureMemory
from diptych.engine.stages.judging.found_facts import PLACES
from diptych.engine.stages.recalling.places import ZONES
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


def sketched(
    memory: PictureMemory, words: str, *, seed: int, start: Start | None = None, candidate: int = 0
) -> np.ndarray:
    request = Request(prompt=words, seed=seed, start=start, candidate=candidate)
    plan = Plan(request=request, prompt=words, facts=())
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


BLUE = (20, 60, 220)


@pytest.mark.parametrize(
    ("now", "colour"), [("a bus, in a meadow", COLOURS["bus"]), ("a blue bus, in a meadow", BLUE)]
)
def test_a_thing_of_any_size_is_found_again_and_keeps_it(
    memory: PictureMemory, now: str, colour: tuple[int, int, int]
) -> None:
    for first in range(12):
        before = sketched(memory, "a bus, in a meadow", seed=first)
        start = Start(picture=painted(before), strength=0.5)
        after = sketched(memory, now, seed=first + 1, start=start)
        assert box_of(after, colour) == box_of(before, COLOURS["bus"])


def test_what_stays_stays_as_it_is_where_something_is_added(memory: PictureMemory) -> None:
    for first in range(12):
        before = sketched(memory, "a bus on the left, in a meadow", seed=first)
        start = Start(picture=painted(before), strength=0.5)
        after = sketched(memory, "a bus beside a cactus, in a meadow", seed=first + 1, start=start)
        assert box_of(after, COLOURS["bus"]) == box_of(before, COLOURS["bus"])
        assert box_of(after, COLOURS["bus"])[2] <= box_of(after, COLOURS["cactus"])[0] + 1


@pytest.mark.parametrize("was_on", ZONES)
@pytest.mark.parametrize("is_on", ZONES)
def test_what_moves_keeps_its_size_and_its_foot(memory: PictureMemory, was_on: str, is_on: str) -> None:
    words = {"left": "on the left", "middle": "in the middle", "right": "on the right"}
    for first in range(12):
        before = sketched(memory, f"a bus {words[was_on]}, in a meadow", seed=first)
        start = Start(picture=painted(before), strength=0.5)
        after = sketched(memory, f"a bus {words[is_on]}, in a meadow", seed=first + 1, start=start)
        (left, top, right, bottom), was = box_of(after, COLOURS["bus"]), box_of(before, COLOURS["bus"])
        assert (right - left, top, bottom) == (was[2] - was[0], was[1], was[3])
        assert ZONES[is_on][0] < (left + right) / 2 < ZONES[is_on][1]
        assert (left == was[0]) == (was_on == is_on)


def test_the_zones_are_those_that_are_judged() -> None:
    assert {LEFT: ZONES["left"], MIDDLE: ZONES["middle"], RIGHT: ZONES["right"]} == PLACES


def test_candidates_have_one_sketch_where_a_picture_goes_on(memory: PictureMemory) -> None:
    before = sketched(memory, "a bus, in a meadow", seed=0)
    words = "a cactus above a bus, in a meadow"
    for start in (
        Start(picture=painted(before), mask=mask(2, 0, 14, 16)),
        Start(picture=painted(before), strength=0.5),
    ):
        first, *others = (sketched(memory, words, seed=3, start=start, candidate=i) for i in range(5))
        assert all(np.array_equal(first, other) for other in others)
    several = {sketched(memory, words, seed=3, candidate=i).tobytes() for i in range(5)}
    assert len(several) > 1


def test_what_stood_above_another_thing_stands_on_the_ground_without_it(memory: PictureMemory) -> None:
    before = sketched(memory, "a bus above a cactus, in a meadow", seed=0)
    assert box_of(before, COLOURS["bus"])[3] <= 8
    start = Start(picture=painted(before), strength=0.5)
    after = box_of(sketched(memory, "a bus, in a meadow", seed=1, start=start), COLOURS["bus"])
    assert after[3] == 14


def test_what_is_new_is_as_large_as_usual_where_a_picture_goes_on(memory: PictureMemory) -> None:
    start = Start(picture=painted(sketched(memory, "a giraffe, in a meadow", seed=0)), strength=0.5)
    boxes = [
        box_of(sketched(memory, "a bus, in a meadow", seed=n, start=start), COLOURS["bus"]) for n in range(9)
    ]
    assert {(right - left, bottom) for left, _, right, bottom in boxes} == {(7, 14)}


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
