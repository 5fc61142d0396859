"""Things stand on the grid of the image tokens, so that a drawing is the same patches wherever it stands."""

import random
from collections import defaultdict

import numpy as np
import pytest

from diptych.pipelines.pocket.art.collection import Art
from diptych.pipelines.pocket.art.layout import CELLS, places_of
from diptych.pipelines.pocket.art.scene import ARRANGEMENTS, ArtScene, ArtThing

SIDE, CELL = 256, 16


def alone(variation: int, size: str, place: str) -> ArtScene:
    thing = ArtThing(kind="wagon", colour="blue", size=size, place=place)
    return ArtScene(things=(thing,), setting="plain", style="emoji", variation=variation)


def test_a_thing_is_the_same_patches_wherever_it_stands(art: Art) -> None:
    looks, places = defaultdict[tuple[str, bytes], set[bytes]](set), set[tuple[int, int]]()
    for i in range(40):
        for size in ("small", "medium", "big"):
            rendered = art.render(alone(i, size, ("left", "middle", "right")[i % 3]), SIDE)
            left, top, right, bottom = rendered.boxes[0]
            first = left // CELL * CELL, top // CELL * CELL
            image = np.asarray(rendered.image)
            things = np.where(np.asarray(rendered.mask)[..., None] > 0, image, 0)
            looks[size, image[0, 0].tobytes()].add(things[first[1] : bottom, first[0] : right].tobytes())
            places.add((left, top))
            assert bottom % CELL == 0
    assert len(looks) >= 3 and all(len(seen) == 1 for seen in looks.values())
    assert len(places) > 10


@pytest.mark.parametrize("arrangement", list(ARRANGEMENTS))
def test_everything_fits_into_its_place_and_the_frame(art: Art, arrangement: str) -> None:
    for i in range(20):
        scene = art.sample(random.Random(i), arrangement)
        places = places_of(scene)
        assert len(places) == len(scene.things)
        for place in places:
            for floats in (False, True):
                left, top = place.box(place.side, place.side, random.Random(i), floats=floats)
                assert 0 <= left <= CELLS - place.side and 0 <= top <= CELLS - place.side
