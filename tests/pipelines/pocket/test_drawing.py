"""Drawing the world: pictures repeat, every word can be drawn, masks and boxes are right, nothing touches."""

import itertools
import random
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageFilter

from diptych.pipelines.pocket.world.drawing.backgrounds import BACKGROUNDS
from diptych.pipelines.pocket.world.drawing.picture import render
from diptych.pipelines.pocket.world.drawing.style_renderers import STYLE_RENDERERS
from diptych.pipelines.pocket.world.drawing.things import LOOKS
from diptych.pipelines.pocket.world.scene import (
    ARRANGEMENTS,
    COLOURS,
    KINDS,
    PLACES,
    SETTINGS,
    STYLES,
    Scene,
    Thing,
    sample_scene,
)

LINES = ("black", "white")  # of lines, wheels and rims
SEVERAL = tuple(name for name in ARRANGEMENTS if name != "alone")


def alone(kind: str, colour: str, setting: str, style: str = "flat", *, variation: int = 0) -> Scene:
    thing = Thing(kind=kind, colour=colour, size="medium", place="middle")
    return Scene(things=(thing,), setting=setting, style=style, variation=variation)


def every_style_and_arrangement(seed: int, times: int = 1) -> Iterator[Scene]:
    rng = random.Random(seed)
    for _ in range(times):
        for style in STYLES:
            for arrangement in ARRANGEMENTS:
                yield sample_scene(rng, arrangement, style=style)


def pixels(scene: Scene, size: int = 96) -> np.ndarray:
    return np.asarray(render(scene, size).image).astype(int)


def test_every_word_of_the_vocabulary_can_be_drawn() -> None:
    assert set(KINDS) == set(LOOKS)
    assert set(SETTINGS) == set(BACKGROUNDS)
    assert set(STYLES) == set(STYLE_RENDERERS)


def test_the_same_scene_gives_the_same_bytes() -> None:
    for scene, again in zip(every_style_and_arrangement(0), every_style_and_arrangement(0), strict=True):
        one, two = render(scene, 96), render(again, 96)
        assert one.image.tobytes() == two.image.tobytes()
        assert one.mask.tobytes() == two.mask.tobytes() and one.boxes == two.boxes


@pytest.mark.parametrize("style", STYLES)
def test_no_two_variations_of_a_kind_are_alike(style: str) -> None:
    for kind in KINDS:
        shapes = {render(alone(kind, "red", "snow", style, variation=v), 96).mask.tobytes() for v in range(4)}
        assert len(shapes) == 4, f"two of four {kind}s have one outline"


@pytest.mark.parametrize("size", [16, 48, 256])
def test_picture_mask_and_boxes_agree(size: int) -> None:
    for scene in every_style_and_arrangement(1):
        drawn = render(scene, size)
        assert drawn.image.size == drawn.mask.size == (size, size)
        assert (drawn.image.mode, drawn.mask.mode) == ("RGB", "L")
        mask = np.asarray(drawn.mask)
        assert set(np.unique(mask)) == set(range(len(scene.things) + 1))
        for label, box in enumerate(drawn.boxes, start=1):
            rows, columns = np.nonzero(mask == label)
            assert box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            assert 0.01 < len(rows) / size**2 < 0.5


def test_a_mask_covers_the_thing_and_nothing_else() -> None:
    for style in STYLES:
        for kind in KINDS:
            drawn = render(alone(kind, "red", "underwater", style), 96)
            image, mask = np.asarray(drawn.image).astype(int), np.asarray(drawn.mask) > 0
            reddish = image[..., 0] > image[..., 1] + 70
            inside = np.asarray(drawn.mask.point(lambda v: v * 255).filter(ImageFilter.MaxFilter(5))) > 0
            if style == "watercolour":  # its rim is bare paper
                reddish[:6], reddish[-6:], reddish[:, :6], reddish[:, -6:] = False, False, False, False
            assert not (reddish & ~inside).any(), f"{kind}, {style}: red outside of the mask"
            assert (reddish & mask).sum() > 0.3 * mask.sum(), f"{kind}, {style}"


