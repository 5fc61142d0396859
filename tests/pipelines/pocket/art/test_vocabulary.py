"""What the planner of the art reads: eight languages, full wordings, and words that mean two things."""

import random
from typing import Any

import pytest

from diptych.engine.language.closed_vocabulary.composition import Composition, composition_of
from diptych.engine.language.closed_vocabulary.phrases import misspelt_in
from diptych.engine.language.closed_vocabulary.vocabulary import Vocabulary, vocabulary_of
from diptych.engine.language.closed_vocabulary.wish_reader import wish_of
from diptych.engine.language.closed_vocabulary.wording import facts_of, only_wording
from diptych.pipelines.pocket.art import HANDS, LANGUAGES, ArtScene, known_kinds, own_kinds, sample_scene
from diptych.pipelines.pocket.art.captions import caption_of
from diptych.pipelines.pocket.art.facts import facts_of as facts_of_scene
from diptych.pipelines.pocket.art.facts import prompt_of
from diptych.pipelines.pocket.art.vocabulary import vocabulary_table
from diptych.pipelines.pocket.world.vocabulary import vocabulary_table as world_vocabulary

KINDS = {**known_kinds(), **own_kinds()}
USUAL = ", as a sticker"


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return vocabulary_of(vocabulary_table(KINDS, HANDS))


def scenes(count: int, first: int = 0) -> list[ArtScene]:
    return [sample_scene(random.Random(first + i), KINDS, tuple(HANDS)) for i in range(count)]


def read(prompt: str, vocabulary: Vocabulary) -> Composition:
    return composition_of(wish_of(prompt, vocabulary))


def said(composition: Composition) -> tuple[object, ...]:
    """All that it says."""
    things = [
        (thing.kind.value, thing.colour and thing.colour.value, thing.size and thing.size.value)
        for thing in composition.things
    ]
    setting, style = (part and part.value for part in (composition.setting, composition.style))
    return composition.arrangement, composition.count, tuple(things), setting, style


def asks_for(asked: Any, whole: Any) -> bool:
    """Whether what is asked is some of the whole."""
    if isinstance(asked, tuple) and isinstance(whole, tuple):
        return len(asked) == len(whole) and all(map(asks_for, asked, whole))
    return asked in (None, "medium", whole)


