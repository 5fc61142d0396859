"""Instructions in words: what becomes of the plan, and where the picture is to change."""

import dataclasses

import pytest

from diptych.engine.values.fact import Fact, Span
from diptych.engine.values.start import Wording
from diptych.pipelines.editing.instruction import Change
from diptych.pipelines.editing.instruction import changed as changed_in
from diptych.pipelines.vocabulary import EVERYDAY

FACTS = (
    Fact(kind="thing", text="a boat"),
    Fact(kind="colour", text="a red boat"),
    Fact(kind="relation", text="a boat to the left of a tree"),
    Fact(kind="setting", text="at sunset"),
)
WORDING = Wording(prompt="a red boat on the left and a blue tree on the right, at sunset", facts=FACTS)


def changed(wording: Wording, instruction: str) -> Change | None:
    return changed_in(wording, instruction, EVERYDAY)


TREE = "a blue tree on the right"


@pytest.mark.parametrize(
    ("instruction", "prompt", "where"),
    [
        ("make the boat green", f"a green boat on the left and {TREE}, at sunset", "thing"),
        ("Please paint the ship orange!", f"an orange boat on the left and {TREE}, at sunset", "thing"),
        ("the boat should be bigger", f"a big red boat on the left and {TREE}, at sunset", "thing"),
        ("put a cat instead of the boat", f"a red cat on the left and {TREE}, at sunset", "thing"),
        ("replace the boat with a pink house", f"a pink house on the left and {TREE}, at sunset", "thing"),
        ("make the boat a castle", f"a red castle on the left and {TREE}, at sunset", "thing"),
        ("turn the boat into a castle", f"a red castle on the left and {TREE}, at sunset", "thing"),
        ("at night", f"a red boat on the left and {TREE}, at night", "around things"),
        ("move it to the beach", f"a red boat on the left and {TREE}, at the beach", "around things"),
        ("make it pixel art", f"a red boat on the left and {TREE}, at sunset, as pixel art", "everywhere"),
    ],
)
def test_an_instruction_changes_what_it_names(instruction: str, prompt: str, where: str) -> None:
    change = changed(WORDING, instruction)
    assert change is not None
    assert (change.wording.prompt, change.where) == (prompt, where)


def test_facts_change_with_the_prompt() -> None:
    change = changed(WORDING, "put a yellow cat instead of the boat")
    assert change is not None
    assert [fact.text for fact in change.wording.facts] == [
        "a cat",
        "a yellow cat",
        "a cat to the left of a tree",
        "at sunset",
    ]
    night = changed(WORDING, "at night")
    assert night is not None and night.wording.facts == (*FACTS[:3], Fact(kind="setting", text="at night"))
    ink = changed(WORDING, "in ink")
    assert ink is not None and ink.wording.facts == (*FACTS, Fact(kind="style", text="in ink"))


def test_a_plain_style_is_not_said() -> None:
    change = changed(Wording(prompt="a boat, at night, in ink"), "make it a flat drawing")
    assert change is not None and change.wording.prompt == "a boat, at night"


@pytest.mark.parametrize(
    "text", ["make the zebra blue", "put a moon instead of the sun", "hello", "", "make it"]
)
def test_what_is_not_understood_changes_nothing(text: str) -> None:
    assert changed(WORDING, text) is None


@pytest.mark.parametrize(
    ("instruction", "left_out"),
    [
        ("make the boat green and furry", ["furry"]),
        ("make the boat green at night", []),
        ("make the boat and the tree green", []),
        ("put a furry cat instead of the boat", ["furry"]),
        ("put two cats instead of the boat", ["two"]),
        ("move it to the beach, and add a dog", ["dog"]),
        ("please make the boat much bigger", []),
        ("at night, in ink", []),
    ],
)
def test_what_is_not_understood_of_an_instruction_is_left_out_by_name(
    instruction: str, left_out: list[str]
) -> None:
    change = changed(WORDING, instruction)
    assert change is not None
    assert list(change.wording.left_out) == [Span.elsewhere(text) for text in left_out]


