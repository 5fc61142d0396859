"""Pictures crowded with drawn things say truly what they hold."""

import random

import numpy as np
import pytest
from PIL import Image

from diptych.pipelines.pocket.art import Art
from diptych.pipelines.training.data.mosaics import (
    PLACES_OF_FOUR,
    SIDE,
    Crowd,
    crowd_of,
    ground,
    mosaic,
    one_each,
    shrunk,
)
from diptych.pipelines.training.data.painted import read_painted, write_painted
from diptych.pipelines.training.tasks.thing_finder import kinds_by_style

from ...pocket.art.conftest import art as art
from ...pocket.art.conftest import hands as hands
from ...pocket.art.conftest import kinds as kinds

CELL = SIDE / 16


def crowds(art: Art, count: int) -> list[Crowd]:
    return [mosaic(art, kinds_by_style(art), random.Random(i)) for i in range(count)]


def test_a_mosaic_is_a_function_of_its_seed(art: Art) -> None:
    (one,), (again,) = crowds(art, 1), crowds(art, 1)
    assert np.array_equal(one.pixels, again.pixels) and one.things == again.things
    assert one.pixels.shape == (SIDE, SIDE, 3) and one.pixels.dtype == np.uint8


def test_boxes_are_where_the_picture_differs_from_its_ground(art: Art) -> None:
    for crowd in crowds(art, 40):
        covered = np.zeros((SIDE, SIDE), bool)
        for thing in crowd.things:
            left, top, wide, high = (round(length * CELL) for length in thing.box)
            assert wide > CELL and high > CELL
            covered[max(0, top - 3) : top + high + 3, max(0, left - 3) : left + wide + 3] = True
        grounds = np.stack([np.asarray(ground(crowd.setting, n)) for n in range(40)])
        differs = (np.abs(grounds.astype(int) - crowd.pixels).max(-1) > 24).all(0)
        assert differs.any() and not (differs & ~covered).any()


def test_in_some_things_touch_and_none_is_without_any(art: Art) -> None:
    held = crowds(art, 60)
    assert all(crowd.things for crowd in held)
    assert {1, 2} < {len(crowd.things) for crowd in held}

    def meet(crowd: Crowd) -> bool:
        (x, y, w, h), (u, v, s, t) = (thing.box for thing in crowd.things)
        return x < u + s and u < x + w and y < v + t and v < y + h

    assert sum(len(crowd.things) == 2 and meet(crowd) for crowd in held) > 5


def test_a_scene_is_told_in_the_same_form(art: Art) -> None:
    scene = art.sample(random.Random(3), "side by side")
    crowd = crowd_of(scene, art, shrunk)
    left, right = crowd.things
    assert [left.kind, right.kind] == [thing.kind for thing in scene.things]
    assert left.box[0] + left.box[2] / 2 < 8 < right.box[0] + right.box[2] / 2
    assert crowd.setting == scene.setting and left.style == scene.style


def test_four_pictures_stand_in_the_middles_of_quarters() -> None:
    colours = [(255, 0, 0), (0, 160, 0), (0, 0, 255)]
    pictures = [(Image.new("RGBA", (40, 40), (*colour, 255)), False, 5) for colour in colours]
    seen = one_each(pictures, "plain", 0)
    at = [tuple(seen[int(y * CELL), int(x * CELL)]) for x, y in PLACES_OF_FOUR]
    assert at[:3] == colours and at[3] not in colours


def test_what_was_painted_is_kept_beside_the_drawings(art: Art) -> None:
    assert read_painted(art) == []
    kept = crowds(art, 3)
    write_painted(art, kept)
    for one, other in zip(kept, read_painted(art), strict=True):
        assert one.setting == other.setting and np.array_equal(one.pixels, other.pixels)
        assert [(t.kind, t.style, t.colour) for t in one.things] == [
            (t.kind, t.style, t.colour) for t in other.things
        ]
        for a, b in zip(one.things, other.things, strict=True):
            assert tuple(b.box) == pytest.approx(a.box)