@pytest.mark.parametrize("arrangement", SEVERAL)
def test_things_stand_where_their_places_say_and_never_touch(arrangement: str) -> None:
    rng = random.Random(2)
    for _ in range(60):
        scene = sample_scene(rng, arrangement)
        drawn = render(scene, 96)
        centres = [((left + right) / 2, (top + bottom) / 2) for left, top, right, bottom in drawn.boxes]
        if arrangement == "stacked":
            assert centres[0][1] < centres[1][1] - 96 / 4
        else:
            upper = centres[:2] if len(centres) == 4 else centres
            assert all(a[0] < b[0] - 96 / 5 for a, b in itertools.pairwise(upper))
        assert_apart(drawn.mask, len(scene.things), scene)


@pytest.mark.parametrize("style", STYLES)
def test_the_widest_things_have_a_gap_between_them_in_every_style(style: str) -> None:
    for kind in ("car", "fish", "snail", "train", "boat"):
        for count in (2, 3, 4):
            for variation in range(4):
                things = (Thing(kind=kind, colour="blue"),) * count
                scene = Scene(
                    things=things, setting="city", style=style, arrangement="group", variation=variation
                )
                assert_apart(render(scene, 128).mask, count, scene)


def assert_apart(mask: Image.Image, count: int, scene: Scene) -> None:
    """At least one pixel of background between any two things of a mask."""
    labels = np.asarray(mask).astype(int)
    for shifted in (labels[1:], labels[:, 1:], labels[1:, 1:]):
        first = labels[: shifted.shape[0], : shifted.shape[1]]
        assert not ((first != shifted) & (first > 0) & (shifted > 0)).any(), scene
    assert len(np.unique(labels)) == count + 1


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_thing_is_mainly_in_its_colour(kind: str, style: str) -> None:
    for name in COLOURS:
        drawn = render(alone(kind, name, "snow", style), 96)
        inside = np.asarray(drawn.image).astype(int)[np.asarray(drawn.mask) == 1]
        distances = np.stack([np.abs(inside - np.array(rgb)).max(axis=1) for rgb in COLOURS.values()])
        nearest = np.where(distances.min(axis=0) < 48, distances.argmin(axis=0), len(COLOURS))
        shares = dict(zip(COLOURS, np.bincount(nearest, minlength=11) / len(inside), strict=False))
        assert shares[name] > 0.22, f"{shares[name]:.0%} of a {name} {kind} in {style} is {name}"
        rivals = {other: share for other, share in shares.items() if other not in (name, *LINES)}
        rival = max(rivals, key=lambda other: rivals[other])
        assert rivals[rival] < 0.6 * shares[name], f"a {name} {kind} in {style} could be {rival}"


@pytest.mark.parametrize("style", STYLES)
def test_settings_are_told_apart_in_every_style(style: str) -> None:
    views = {
        setting: [pixels(alone("cup", "red", setting, style, variation=v), 32) for v in (1, 2)]
        for setting in SETTINGS
    }
    for setting, (one, two) in views.items():
        own = np.abs(one - two).mean()
        others = [np.abs(one - views[other][0]).mean() for other in SETTINGS if other != setting]
        assert own < min(others), f"{setting} in {style} is nearer to another setting than to itself"


def test_styles_are_told_apart_in_every_setting() -> None:
    for setting in SETTINGS:
        views = {style: pixels(alone("house", "orange", setting, style), 128) for style in STYLES}
        for style, one in views.items():
            for other, two in views.items():
                assert style == other or np.abs(one - two).mean() > 2.5, f"{style} and {other}, {setting}"


def test_pixel_pictures_are_made_of_blocks() -> None:
    picture = pixels(alone("cat", "black", "beach", "pixel"), 256)
    blocks = picture.reshape(32, 8, 32, 8, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()


def test_a_smaller_picture_shows_the_same_scene() -> None:
    for scene in every_style_and_arrangement(3):
        large = np.asarray(render(scene, 256).image.reduce(4)).astype(int)
        assert np.abs(large - pixels(scene, 64)).mean() < 8, scene


def test_a_thing_alone_stands_at_its_place() -> None:
    rng = random.Random(4)
    for _ in range(60):
        scene = sample_scene(rng, "alone")
        left, _, right, _ = render(scene, 96).boxes[0]
        third = (left + right) / 2 / 96
        expected = PLACES.index(scene.things[0].place)
        assert min(range(3), key=lambda i: abs(third - (0.30, 0.5, 0.70)[i])) == expected


def test_a_picture_too_small_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="15 px is too small"):
        render(alone("cat", "red", "snow"), 15)
