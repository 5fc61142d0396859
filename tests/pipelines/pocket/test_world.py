"""The illustrated world: pictures repeat, the split holds, and words are true of their scene."""

import random
import re

import numpy as np
import pytest

from diptych.pipelines.pocket.world import (
    COLOURS,
    KINDS,
    SETTINGS,
    WORDS,
    Scene,
    SceneError,
    Thing,
    caption_of,
    facts_of,
    false_facts_of,
    is_held_out,
    prompt_of,
    render,
    sample_scene,
)
from diptych.pipelines.pocket.world.settings import BACKGROUNDS
from diptych.pipelines.pocket.world.things import LOOKS
from diptych.pipelines.pocket.world.words import (
    COLOUR_WORDS,
    KIND_WORDS,
    PLACE_WORDS,
    SETTING_WORDS,
    SIZE_WORDS,
)


def scenes(count: int, *, seed: int = 0, two_things: float = 0.5) -> list[Scene]:
    rng = random.Random(seed)
    return [sample_scene(rng, two_things) for _ in range(count)]


def alone(kind: str, colour: str = "red", setting: str = "meadow") -> Scene:
    return Scene(things=(Thing(kind=kind, colour=colour, size="medium", place="middle"),), setting=setting)


def says(text: str, phrase: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", text) is not None


def test_every_word_of_the_vocabulary_can_be_drawn_and_said() -> None:
    assert set(KINDS) == set(LOOKS) == set(KIND_WORDS)
    assert set(SETTINGS) == set(BACKGROUNDS) == set(SETTING_WORDS)
    assert set(COLOURS) == set(COLOUR_WORDS)


def test_the_same_scene_gives_the_same_picture() -> None:
    for scene, again in zip(scenes(10), scenes(10), strict=True):
        one, two = render(scene, 96), render(again, 96)
        assert one.image.tobytes() == two.image.tobytes()
        assert one.mask.tobytes() == two.mask.tobytes() and one.boxes == two.boxes


def test_another_variation_gives_another_picture_of_the_same_scene() -> None:
    scene = scenes(1)[0]
    other = Scene(things=scene.things, setting=scene.setting, variation=scene.variation + 1)
    assert render(scene, 64).image.tobytes() != render(other, 64).image.tobytes()


@pytest.mark.parametrize("size", [32, 64, 256])
def test_picture_mask_and_boxes_agree(size: int) -> None:
    for scene in scenes(30):
        drawn = render(scene, size)
        assert drawn.image.size == drawn.mask.size == (size, size) and drawn.image.mode == "RGB"
        mask = np.asarray(drawn.mask)
        assert set(np.unique(mask)) == set(range(len(scene.things) + 1))
        for label, (left, top, right, bottom) in enumerate(drawn.boxes, start=1):
            rows, columns = np.nonzero(mask == label)
            assert (left, top, right, bottom) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            assert 0.01 < len(rows) / size**2 < 0.5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("colour", COLOURS)
def test_a_thing_is_mainly_in_its_colour(kind: str, colour: str) -> None:
    drawn = render(alone(kind, colour, "snow"), 256)
    pixels = np.asarray(drawn.image).astype(int)[np.asarray(drawn.mask) == 1]
    near = np.abs(pixels - np.array(COLOURS[colour])).max(axis=1) < 64
    assert near.mean() > 0.42, f"{near.mean():.0%} of a {colour} {kind}, outline counted, is {colour}"


def test_a_smaller_picture_shows_the_same_scene() -> None:
    for scene in scenes(10):
        large = np.asarray(render(scene, 256).image.reduce(4)).astype(int)
        small = np.asarray(render(scene, 64).image).astype(int)
        assert np.abs(large - small).mean() < 6


def test_training_and_held_out_scenes_share_no_triple() -> None:
    rng = random.Random(0)
    for held_out in (False, True):
        for _ in range(2000):
            scene = sample_scene(rng, 0.5, held_out=held_out)
            assert all(is_held_out(t.kind, t.colour, scene.setting) == held_out for t in scene.things)


def test_about_a_tenth_is_held_out_in_every_setting() -> None:
    for setting in SETTINGS:
        assert 5 <= sum(is_held_out(kind, colour, setting) for kind in KINDS for colour in COLOURS) <= 18


def test_two_things_differ_in_kind_and_colour() -> None:
    pairs = [scene.things for scene in scenes(1000, two_things=1.0)]
    assert all(a.kind != b.kind and a.colour != b.colour for a, b in pairs)


def test_a_scene_outside_the_world_is_refused() -> None:
    cat = Thing(kind="cat", colour="red", size="small", place="left")
    with pytest.raises(SceneError, match="unknown kind 'dog'"):
        Thing(kind="dog", colour="red", size="small", place="left")
    with pytest.raises(SceneError, match="unknown setting"):
        Scene(things=(cat,), setting="moon")
    for spoiled in ({"colour": "red"}, {"kind": "cat"}, {"place": "left"}, {"size": "big"}):
        values = {"kind": "cup", "colour": "blue", "size": "small", "place": "right", **spoiled}
        with pytest.raises(SceneError):
            Scene(things=(cat, Thing(**values)), setting="snow")
    with pytest.raises(SceneError, match="one or two things"):
        Scene(things=(), setting="snow")


def test_the_prompt_is_the_canonical_wording() -> None:
    boat = Thing(kind="boat", colour="red", size="big", place="left")
    assert prompt_of(Scene(things=(boat,), setting="sunset")) == "a big red boat on the left, at sunset"
    assert prompt_of(alone("umbrella", "orange", "snow")) == "an orange umbrella in the middle, in the snow"
    pair = (
        Thing(kind="boat", colour="red", size="small", place="left"),
        Thing(kind="house", colour="blue", size="medium", place="right"),
    )
    expected = "a small red boat on the left and a blue house on the right, in a meadow"
    assert prompt_of(Scene(things=pair, setting="meadow")) == expected


def test_true_facts_can_be_read_off_the_prompt_and_false_ones_are_not_true() -> None:
    rng = random.Random(1)
    for scene in scenes(500):
        true, false = facts_of(scene), false_facts_of(scene, rng)
        assert [kind for kind, _ in true] == [kind for kind, _ in false]
        assert not set(true) & set(false)
        for kind, text in true:
            words = set(text.split()) - {"a", "an", "one", "two", "thing", "things"}
            assert kind == "count" or words <= set(re.findall(r"\w+", prompt_of(scene)))


def test_false_colours_are_swapped_about_half_of_the_time() -> None:
    rng = random.Random(2)
    swapped = 0
    pairs = scenes(500, two_things=1.0)
    for scene in pairs:
        first, second = scene.things
        swapped += any(text.endswith(f"{second.colour} {first.kind}") for _, text in false_facts_of(scene, rng))
    assert 0.45 < swapped / len(pairs) < 0.70


def test_a_caption_never_says_a_wrong_value() -> None:
    rng = random.Random(3)
    for scene in scenes(3000):
        caption = caption_of(scene, rng)
        true: set[str] = {scene.setting}
        for thing in scene.things:
            true |= {thing.kind, thing.colour, thing.size, thing.place}
            assert any(says(caption, word) for word in KIND_WORDS[thing.kind])
        for table in (KIND_WORDS, COLOUR_WORDS, SIZE_WORDS, PLACE_WORDS, SETTING_WORDS):
            for value, ways in table.items():
                assert value in true or not any(says(caption, way) for way in (value, *ways)), (caption, value)


def test_a_caption_keeps_each_colour_and_place_with_its_thing() -> None:
    rng = random.Random(4)
    seen = 0
    for scene in scenes(1500, two_things=1.0):
        caption = caption_of(scene, rng)
        for thing, other in (scene.things, scene.things[::-1]):
            for noun in KIND_WORDS[thing.kind]:
                for colour in COLOUR_WORDS[other.colour]:
                    for wrong in (f"{colour} {noun}", f"{noun} in {colour}", f"{noun} that is {colour}"):
                        assert not says(caption, wrong), caption
                for place in PLACE_WORDS[other.place]:
                    wrong_place = re.search(rf"\b{noun} {place}(?! of)\b", caption)
                    assert wrong_place is None, caption
                    seen += 1
    assert seen > 0


def test_captions_come_in_many_wordings_of_known_words() -> None:
    rng = random.Random(5)
    scene = Scene(things=(Thing(kind="boat", colour="red", size="big", place="left"),), setting="sunset")
    assert len({caption_of(scene, rng) for _ in range(20000)}) > 3000
    assert {"kitten", "crimson", "huge", "seaside", "dusk", "snowy"} <= WORDS and "the" not in WORDS
