"""Whether wishes are compared that are the same."""

import random

import pytest

from diptych.pipelines.evaluation.recalled.languages import (
    SETS,
    plans_of,
    same_pictures,
    same_plans,
    spoken,
    typed,
)
from diptych.pipelines.pocket.art import LANGUAGES, ArtScene, known_kinds, sample_scene
from diptych.pipelines.text_to_image import TextToImage

WISH = {
    "en": "a red dog in a park", "zh": "一只红色的狗在公园里", "es": "un perro rojo en el parque",
    "fr": "un chien rouge dans un parc", "de": "ein roter Hund im Park", "ja": "公園にいる赤い犬",
    "pt": "um cachorro vermelho no parque", "hi": "पार्क में एक लाल कुत्ता",
}  # fmt: skip


@pytest.fixture(scope="module")
def pipe() -> TextToImage:
    return TextToImage.from_recipe("atlas", deterministic=True)


def test_every_wish_is_said_in_every_language() -> None:
    for wish in [*spoken(3), *(wish for name in SETS for wish in typed(name))]:
        assert {*wish} == {*LANGUAGES} and all(wish.values())
    assert len({wish["en"] for name in SETS for wish in typed(name)}) == sum(map(len, map(typed, SETS)))


def test_spoken_wishes_say_all_of_their_scenes(pipe: TextToImage) -> None:
    wishes = spoken(12)
    scenes = [sample_scene_of(i) for i in range(12)]
    for plan, scene in zip(plans_of(pipe, [wish["ja"] for wish in wishes]), scenes, strict=True):
        assert plan is not None and not plan.left_out
        assert all(not thing.colour or thing.colour in plan.prompt for thing in scene.things), plan.prompt


def sample_scene_of(i: int) -> ArtScene:
    return sample_scene(random.Random(f"wishes/{i}"), known_kinds(), ("sticker",))


def test_a_wish_that_is_read_otherwise_is_not_the_same(pipe: TextToImage) -> None:
    wishes = [WISH, {**WISH, "de": "ein blauer Hund im Park", "hi": "xyz"}]
    plans = {language: plans_of(pipe, [wish[language] for wish in wishes]) for language in LANGUAGES}
    assert plans["hi"][1] is None
    same = same_plans(plans)
    assert {name: truths for name, truths in same.items() if truths != [True, True]} == {
        "de": [True, False],
        "hi": [True, False],
    }


def test_one_plan_is_one_picture(pipe: TextToImage) -> None:
    assert str(same_pictures(pipe, [WISH])).startswith("1/1")
    assert str(same_pictures(pipe, [{**WISH, "de": "ein blauer Hund im Park"}])).startswith("0/1")
