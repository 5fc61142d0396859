"""What is said of scenes: facts, false facts, prompts and captions, in English and in the other languages."""

import random
import re

import pytest

from diptych.pipelines.pocket.art.captions import caption_of
from diptych.pipelines.pocket.art.facts import facts_of, false_facts_of, prompt_of
from diptych.pipelines.pocket.art.languages import tongues
from diptych.pipelines.pocket.art.scene import ARRANGEMENTS, SETTINGS, ArtScene, ArtThing, sample_scene
from diptych.pipelines.pocket.art.things import LANGUAGES, Kinds, known_kinds
from diptych.pipelines.pocket.art.words import HANDS, STYLE_WORDS
from diptych.pipelines.pocket.world import COLOURS, PLACES

KINDS = known_kinds()
SCENES = [sample_scene(random.Random(f"s{i}"), KINDS, tuple(HANDS)) for i in range(250)]


def scene_of(*things: ArtThing, arrangement: str, setting: str = "plain", style: str = "icon") -> ArtScene:
    return ArtScene(things=things, setting=setting, style=style, arrangement=arrangement)


@pytest.mark.parametrize(
    ("scene", "expected"),
    [
        (
            scene_of(ArtThing(kind="hourglass", place="left"), arrangement="alone"),
            "an hourglass on the left, on a plain background, as an icon",
        ),
        (
            scene_of(
                ArtThing(kind="dog", colour="black", place="front"),
                ArtThing(kind="house", colour="red", place="behind"),
                arrangement="in front",
                setting="snow",
                style="sticker",
            ),
            "a black dog in front of a red house, in the snow, as a sticker",
        ),
        (
            scene_of(ArtThing(kind="cat", place="on"), ArtThing(kind="bed", place="under"), arrangement="on"),
            "a cat on a bed, on a plain background, as an icon",
        ),
        (
            scene_of(*(ArtThing(kind="pair of jeans", colour="blue"),) * 3, arrangement="group", style="emoji"),
            "three blue pairs of jeans, on a plain background, as an emoji",
        ),
    ],
)
def test_canonical_prompts(scene: ArtScene, expected: str) -> None:
    assert prompt_of(scene, KINDS) == expected


def test_facts_and_false_facts_go_together() -> None:
    for i, scene in enumerate(SCENES):
        true, false = facts_of(scene, KINDS), false_facts_of(scene, KINDS, random.Random(i))
        assert [kind for kind, _ in true] == [kind for kind, _ in false]
        assert not set(true) & set(false)


def test_the_facts_of_a_scene() -> None:
    scene = scene_of(
        ArtThing(kind="cat", place="left", size="small"),
        ArtThing(kind="umbrella", colour="purple", place="right"),
        arrangement="side by side",
        setting="rain",
    )
    assert facts_of(scene, KINDS) == (
        ("thing", "a cat"),
        ("size", "a small cat"),
        ("place", "a cat on the left"),
        ("thing", "an umbrella"),
        ("colour", "a purple umbrella"),
        ("place", "an umbrella on the right"),
        ("relation", "a cat to the left of an umbrella"),
        ("setting", "in the rain"),
        ("style", "as an icon"),
        ("count", "two things"),
    )


def test_a_group_is_counted_by_its_kind() -> None:
    scene = scene_of(*(ArtThing(kind="mouse"),) * 2, arrangement="group")
    assert ("count", "two mice") in facts_of(scene, KINDS)


def test_false_relations_are_false() -> None:
    """What is on another is not above it by mistake, nor the other way round."""
    scene = scene_of(ArtThing(kind="cat", place="on"), ArtThing(kind="bed", place="under"), arrangement="on")
    said = {
        text
        for i in range(40)
        for kind, text in false_facts_of(scene, KINDS, random.Random(i))
        if kind == "relation"
    }
    assert said == {"a bed on a cat", "a cat below a bed", "a cat behind a bed"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_captions_are_whole_in_every_language(language: str) -> None:
    for i, scene in enumerate(SCENES):
        caption = caption_of(scene, KINDS, random.Random(i), language=language)
        assert caption == " ".join(caption.split()) and not re.search(r"[{}\[\]]|None|, ,|,,", caption), caption


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_thing_is_named_in_every_caption(language: str) -> None:
    for i, scene in enumerate(SCENES):
        caption = caption_of(scene, KINDS, random.Random(i), language=language).lower()
        for thing in scene.things:
            said = KINDS[thing.kind].said[language]
            assert any(word and word.lower() in caption for word in (*said.words, *said.plurals)), (
                caption,
                thing,
            )


def test_most_captions_are_english_and_wordings_differ() -> None:
    captions = [caption_of(SCENES[0], KINDS, random.Random(i)) for i in range(400)]
    assert sum(caption.isascii() for caption in captions) / 400 > 0.6 and len(set(captions)) > 150


def test_a_style_that_is_not_usual_is_always_said() -> None:
    said = {way for style in ("icon", "emoji") for way in (*STYLE_WORDS[style], style)}
    for i, scene in enumerate(SCENES):
        if scene.style != "sticker":
            caption = caption_of(scene, KINDS, random.Random(i), language="en")
            assert any(way in caption for way in said), caption


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("fr", "deux voitures vertes"),
        ("de", "zwei grüne Autos"),
        ("es", "dos coches verdes"),
        ("pt", "dois carros verdes"),
        ("zh", "两个绿色的汽车"),
        ("ja", "2つの緑色の車"),
        ("hi", "दो हरा कार"),
    ],
)
def test_adjectives_and_plurals_agree(language: str, expected: str) -> None:
    scene = scene_of(*(ArtThing(kind="car", colour="green"),) * 2, arrangement="group", style="sticker")
    captions = {caption_of(scene, KINDS, random.Random(i), language=language) for i in range(60)}
    assert any(caption.startswith(expected) for caption in captions), captions


def test_bare_words_take_no_article() -> None:
    scene = scene_of(ArtThing(kind="pair of jeans", colour="blue", place="left"), arrangement="alone")
    captions = [caption_of(scene, KINDS, random.Random(i), language="en") for i in range(200)]
    assert any("jeans" in caption for caption in captions)
    assert not [caption for caption in captions if re.search(r"\ba (blue |cobalt )?jeans", caption)]


def test_the_table_of_languages_is_complete() -> None:
    for tongue in tongues().values():
        assert set(tongue.words["colours"]) == set(COLOURS)
        assert set(tongue.words["settings"]) == set(SETTINGS)
        assert set(tongue.words["places"]) == set(PLACES) and set(tongue.words["sizes"]) == {"small", "big"}
        assert set(tongue.words["styles"]) == set(HANDS)
        assert set(tongue.words["relations"]) == set(ARRANGEMENTS) - {"alone", "group"}
        assert set(tongue.words["numbers"]) == set(tongue.words["animals"]) == {"1", "2", "3", "4"}
        for name in COLOURS:
            ways = tongue.words["colours"][name]
            assert isinstance(ways, str) or len(ways) == len(tongue.words["forms"])


def test_no_words_of_a_language_mean_two_things() -> None:
    for tongue in tongues().values():
        for group in ("colours", "sizes", "places", "settings", "styles"):
            said = [way for name in tongue.words[group] for way in tongue.ways(group, name)]
            assert len(said) == len(set(said)), (tongue.name, group)


def test_a_kind_without_a_word_is_said_in_english(kinds: Kinds) -> None:
    scene = scene_of(ArtThing(kind="pin", colour="yellow", place="left"), arrangement="alone")
    assert "pin" in caption_of(scene, kinds, random.Random(0), language="fr")
