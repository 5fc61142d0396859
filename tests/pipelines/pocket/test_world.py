"""What the world says of itself: the split holds, prompts are canonical, every word is true of its scene."""

import collections
import itertools
import random
import re

import pytest

from diptych.pipelines.pocket.world import (
    ARRANGEMENTS,
    COLOURS,
    KINDS,
    PLACES,
    SETTINGS,
    SIZES,
    STYLES,
    WORDS,
    Box,
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
from diptych.pipelines.pocket.world.scene import SHARES
from diptych.pipelines.pocket.world.words import (
    COLOUR_WORDS,
    KIND_WORDS,
    NUMBER_WORDS,
    PLACE_WORDS,
    RELATION_WORDS,
    SETTING_WORDS,
    SIZE_WORDS,
    STYLE_WORDS,
    TAG_WORDS,
    number_of,
    plural,
)

COUNTS = {"one": 1, "two": 2, "three": 3, "four": 4}


def scenes(count: int, arrangement: str | None = None, *, seed: int = 0) -> list[Scene]:
    rng = random.Random(seed)
    return [sample_scene(rng, arrangement) for _ in range(count)]


def alone(kind: str = "boat", colour: str = "red", size: str = "medium", place: str = "middle") -> Thing:
    return Thing(kind=kind, colour=colour, size=size, place=place)


def says(text: str, phrase: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", text) is not None


def centre(box: Box) -> tuple[float, float]:
    left, top, right, bottom = box
    return (left + right) / 2, (top + bottom) / 2


# The vocabulary and the split.


def test_every_value_has_words_and_no_two_values_share_one() -> None:
    tables = {
        "kind": (KINDS, KIND_WORDS), "colour": (COLOURS, COLOUR_WORDS), "size": (SIZES, SIZE_WORDS),
        "place": (PLACES, PLACE_WORDS), "setting": (SETTINGS, SETTING_WORDS), "style": (STYLES, STYLE_WORDS),
    }  # fmt: skip
    for name, (values, words) in tables.items():
        assert set(values) == set(words), name
        said = [way for ways in words.values() for way in ways]
        assert len(said) == len(set(said)), f"two values of {name} share a word"
    assert {*PLACES, *SETTINGS, *STYLES} == set(TAG_WORDS)


def test_the_words_of_the_world_hold_synonyms_and_plurals_and_no_fillers() -> None:
    assert {"kitten", "crimson", "huge", "butterflies", "pixelated", "beneath", "dusk"} <= WORDS
    assert WORDS.isdisjoint({"the", "a", "of", "in", "picture", "and"})


def test_training_and_held_out_scenes_share_no_triple() -> None:
    rng = random.Random(0)
    for held_out in (False, True):
        for _ in range(1500):
            scene = sample_scene(rng, held_out=held_out)
            assert all(is_held_out(t.kind, t.colour, scene.setting) == held_out for t in scene.things)


def test_about_a_tenth_is_held_out_in_every_setting() -> None:
    for setting in SETTINGS:
        share = sum(is_held_out(k, c, setting) for k in KINDS for c in COLOURS) / (len(KINDS) * len(COLOURS))
        assert 0.05 < share < 0.16, setting


def test_arrangements_are_drawn_as_often_as_they_should_be() -> None:
    drawn = collections.Counter(scene.arrangement for scene in scenes(2000))
    assert set(drawn) == set(ARRANGEMENTS) == set(SHARES)
    for name, share in SHARES.items():
        assert drawn[name] / 2000 == pytest.approx(share, abs=0.04), name


def test_styles_are_drawn_as_often_as_each_other() -> None:
    drawn = collections.Counter(scene.style for scene in scenes(2000))
    for name in STYLES:
        assert drawn[name] / 2000 == pytest.approx(1 / len(STYLES), abs=0.04), name


def test_things_that_are_not_a_group_differ_in_kind_and_colour() -> None:
    for arrangement in ("side by side", "stacked", "in a row"):
        for scene in scenes(200, arrangement):
            assert len({t.kind for t in scene.things}) == len({t.colour for t in scene.things}) > 1
            assert len(scene.things) == len({t.kind for t in scene.things})


def test_a_scene_outside_the_world_is_refused() -> None:
    cat, cup = alone("cat", "red", "small", "left"), alone("cup", "blue", "small", "right")
    with pytest.raises(SceneError, match="unknown kind 'dog'"):
        Thing(kind="dog", colour="red")
    with pytest.raises(SceneError, match="unknown setting"):
        Scene(things=(alone(),), setting="moon")
    with pytest.raises(SceneError, match="unknown style"):
        Scene(things=(alone(),), setting="snow", style="cubist")
    for corrupted in ({"colour": "red"}, {"kind": "cat"}, {"place": "left"}, {"size": "big"}):
        thing = Thing(**{"kind": "cup", "colour": "blue", "size": "small", "place": "right", **corrupted})
        with pytest.raises(SceneError):
            Scene(things=(cat, thing), setting="snow", arrangement="side by side")
    for things in ((), (cat, cup)):
        with pytest.raises(SceneError, match="alone is one thing"):
            Scene(things=things, setting="snow")
    for things in ((Thing(kind="cat", colour="red"),) * 5, (cat, cat), (cat, cup)):
        with pytest.raises(SceneError):
            Scene(things=things, setting="snow", arrangement="group")


# The canonical prompt.


def test_the_prompt_is_the_canonical_wording() -> None:
    fish, clock = Thing(kind="fish", colour="pink"), Thing(kind="clock", colour="black", place="below")
    pair = (alone("boat", "red", "small", "left"), alone("house", "blue", "medium", "right"))
    row = (alone("cat", "red", place="left"), alone("cup", "blue"), alone("apple", "orange", place="right"))
    stack = (Thing(kind="umbrella", colour="orange", place="above"), clock)
    expected = {
        Scene(things=(alone("boat", "red", "big", "left"),), setting="sunset"):
            "a big red boat on the left, at sunset",
        Scene(things=pair, setting="meadow", arrangement="side by side", style="ink"):
            "a small red boat on the left and a blue house on the right, in a meadow, in ink",
        Scene(things=(fish,) * 3, setting="underwater", arrangement="group", style="pixel"):
            "three pink fish, under water, as pixel art",
        Scene(things=stack, setting="city", arrangement="stacked"):
            "an orange umbrella above a black clock, in the city",
        Scene(things=row, setting="snow", arrangement="in a row"):
            "a blue cup between a red cat and an orange apple, in the snow",
    }  # fmt: skip
    for scene, prompt in expected.items():
        assert prompt_of(scene) == prompt


def test_counts_have_their_plurals() -> None:
    assert [plural(noun) for noun in ("cat", "fish", "butterfly", "cactus")] == [
        "cats",
        "fish",
        "butterflies",
        "cacti",
    ]
    assert number_of(1, "red cat") == "one red cat" and number_of(4, "red cactus") == "four red cacti"


def test_scenes_that_differ_have_prompts_that_differ() -> None:
    seen: dict[str, Scene] = {}
    for scene in scenes(3000):
        told = seen.setdefault(prompt_of(scene), scene)
        same = (told.things, told.setting, told.style, told.arrangement)
        assert same == (scene.things, scene.setting, scene.style, scene.arrangement)


# Facts.


def test_facts_speak_of_everything_that_the_prompt_says() -> None:
    little = {"a", "an", "of", "and"}
    for scene in scenes(600):
        prompt = set(prompt_of(scene).replace(",", "").split())
        facts = {word for _, text in facts_of(scene) for word in text.split()}
        assert prompt - facts <= {*little, *NUMBER_WORDS[len(scene.things)], "on", "in", "to", "the"}
        kinds = [kind for kind, _ in facts_of(scene)]
        assert kinds.count("setting") == kinds.count("count") == 1
        assert ("style" in kinds) == (scene.style != "flat")
        assert ("relation" in kinds) == (scene.arrangement in ("side by side", "stacked", "in a row"))


@pytest.mark.parametrize("arrangement", ["side by side", "stacked", "in a row"])
def test_a_relation_is_true_of_the_picture_and_a_false_one_is_not(arrangement: str) -> None:
    rng = random.Random(1)
    for scene in scenes(60, arrangement):
        boxes = {
            thing.kind: centre(box) for thing, box in zip(scene.things, render(scene, 64).boxes, strict=True)
        }

        def holds(text: str, boxes: dict[str, tuple[float, float]] = boxes) -> bool:
            nouns = [noun for noun in re.findall(r"\w+", text) if noun in boxes]
            (x, y), *others = (boxes[noun] for noun in nouns)
            if " between " in text:
                (left, _), (right, _) = others
                return min(left, right) < x < max(left, right)
            ((x2, y2),) = others
            true = {"to the left of": x < x2 - 5, "to the right of": x > x2 + 5}
            near = abs(x - x2) < 12
            true |= {"above": near and y < y2 - 5, "below": near and y > y2 + 5}
            return true[next(way for way in true if f" {way} " in text)]

        (true,) = (text for kind, text in facts_of(scene) if kind == "relation")
        (false,) = (text for kind, text in false_facts_of(scene, rng) if kind == "relation")
        assert holds(true), f"{true} in {prompt_of(scene)}"
        assert not holds(false), f"{false} in {prompt_of(scene)}"


def test_counts_are_those_of_the_picture() -> None:
    rng = random.Random(2)
    for scene in scenes(300):
        (true,) = (text for kind, text in facts_of(scene) if kind == "count")
        (false,) = (text for kind, text in false_facts_of(scene, rng) if kind == "count")
        assert COUNTS[true.split()[0]] == len(scene.things) == len(render(scene, 16).boxes)
        assert COUNTS[false.split()[0]] != len(scene.things)
        assert true.split()[0] == "one" or true.endswith(("s", "fish", "cacti"))


def test_false_facts_are_false_and_of_the_same_kinds() -> None:
    rng = random.Random(3)
    for scene in scenes(800):
        true, false = facts_of(scene), false_facts_of(scene, rng)
        kinds = [kind for kind, _ in false]
        if scene.style == "flat":  # which is no fact, but others can be denied
            kinds.remove("style")
        assert [kind for kind, _ in true] == kinds
        assert not set(true) & set(false)
        values = {scene.setting, scene.style}
        for kind, text in false:
            if kind == "thing":
                assert not any(says(text, thing.kind) for thing in scene.things)
            if kind == "colour":  # a colour of the scene may be named, but not with the thing that has it
                assert not any(says(text, f"{thing.colour} {thing.kind}") for thing in scene.things)
            if kind in ("setting", "style"):
                table = SETTING_WORDS if kind == "setting" else STYLE_WORDS
                assert not any(text == table[value][0] for value in values & set(table))


def test_false_colours_are_swapped_about_half_of_the_time() -> None:
    rng = random.Random(4)
    pairs = scenes(400, "side by side")
    swapped = 0
    for scene in pairs:
        first, second = scene.things
        swapped += any(text.endswith(f"{second.colour} {first.kind}") for _, text in false_facts_of(scene, rng))
    assert 0.45 < swapped / len(pairs) < 0.70


# Captions.


def _wrong_words(scene: Scene) -> list[str]:
    """Every way to say a value that the scene does not have."""
    true = {scene.setting, scene.style}
    for thing in scene.things:
        true |= {thing.kind, thing.colour, thing.size, thing.place}
    tables = (KIND_WORDS, COLOUR_WORDS, SIZE_WORDS, SETTING_WORDS, STYLE_WORDS)
    wrong = [way for table in tables for value, ways in table.items() if value not in true for way in ways]
    wrong += [tag for value, tag in TAG_WORDS.items() if value not in true and value not in PLACES]
    wrong += [plural(noun) for kind, ways in KIND_WORDS.items() if kind not in true for noun in ways]
    if scene.arrangement == "alone":
        wrong += [way for place in PLACES if place not in true for way in PLACE_WORDS[place]]
    return wrong


def test_a_caption_never_says_a_wrong_value() -> None:
    rng = random.Random(5)
    for scene in scenes(1000):
        caption = caption_of(scene, rng)
        for thing in scene.things:
            nouns = KIND_WORDS[thing.kind]
            if scene.arrangement == "group":
                nouns = tuple(map(plural, nouns))
            assert any(says(caption, noun) for noun in nouns), caption
        known = {way for ways in (*SETTING_WORDS.values(), *KIND_WORDS.values()) for way in ways}
        rest = caption
        for way in sorted((way for way in known if _true(scene, way)), key=len, reverse=True):
            rest = re.sub(rf"(?<![\w-]){re.escape(way)}(?![\w-])", "~", rest)
        for wrong in _wrong_words(scene):
            assert not says(rest, wrong), (caption, wrong)


def _true(scene: Scene, way: str) -> bool:
    kinds = {thing.kind for thing in scene.things}
    return way in SETTING_WORDS[scene.setting] or any(way in KIND_WORDS[kind] for kind in kinds)


def test_a_group_is_captioned_with_its_count() -> None:
    rng = random.Random(6)
    for scene in scenes(400, "group"):
        caption = caption_of(scene, rng)
        count = len(scene.things)
        assert any(says(caption, way) for way in NUMBER_WORDS[count]), caption
        wrong = [way for n, ways in NUMBER_WORDS.items() if n not in (1, count) for way in ways]
        assert not any(says(caption, way) for way in wrong), caption


def test_a_caption_keeps_each_colour_and_place_with_its_thing() -> None:
    rng = random.Random(7)
    places = 0
    for scene in scenes(500, "side by side"):
        caption = f" {caption_of(scene, rng).replace(',', '').replace(':', '')} "
        for thing, other in (scene.things, scene.things[::-1]):
            for noun in KIND_WORDS[thing.kind]:
                for colour in COLOUR_WORDS[other.colour]:
                    for wrong in (f"{colour} {noun}", f"{noun} in {colour}", f"{noun} that is {colour}"):
                        assert f" {wrong} " not in caption
                places += any(f" {noun} {way} " in caption for way in PLACE_WORDS[thing.place])
                for place in PLACE_WORDS[other.place]:
                    assert f" {noun} {place} " not in caption.replace(f"{place} of", "~")
    assert places > 100


@pytest.mark.parametrize("arrangement", ["side by side", "stacked", "in a row"])
def test_a_relation_that_a_caption_says_holds(arrangement: str) -> None:
    rng = random.Random(8)
    said = collections.Counter[str]()
    for scene in scenes(500, arrangement):
        caption = caption_of(scene, rng)
        spots = {t.place: [m for n in KIND_WORDS[t.kind] for m in _spots(caption, n)] for t in scene.things}
        order = [place for place, _ in sorted(spots.items(), key=lambda item: min(item[1]))]
        for relation, ways in RELATION_WORDS.items():
            if any(says(caption, f"{way} {article}") for way in ways for article in ("a", "an")):
                said[relation] += 1
                assert order[0] == ("middle" if relation == "between" else relation), caption
                if relation == "between":
                    assert order == ["middle", "left", "right"], caption
    expected = {"side by side": {"left", "right"}, "stacked": {"above", "below"}, "in a row": {"between"}}
    assert set(said) == expected[arrangement] and min(said.values()) > 20


def _spots(caption: str, noun: str) -> list[int]:
    return [match.start() for match in re.finditer(rf"(?<![\w-]){re.escape(noun)}(?![\w-])", caption)]


def test_of_two_things_that_are_merely_named_the_first_is_the_left_one() -> None:
    rng = random.Random(9)
    merely = 0
    for scene in scenes(600, "side by side"):
        caption = caption_of(scene, rng)
        placed = itertools.chain(*PLACE_WORDS.values(), RELATION_WORDS["left"], RELATION_WORDS["right"])
        if any(says(caption, way) for way in placed):
            continue
        merely += 1
        left, right = (
            min(spot for noun in KIND_WORDS[thing.kind] for spot in _spots(caption, noun))
            for thing in scene.things
        )
        assert left < right, caption
    assert merely > 100


def test_captions_come_in_many_wordings_short_and_long() -> None:
    rng = random.Random(10)
    for arrangement in ARRANGEMENTS:
        scene = scenes(1, arrangement)[0]
        captions = {caption_of(scene, rng) for _ in range(2000)}
        assert len(captions) > 200, arrangement
        lengths = sorted(len(caption.split()) for caption in captions)
        assert lengths[-1] - lengths[0] >= 8, arrangement


def test_every_word_of_a_caption_is_one_the_planner_is_told_of() -> None:
    rng = random.Random(11)
    fillers = set[str]()
    for scene in scenes(1500):
        fillers |= set(re.findall(r"[a-z]+(?:-[a-z]+)*|[0-9]+", caption_of(scene, rng))) - WORDS
    assert len(fillers) < 60 and {"a", "the", "picture"} <= fillers


def test_more_things_than_the_world_groups_are_counted_in_digits() -> None:
    assert number_of(4, "red cat") == "four red cats"
    assert number_of(7, "red cactus") == "7 red cacti"
