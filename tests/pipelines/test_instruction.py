"""Instructions in words: what becomes of the plan, and where the picture is to change."""

import pytest

from diptych.engine.fact import Fact
from diptych.engine.start import Wording
from diptych.pipelines.instruction import changed

FACTS = (
    Fact(kind="thing", text="a boat"),
    Fact(kind="colour", text="a red boat"),
    Fact(kind="relation", text="a boat to the left of a tree"),
    Fact(kind="setting", text="at sunset"),
)
WORDING = Wording(prompt="a red boat on the left and a blue tree on the right, at sunset", facts=FACTS)


TREE = "a blue tree on the right"


@pytest.mark.parametrize(
    ("instruction", "prompt", "where"),
    [
        ("make the boat green", f"a green boat on the left and {TREE}, at sunset", "thing"),
        ("Please paint the ship orange!", f"an orange boat on the left and {TREE}, at sunset", "thing"),
        ("the boat should be bigger", f"a big red boat on the left and {TREE}, at sunset", "thing"),
        ("put a cat instead of the boat", f"a red cat on the left and {TREE}, at sunset", "thing"),
        ("replace the boat with a pink house", f"a pink house on the left and {TREE}, at sunset", "thing"),
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
