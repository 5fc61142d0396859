"""What can be drawn together, and what is left out because it cannot; wordings and facts of what can."""

import random
import re

import pytest

from diptych.engine.language.closed_vocabulary.composition import composition_of
from diptych.engine.language.closed_vocabulary.vocabulary import Vocabulary
from diptych.engine.language.closed_vocabulary.wish_reader import wish_of
from diptych.engine.language.closed_vocabulary.wording import (
    asked_facts,
    asked_wording,
    facts_of,
    only_wording,
    wordings,
)
from diptych.pipelines.pocket.world import facts_of as world_facts
from diptych.pipelines.pocket.world import prompt_of, sample_scene


@pytest.mark.parametrize(
    ("prompt", "arrangement", "told", "left_out"),
    [
        ("a cat", "alone", "a cat", []),
        (
            "a red car next to two blue houses",
            "side by side",
            "a red car on the left and a blue house on the right",
            ["two"],
        ),
        ("five red apples", "group", "four red apples", ["five"]),
        ("a big cat next to a house", "side by side", "a cat on the left and a house on the right", ["big"]),
        ("a cat under a tree at night", "stacked", "a tree above a cat, at night", []),
        ("a cat on the right and a house", "side by side", "a house on the left and a cat on the right", []),
        (
            "red cat, blue cat, green cat on the left",
            "in a row",
            "a red cat between a green cat and a blue cat",
            [],
        ),
        ("three small cats on the left", "group", "three cats", ["small", "on the left"]),
        ("a cat, a house, a tree and a blue car", "in a row", "a house between a cat and a tree", ["blue car"]),
        (
            "a cat and a house in the middle",
            "side by side",
            "a cat on the left and a house on the right",
            ["in the middle"],
        ),
        ("a cat above a house and a tree", "in a row", "a house between a cat and a tree", ["above"]),
    ],
)
def test_what_cannot_be_drawn_with_the_rest_is_left_out(
    vocabulary: Vocabulary, prompt: str, arrangement: str, told: str, left_out: list[str]
) -> None:
    found = composition_of(wish_of(prompt, vocabulary))
    assert found.arrangement == arrangement
    assert asked_wording(found, vocabulary) == told
    assert [span.text for span in found.left_out] == left_out


def test_full_prompts_of_the_world_are_read_back_to_its_own_facts(vocabulary: Vocabulary) -> None:
    rng = random.Random(7)
    for _ in range(400):
        scene = sample_scene(rng)
        prompt = prompt_of(scene)
        found = composition_of(wish_of(prompt, vocabulary))
        facts = facts_of(found, found, vocabulary)
        assert found.left_out == ()
        assert only_wording(found, vocabulary) == prompt
        assert [fact.claim for fact in facts] == list(world_facts(scene))
        assert {f.claim for f in facts if not f.asked} <= {
            f for f in world_facts(scene) if f[0] in ("relation", "count")
        }


@pytest.mark.parametrize(
    "prompt",
    [
        "a cat",
        "apples",
        "a cat next to a red house",
        "a bird, a fish and a snail",
        "a boat at night, ink",
        "two cats",
    ],
)
def test_every_wording_that_may_come_out_says_what_was_asked(vocabulary: Vocabulary, prompt: str) -> None:
    asked = composition_of(wish_of(prompt, vocabulary))
    for wording in sentences(wordings(asked, vocabulary)):
        full = composition_of(wish_of(wording, vocabulary))
        said = {fact.claim for fact in facts_of(full, asked, vocabulary)}
        assert full.left_out == () and only_wording(full, vocabulary) == wording
        assert {fact.claim for fact in asked_facts(asked, vocabulary)} <= said


def sentences(pattern: str) -> list[str]:
    """All that a regular expression of alternatives in brackets matches."""
    found = re.search(r"\(([^()]*)\)", pattern)
    if found is None:
        return [re.sub(r"\\(.)", r"\1", pattern)]
    return [
        sentence
        for option in found[1].split("|")
        for sentence in sentences(pattern[: found.start()] + option + pattern[found.end() :])
    ]


def test_what_is_added_is_usual(vocabulary: Vocabulary) -> None:
    for kind in vocabulary.kinds.values():
        asked = composition_of(wish_of(kind.name, vocabulary))
        for wording in sentences(wordings(asked, vocabulary)):
            full = composition_of(wish_of(wording, vocabulary))
            (thing,) = full.things
            assert thing.colour and thing.colour.value in kind.colours
            assert full.setting and full.setting.value in kind.settings
            assert thing.size is None and full.style is None


def test_things_whose_colours_are_open_differ_in_them(vocabulary: Vocabulary) -> None:
    asked = composition_of(wish_of("a car and a rocket and a red house", vocabulary))
    for wording in sentences(wordings(asked, vocabulary)):
        colours = [t.colour.value for t in composition_of(wish_of(wording, vocabulary)).things if t.colour]
        assert len({*colours}) == 3


def test_facts_say_who_wants_them(vocabulary: Vocabulary) -> None:
    asked = composition_of(wish_of("two red cats", vocabulary))
    full = composition_of(wish_of("two red cats, in a meadow", vocabulary))
    told = [(fact.text, fact.asked, fact.span and fact.span.text) for fact in facts_of(full, asked, vocabulary)]
    assert told == [
        ("a cat", True, "cats"),
        ("a red cat", True, "red"),
        ("in a meadow", False, None),
        ("two cats", True, "two"),
    ]


@pytest.mark.parametrize(
    ("prompt", "never"),
    [
        ("a cat that is not black", "black"),
        ("a fish, not under water", "under water"),
        ("a house, not in the city", "in the city"),
        ("no red flower, just a flower", "red"),
        ("a turtle that is not green", "green"),
    ],
)
def test_what_was_denied_is_never_added(vocabulary: Vocabulary, prompt: str, never: str) -> None:
    said = sentences(wordings(composition_of(wish_of(prompt, vocabulary)), vocabulary))
    assert said and not any(never in wording for wording in said)


def test_two_things_of_one_kind_are_counted(vocabulary: Vocabulary) -> None:
    asked = composition_of(wish_of("a cat and another cat", vocabulary))
    full = composition_of(wish_of("a red cat on the left and a blue cat on the right, in a meadow", vocabulary))
    assert ("two things", True) in [(fact.text, fact.asked) for fact in facts_of(full, asked, vocabulary)]


def test_in_a_row_a_place_that_was_asked_for_is_a_fact(vocabulary: Vocabulary) -> None:
    asked = composition_of(wish_of("a tree, a red cat and a house on the left", vocabulary))
    told = {fact.text for fact in asked_facts(asked, vocabulary)}
    assert "a house on the left" in told and not any("between" in text for text in told)