def test_what_was_left_out_before_is_left_out_still() -> None:
    asked = "a cat wearing a hat in a boat"
    cat = Fact(kind="thing", text="a cat", span=Span.of(asked, 2, 5))
    left_out = tuple(
        Span.of(asked, at, at + len(word)) for word, at in (("wearing", 6), ("hat", 16), ("in", 20))
    )
    wording = Wording(prompt="a red cat in the middle, in a meadow", facts=(cat,), left_out=left_out)
    for instruction in ("make the cat black", "at night", "in ink", "replace the cat with a bird"):
        change = changed(wording, f"{instruction}, furry")
        assert change is not None
        assert list(change.wording.left_out) == [
            Span.elsewhere(text) for text in ("wearing", "hat", "in", "furry")
        ], instruction
        again = changed(change.wording, "under water, with a hat")
        assert again is not None
        assert [str(span) for span in again.wording.left_out] == ["wearing", "hat", "in", "furry"]


def test_what_was_left_out_of_a_thing_goes_with_it() -> None:
    asked = "a furry cat with a spaceship"
    facts = (Fact(kind="thing", text="a cat", span=Span.of(asked, 8, 11)),)
    left_out = (Span.of(asked, 2, 7), Span.of(asked, 19, 28))
    wording = Wording(prompt="a red cat in the middle, at night", facts=facts, left_out=left_out)
    other, black = changed(wording, "put a bird instead of the cat"), changed(wording, "make the cat black")
    assert other is not None and [str(span) for span in other.wording.left_out] == ["spaceship"]
    assert black is not None and [str(span) for span in black.wording.left_out] == ["furry", "spaceship"]
    two = dataclasses.replace(wording, prompt="a red cat above a blue cat, at night")
    other = changed(two, "put a bird instead of the red cat")
    assert other is not None and [str(span) for span in other.wording.left_out] == ["furry", "spaceship"]


def test_what_changes_is_asked_for_and_all_else_is_as_it_was() -> None:
    asked = Fact(kind="setting", text="at sunset", span=Span(start=3, end=12, text="at sunset"))
    added = tuple(dataclasses.replace(fact, asked=False) for fact in FACTS[:3])
    change = changed(Wording(prompt=WORDING.prompt, facts=(*added, asked)), "make the boat green")
    assert change is not None
    assert [(fact.text, fact.asked, fact.span) for fact in change.wording.facts] == [
        ("a boat", False, None),
        ("a green boat", True, None),
        ("a boat to the left of a tree", False, None),
        ("at sunset", True, None),
    ]
    cat = changed(Wording(prompt=WORDING.prompt, facts=added), "put a cat instead of the boat")
    assert cat is not None
    assert [(fact.text, fact.asked) for fact in cat.wording.facts] == [
        ("a cat", True),
        ("a red cat", False),  # nobody spoke of its colour
        ("a cat to the left of a tree", False),
    ]


def test_what_no_fact_said_gets_a_fact() -> None:
    bigger = changed(WORDING, "make the boat huge")
    assert bigger is not None and bigger.wording.prompt.startswith("a big red boat")
    assert [fact.text for fact in bigger.wording.facts][:3] == ["a boat", "a red boat", "a big boat"]
    flat = changed(WORDING, "make it a flat drawing")
    assert flat is not None and Fact(kind="style", text="as a flat drawing") in flat.wording.facts


def test_another_thing_of_the_kind_keeps_its_colour() -> None:
    facts = tuple(Fact(kind="colour", text=text) for text in ("a red boat", "a blue boat"))
    two = Wording(prompt="a red boat on the left and a blue boat on the right", facts=facts)
    change = changed(two, "make the red boat green")
    assert change is not None
    assert [fact.text for fact in change.wording.facts] == ["a green boat", "a blue boat"]


def test_a_whole_statement_changes_with_the_prompt() -> None:
    said = "a red boat, at sunset"
    captioned = Wording(prompt=said, facts=(Fact(kind="other", text=said, asked=False),))
    for instruction, text in (
        ("at night", "a red boat, at night"),
        ("make the boat blue", "a blue boat, at sunset"),
    ):
        change = changed(captioned, instruction)
        assert change is not None and change.wording.facts[0] == Fact(kind="other", text=text)


@pytest.mark.parametrize("text", ["make the boat not red", "don't put a cat instead of the boat", "no night"])
def test_what_is_not_to_be_is_no_change(text: str) -> None:
    assert changed(WORDING, text) is None
