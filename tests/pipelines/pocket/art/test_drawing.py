import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.pipelines.pocket.art.collection import Art
from diptych.pipelines.pocket.art.drawing import render
from diptych.pipelines.pocket.art.scene import ARRANGEMENTS, SETTINGS, ArtScene, ArtThing
from diptych.pipelines.pocket.world import SceneError

SEVERAL = [name for name in ARRANGEMENTS if name != "alone"]


def shown(art: Art, scene: ArtScene, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    rendered = art.render(scene, size)
    return np.asarray(rendered.image), np.asarray(rendered.mask)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    arrangement=st.sampled_from(list(ARRANGEMENTS)),
    size=st.sampled_from([32, 64, 128]),
)
def test_every_thing_is_seen_and_boxed(art: Art, seed: int, arrangement: str, size: int) -> None:
    scene = art.sample(random.Random(seed), arrangement)
    rendered = art.render(scene, size)
    mask = np.asarray(rendered.mask)
    assert rendered.image.size == rendered.mask.size == (size, size) and rendered.image.mode == "RGB"
    assert set(np.unique(mask)) == set(range(len(scene.things) + 1))
    for number, (left, top, right, bottom) in enumerate(rendered.boxes, 1):
        rows, columns = np.nonzero(mask == number)
        assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (left, top, right, bottom)
        assert len(rows) > 0.002 * size * size


def test_pictures_repeat_and_variations_differ(art: Art) -> None:
    scene = art.sample(random.Random(3), "alone")
    again, other = ArtScene(**vars(scene)), ArtScene(**{**vars(scene), "variation": scene.variation + 1})
    np.testing.assert_array_equal(shown(art, scene)[0], shown(art, again)[0])
    assert (shown(art, scene)[0] != shown(art, other)[0]).any()


def test_things_stand_where_they_are_said_to_stand(art: Art) -> None:
    for i in range(12):
        for arrangement in SEVERAL:
            scene = art.sample(random.Random(i), arrangement)
            boxes = art.render(scene, 128).boxes
            middles = [((left + right) / 2, (top + bottom) / 2) for left, top, right, bottom in boxes]
            match arrangement:
                case "side by side" | "in a row":
                    assert middles == sorted(middles)
                case "stacked":
                    assert boxes[0][3] <= boxes[1][1]
                case "on":
                    assert middles[0][1] < middles[1][1] and boxes[0][3] > boxes[1][1] - 2
                case "in front":
                    assert boxes[0][3] > boxes[1][3] or middles[0][1] > middles[1][1]


def test_neighbours_do_not_touch(art: Art) -> None:
    for i in range(12):
        for arrangement in ("side by side", "stacked", "in a row", "group"):
            boxes = art.render(art.sample(random.Random(i), arrangement), 128).boxes
            for n, one in enumerate(boxes):
                for other in boxes[:n]:
                    apart = one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]
                    assert apart, (i, arrangement, boxes)


def test_what_is_in_front_hides_some_of_what_is_behind(art: Art) -> None:
    things = (ArtThing(kind="pin", place="front"), ArtThing(kind="crate", place="behind"))
    scene = ArtScene(things=things, setting="plain", style="emoji", arrangement="in front")
    _, mask = shown(art, scene)
    front, behind = mask == 1, mask == 2
    rows, columns = np.nonzero(behind)
    assert front[rows.min() : rows.max(), columns.min() : columns.max()].any() and behind.sum() > front.sum()


def test_a_thing_casts_a_shadow_on_the_ground_and_none_in_the_air(art: Art) -> None:
    def dark(kind: str) -> int:
        scene = ArtScene(
            things=(ArtThing(kind=kind, place="middle"),), setting="plain", style="emoji", variation=5
        )
        image, mask = shown(art, scene)
        ground = image[2, 2].astype(int)
        return int(((image.astype(int).sum(2) < ground.sum() - 40) & (mask == 0)).sum())

    assert dark("crate") > 60
    assert dark("kite") < dark("crate") / 2


def test_a_thing_has_the_colour_that_it_is_said_to_have(art: Art) -> None:
    scene = ArtScene(
        things=(ArtThing(kind="ball", colour="blue", place="middle", size="big"),),
        setting="meadow",
        style="emoji",
    )
    image, mask = shown(art, scene)
    red, _, blue = image[mask == 1].mean(0)
    assert blue > red + 60


def test_a_white_rim_sets_a_sticker_off(art: Art) -> None:
    scene = ArtScene(things=(ArtThing(kind="ball", place="middle"),), setting="night", style="sticker")
    image, mask = shown(art, scene, 256)
    (left, top, _, bottom), middle = art.render(scene, 256).boxes[0], 0
    middle = (top + bottom) // 2
    assert (image[middle, left + 1] > 225).all() and mask[middle, left + 1] == 1


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_is_drawn(art: Art, setting: str) -> None:
    scene = ArtScene(things=(ArtThing(kind="mug", place="left"),), setting=setting, style="emoji")
    image, mask = shown(art, scene, 64)
    assert len(np.unique(image[mask == 0], axis=0)) >= (1 if setting == "plain" else 4)


def test_an_unknown_hand_or_thing_or_size_is_said(art: Art) -> None:
    things = (ArtThing(kind="whale", place="left"),)
    with pytest.raises(SceneError, match="has not drawn 'whale'"):
        art.render(ArtScene(things=things, setting="plain", style="emoji"))
    with pytest.raises(SceneError, match="known: sticker, emoji"):
        art.render(ArtScene(things=things, setting="plain", style="oil"))
    with pytest.raises(ValueError, match="too small"):
        render(ArtScene(things=things, setting="plain", style="emoji"), art.hands, art.kinds, 8)