def test_full_wordings_and_their_facts_are_those_that_the_models_learn(vocabulary: Vocabulary) -> None:
    for scene in scenes(300):
        wording = prompt_of(scene, KINDS).removesuffix(USUAL)
        plan = read(wording, vocabulary)
        assert only_wording(plan, vocabulary) == wording and not plan.left_out
        facts = {fact.text for fact in facts_of(plan, plan, vocabulary)}
        assert facts == {text for _, text in facts_of_scene(scene, KINDS)} - {USUAL[2:]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_captions_say_is_read_in_every_language(vocabulary: Vocabulary, language: str) -> None:
    wrong = []
    for i, scene in enumerate(scenes(100, 1000)):
        caption = caption_of(scene, KINDS, random.Random(i), language=language)
        asked, whole = read(caption, vocabulary), read(prompt_of(scene, KINDS), vocabulary)
        if asked.left_out or not asks_for(said(asked), said(whole)):
            wrong.append(caption)
    assert len(wrong) <= 6, wrong


@pytest.mark.parametrize(
    "prompt",
    [
        "a red dog in a park", "ein roter Hund im Park", "un perro rojo en el parque",
        "un chien rouge dans un parc",
        "um cachorro vermelho no parque", "一只红色的狗在公园里", "公園にいる赤い犬", "पार्क में एक लाल कुत्ता",
    ],
)  # fmt: skip
def test_one_wish_is_one_plan_in_eight_languages(vocabulary: Vocabulary, prompt: str) -> None:
    plan = read(prompt, vocabulary)
    assert not plan.left_out
    assert only_wording(plan, vocabulary) == "a red dog in the middle, in a meadow"


@pytest.mark.parametrize(
    ("prompt", "things"),
    [
        ("a rose", [("rose", None)]),
        ("a rose cup", [("cup", "pink")]),
        ("an orange", [("tangerine", None)]),
        ("two oranges", [("tangerine", None)]),
        ("an orange cat", [("cat", "orange")]),
        ("a lemon lemon", [("lemon", "yellow")]),
        ("a cat and a chestnut", [("cat", None), ("chestnut", None)]),
        ("une rose", [("rose", None)]),
        ("un gato naranja", [("cat", "orange")]),
        ("une tasse rose", [("cup", "pink")]),
        ("rose", [("rose", None)]),
        ("un sobre", [("envelope", None)]),
        ("an angel", [("angel", None)]),
        ("ein Angel am Strand", [("fishing rod", None)]),
        ("ein Boot im Schnee", [("boat", None)]),
        ("a boot in the snow", [("boot", None)]),
        ("a pair of goggles", [("pair of goggles", None)]),
        ("eine rote Tasse", [("cup", "red")]),
    ],
)
def test_words_that_mean_two_things(vocabulary: Vocabulary, prompt: str, things: list[tuple[str, str]]) -> None:
    plan = read(prompt, vocabulary)
    assert [(thing.kind.value, thing.colour and thing.colour.value) for thing in plan.things] == things
    assert not plan.left_out


@pytest.mark.parametrize(
    ("prompt", "arrangement", "kinds"),
    [
        ("a mouse on top of a piece of cheese", "on", ["mouse", "piece of cheese"]),
        ("a cat sitting on a chair", "on", ["cat", "chair"]),
        ("a chair with a cat on it", "on", ["cat", "chair"]),
        ("a cat behind a house", "in front", ["house", "cat"]),
        ("ein Haus, darauf eine Katze", "on", ["cat", "house"]),
        ("猫在狗的左边", "side by side", ["cat", "dog"]),
        ("猫の左に犬", "side by side", ["dog", "cat"]),
        ("猫と犬の間に馬", "in a row", ["cat", "horse", "dog"]),
        ("a dog over a cat", "stacked", ["dog", "cat"]),
        ("a dog under a table", "stacked", ["table", "dog"]),
        ("a house on a hill", "on", ["house", "hill"]),
        ("zwei Leuchttürme", "group", ["lighthouse"]),
        ("un cofre del tesoro en la playa", "alone", ["treasure chest"]),
        ("桌子上有一只猫", "on", ["cat", "table"]),
        ("a glass and a pair of glasses", "side by side", ["glass of water", "pair of glasses"]),
    ],
)
def test_how_things_stand(vocabulary: Vocabulary, prompt: str, arrangement: str, kinds: list[str]) -> None:
    plan = read(prompt, vocabulary)
    assert (plan.arrangement, [thing.kind.value for thing in plan.things]) == (arrangement, kinds)
    assert not plan.left_out


def test_a_colour_that_nobody_drew_a_thing_in_is_left_out_by_name(vocabulary: Vocabulary) -> None:
    plan = read("a red rainbow", vocabulary)
    assert plan.things[0].colour is None and [span.text for span in plan.left_out] == ["red"]
    assert only_wording(read("a zebra at night", vocabulary), vocabulary) == "a zebra in the middle, at night"


def test_whatever_names_a_thing_of_the_illustrated_world_names_one_here(vocabulary: Vocabulary) -> None:
    """The same one, but where other drawings and languages have a finer word."""
    world = vocabulary_of(world_vocabulary())
    ways = {way: term.value for way, term in world.terms.items() if term.category == "kind"}
    here = {way: vocabulary.terms[way] for way in ways}
    assert {term.category for term in here.values()} == {"kind"}
    others = {(kind, here[way].value) for way, kind in ways.items() if here[way].value != kind}
    assert others == {("balloon", "hot-air balloon"), ("clock", "mantel clock")}


def test_who_asks_for_a_pink_elephant_is_understood(vocabulary: Vocabulary) -> None:
    plan = read("a pink elephant in the park", vocabulary)
    assert only_wording(plan, vocabulary) == "a pink elephant in the middle, in a meadow" and not plan.left_out
    panda = read("a red panda", vocabulary)  # another animal
    assert panda.things[0].colour is None and [span.text for span in panda.left_out] == ["red"]


@pytest.mark.parametrize(
    ("prompt", "english"),
    [
        ("eine schwarze Katze auf einem roten Sofa", "a black cat on a red sofa"),
        ("ein lila Drache", "a purple dragon"),
        ("zeichne mir bitte einen Löwen", "a lion"),
        ("eine Pizza vor einfarbigem Hintergrund", "a pizza on a plain background"),
        ("un chat rose", "a pink cat"),
        ("trois chats roses", "three pink cats"),
        ("une rose rouge", "a red rose"),
        ("une baleine dans la mer", "a whale in the sea"),
        ("四朵红玫瑰", "four red roses"),
        ("海滩上的两只狗", "two dogs on the beach"),
        ("棕榈树下的大象", "an elephant below a palm tree"),
        ("城堡前面的机器人", "a robot in front of a castle"),
        ("树左边有一匹马", "a horse to the left of a tree"),
        ("一只黑猫坐在红色沙发上", "a black cat on a red sofa"),
        ("冬天的企鹅", "a penguin in winter"),
        ("赤いソファの上の黒い猫", "a black cat on a red sofa"),
        ("四本の赤いバラ", "four red roses"),
        ("犬は猫の左にいる", "a dog to the left of a cat"),
        ("लाल सोफ़े पर काली बिल्ली", "a black cat on a red sofa"),
        ("लाल सोफे पर काली बिल्ली", "a black cat on a red sofa"),  # as it is typed without dots
        ("समुद्र तट पर दो कुत्ते", "two dogs on the beach"),
        ("महल के सामने एक रोबोट", "a robot in front of a castle"),
        ("नीले घर के बाईं ओर एक घोड़ा", "a horse to the left of a blue house"),
    ],
)
def test_what_people_type_in_other_languages_is_read_as_in_english(
    vocabulary: Vocabulary, prompt: str, english: str
) -> None:
    plan = read(prompt, vocabulary)
    assert said(plan) == said(read(english, vocabulary)) and not plan.left_out


@pytest.mark.parametrize(
    ("prompt", "wording"),
    [
        ("a timer that is chestnut", "a brown kitchen timer in the middle"),
        ("a notebook in black, little maize", "a black notebook on the left and a small corn cob on the right"),
        ("a horse and a chestnut", "a brown horse on the left and a brown chestnut on the right"),
    ],
)
def test_a_colour_belongs_to_the_thing_before_it(vocabulary: Vocabulary, prompt: str, wording: str) -> None:
    plan = read(f"{prompt}, at night", vocabulary)
    assert only_wording(plan, vocabulary) == f"{wording}, at night"


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("🐶🍕", "a dog and a pizza"),
        ("a 🐱 and a 🚗", "a cat and a car"),
        ("a 🐶🍕", "a dog and a pizza"),
        ("🍎🍎🍎", "three apples"),
        ("a cat in the park and a red 🚗", "a cat in the park and a red car"),
        ("👩🏽‍🚀 on a 🐴", "an astronaut on a horse"),
        ("✈", "an airplane"),  # as some type it, as a letter
        ("my dog 🐶", "a dog"),
        ("a dog in the park ❤️", "a dog in the park"),
        ("a dog, a cat 🥹", "a dog and a cat"),
    ],
)
def test_picture_signs_are_read_as_what_they_show_where_they_are_no_ornaments(
    vocabulary: Vocabulary, prompt: str, words: str
) -> None:
    plan = read(prompt, vocabulary)
    assert said(plan) == said(read(words, vocabulary)) and not plan.left_out


