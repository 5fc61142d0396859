"""Whether a plan says what the user said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.engine.language.open_vocabulary.agreement import (
    contradictions,
    disagreements,
    is_translated,
    lost,
    says_all,
)

AGREE = [
    ("a red boat at sea", "a red boat sails on a calm sea", ["a red boat", "at sea"]),
    ("5 apples", "five shiny apples lie in a bowl", ["5 apples"]),
    ("a gray cat", "The grey cat sits by a window.", ["gray cat"]),
    (
        "two cats sitting on chairs",
        "Two cats sit on chairs. One cat is asleep.",
        ["two cats sitting", "chairs"],
    ),
    ("three people riding horses", "three persons ride a horse", ["three people riding horses"]),
    ("a beach without people", "an empty beach", ["a beach", "without people"]),
    ("a beach without people", "a beach with no people on it", ["a beach", "without people"]),
    (
        "a red car next to two blue houses",
        "a red car by two blue houses; the car is small",
        ["a red car"],
    ),
    ("a crimson boat", "a red boat that is crimson all over", ["a crimson boat"]),
    ("a red and white boat", "a white boat with red stripes", ["a red and white boat"]),
    ("a few birds", "three birds", ["birds"]),
    ("the boat is red", "a red boat", ["boat is red"]),
    ("BOATS", "a boat", ["BOATS"]),
    ("un chat sur la plage", "a cat on the beach", ["un chat"]),
    ("一只红色的船", "a red boat", ["红色的船"]),
    ("a cat left of a dog", "A dog stands to the right of a cat.", ["a cat", "a dog"]),
    ("a cat under a table", "A cat sits under a wooden table, and a lamp is on the table.", ["a cat under"]),
    ("a cat on a table", "on a table a cat sleeps", ["a cat"]),
    ("a cat on a table", "behind the cat on a table is a window", ["a cat"]),
    ("a cat next to a dog", "a dog sitting next to a cat", ["a cat"]),
    ("a cat sitting by a dog", "a dog sitting by a cat", ["a cat"]),
    ("a cat and a dog", "a dog on the left and a cat on the right", ["a cat"]),
    ("a cat wearing a hat", "a hat worn by a cat", ["a hat"]),
    ("a cat on a dog and a dog on a cat", "a dog on a cat and a cat on a dog", ["a cat"]),
    ("a cat in front of a house", "the house is behind the cat", ["a cat"]),
    ("a red cube on a blue cube", "a blue cube under a red cube", ["red cube"]),
    ("a man in a hat", "a hat on a man", ["a man"]),
    ("a cat facing a dog", "a dog facing a cat", ["a cat", "a dog"]),
]
DISAGREE = [
    ("a red boat", "a big boat", ["red boat"], "the plan does not say 'red'"),
    ("a cat on a chair", "a cat on a mat", ["cat", "chair"], "the plan does not say 'chair'"),
    ("a red boat", "a red sky above a blue boat", ["red boat"], "'boat' has another colour in the plan"),
    ("a red boat at sea", "a boat on a red sea", ["red boat"], "'boat' has another colour in the plan"),
    (
        "a red cat and a blue dog",
        "a blue cat and a red dog",
        ["red cat"],
        "'cat' has another colour in the plan",
    ),
    ("the boat is red", "a red sun, a blue boat", ["boat is red"], "'boat' has another colour in the plan"),
    ("two cats", "a cat and two dogs", ["two cats"], "'cats' has another count in the plan"),
    ("a car next to two houses", "two cars, a house", ["car"], "'houses' has another count in the plan"),
    ("a beach without people", "a beach with people", ["beach"], "the plan shows 'people'"),
    ("a cat, no hat", "a cat wearing a hat", ["cat"], "the plan shows 'hat'"),
    *(
        (prompt, planned, [], f"{one!r} and {other!r} have changed places in the plan")
        for prompt, planned, one, other in (
            ("a cat on a table", "a table on a cat", "cat", "table"),
            ("a cat on a table", "a table is standing on a big cat at night", "cat", "table"),
            ("a cat sits on a table", "a table sits on a cat", "cat", "table"),
            ("a cat left of a dog", "a dog left of a cat", "cat", "dog"),
            ("a cat left of a dog", "a cat to the right of a dog", "cat", "dog"),
            ("a cat on the left side of a dog", "a cat right of a dog", "cat", "dog"),
            ("a cat under a table", "a cat above a table", "table", "cat"),
            ("a cat under a table", "a cat on top of a table", "table", "cat"),
            ("a cat in front of a house", "a cat behind a house", "cat", "house"),
            ("a cat inside a box", "a cat outside a box", "cat", "box"),
            ("a cat in a box", "a box in a cat", "cat", "box"),
            ("a cat wearing a hat", "a hat wearing a cat", "cat", "hat"),
            ("a knight rides a dragon", "a dragon is riding a knight", "knight", "dragon"),
            ("a horse ridden by a man", "a horse riding a man", "man", "horse"),
            ("a cat looking at a dog", "a dog that looks at a cat", "cat", "dog"),
            ("a red cube on a blue cube", "a blue cube on a red cube", "red cube", "blue cube"),
            ("un chat sur une table", "une table sur un chat", "chat", "table"),
            ("un chat à gauche d'un chien", "un chat à droite d'un chien", "chat", "chien"),
        )
    ),
]


@pytest.mark.parametrize(("prompt", "planned", "quotes"), AGREE)
def test_plans_agree(prompt: str, planned: str, quotes: list[str]) -> None:
    assert disagreements(prompt, planned, quotes) == []


@pytest.mark.parametrize(("prompt", "planned", "quotes", "reason"), DISAGREE)
def test_plans_disagree(prompt: str, planned: str, quotes: list[str], reason: str) -> None:
    found = disagreements(prompt, planned, quotes)
    assert reason in found and not any("\n" in line for line in found)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80))
def test_every_prompt_agrees_with_itself(prompt: str) -> None:
    assert disagreements(prompt, prompt, [prompt]) == []


WORDS = ["a", "the", "red", "blue", "two", "no", "and", "boat", "boats", "cat", "in", "is", "sails", ",", "."]


@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_every_wish_agrees_with_itself(prompt: str) -> None:
    assert disagreements(prompt, prompt, [prompt]) == []
    assert says_all(prompt, prompt)


def test_only_what_is_quoted_must_be_said() -> None:
    assert lost("a red boat at sea", "a boat", ["boat"]) == []
    assert lost("a red boat at sea", "a boat", ["boat", "sea"]) == ["the plan does not say 'sea'"]


def test_what_the_prompt_leaves_open_contradicts_nothing() -> None:
    assert contradictions("a boat", "a red boat") == []
    assert contradictions("boats", "three boats") == []
    assert contradictions("a red boat", "a cat") == []


def test_languages_are_told_apart_by_their_words_of_grammar_and_their_script() -> None:
    assert is_translated("ein Hund auf dem Sofa", "a dog on the sofa")
    assert is_translated("красная лодка", "a red boat")
    assert not is_translated("a dog on the sofa", "a dog on a sofa")
    assert not is_translated("un chien", "un chien dans la rue")
    assert not is_translated("dog, cat", "a dog and a cat")