def test_every_picture_sign_of_the_table_is_read(vocabulary: Vocabulary) -> None:
    for kind in KINDS.values():
        if kind.sign:
            assert [thing.kind.value for thing in read(kind.sign, vocabulary).things] == [kind.name]


def test_a_picture_sign_that_nobody_drew_is_named_where_a_noun_would_stand(vocabulary: Vocabulary) -> None:
    plan = read("a dog and a 🥹", vocabulary)
    assert [span.text for span in plan.left_out] == ["🥹"]


def test_of_several_picture_signs_those_that_are_not_drawn_are_left_out_by_name(vocabulary: Vocabulary) -> None:
    plan = read("🐶🐶🐶🍕", vocabulary)
    assert [span.text for span in plan.left_out] == ["🐶🐶"] and len(plan.things) == 2


@pytest.mark.parametrize(
    ("prompt", "kinds", "left_out"),
    [
        ("an old man reading a book", ["old man", "book"], ["reading"]),
        ("two gnus playing football", ["football"], ["two gnus playing"]),
        ("two wild cats", ["cat"], ["wild"]),
        ("two kids playing football", ["boy", "football"], ["two", "playing"]),
        ("photo of a frog, portrait of a cat, unreal engine", ["frog", "cat"], ["photo", "portrait"]),
        ("a photo album and a cat", ["cat"], ["photo album"]),
        ("ein Haus am See", ["house"], []),
        ("una chica con un paraguas rojo", ["girl", "umbrella"], []),
        ("富士山とさくら", ["snowy mountain", "cherry blossom"], []),
        ("a sunflower in the style of van gogh", ["sunflower"], ["van gogh"]),
        ("a boat by van gogh, at sunset", ["boat"], ["van gogh"]),
        ("a house, Banksy style", ["house"], ["Banksy"]),
        ("a cat by a house", ["cat", "house"], []),
        ("a red boat by the sea", ["boat"], []),
    ],
)
def test_what_strangers_type(
    vocabulary: Vocabulary, prompt: str, kinds: list[str], left_out: list[str]
) -> None:
    plan = read(prompt, vocabulary)
    assert [thing.kind.value for thing in plan.things] == kinds
    assert [span.text for span in plan.left_out] == left_out


def test_the_name_of_a_maker_is_no_slip_and_what_is_known_is_no_name(vocabulary: Vocabulary) -> None:
    assert misspelt_in("a house, Banksy style", vocabulary) == {}  # of 'banks'
    things = wish_of("a cat by houses", vocabulary).things
    assert [thing.kind.value for thing in things] == ["cat", "house"]


@pytest.mark.parametrize(
    ("prompt", "kinds"),
    [
        ("a snow man and a rain bow", ["snowman", "rainbow"]),
        ("two snow men", ["snowman"]),
        ("there is land", []),
        ("snow, man", ["man"]),
    ],
)
def test_two_words_that_are_written_as_one_are_one(
    vocabulary: Vocabulary, prompt: str, kinds: list[str]
) -> None:
    assert [thing.kind.value for thing in wish_of(prompt, vocabulary).things] == kinds


def test_a_slip_is_one_of_a_word_of_the_prompts_language(vocabulary: Vocabulary) -> None:
    plan = read("a beatiful elefant in the jungel", vocabulary)
    assert only_wording(plan, vocabulary) == "an elephant in the middle, in a forest" and not plan.left_out


def test_of_what_nobody_drew_what_it_is_one_of_is_drawn_and_told(vocabulary: Vocabulary) -> None:
    assert said(read("two corgis", vocabulary)) == said(read("two dogs", vocabulary))
    assert misspelt_in("two corgis at night", vocabulary) == {"corgis": "dog"}


def test_settings_alone_have_things_that_people_expect_there(vocabulary: Vocabulary) -> None:
    assert set(vocabulary.plain_kinds) <= set(vocabulary.settings)
    assert vocabulary.plain_kinds["in the city"] == "office building"


@pytest.mark.parametrize(
    ("prompt", "kinds"),
    [
        ("a dog, no cat", ["dog"]),
        ("no cats just one dog", ["dog"]),
        ("a dog but not red", ["dog"]),  # a goal in French
        ("a house at night, no dogs, no cats", ["house"]),
        ("ein Haus ohne Katze und ein Hund", ["house", "dog"]),
        ("kein Haus, eine Katze", ["cat"]),
        ("una casa sin gato", ["house"]),
        ("uma casa sem gato", ["house"]),
        ("um gato no parque", ["cat"]),  # 'in the park'
        ("没有猫的房子", ["house"]),
        ("猫のいない家", ["house"]),
        ("बिना बिल्ली के, घर", ["house"]),
    ],
)
def test_what_is_denied_is_not_asked_for_in_any_language(
    vocabulary: Vocabulary, prompt: str, kinds: list[str]
) -> None:
    plan = read(prompt, vocabulary)
    assert [thing.kind.value for thing in plan.things] == kinds
    assert (not plan.left_out) == (prompt == "um gato no parque")
