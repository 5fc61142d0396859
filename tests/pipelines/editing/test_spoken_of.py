"""Instructions are told from descriptions, and what they speak of from what is there."""

import pytest

from diptych.pipelines.editing.instruction import is_instruction
from diptych.pipelines.editing.phrases import not_there
from diptych.pipelines.recipes.reader import read_recipe
from diptych.pipelines.vocabulary import vocabulary_for


@pytest.mark.parametrize(
    "text",
    [
        "remove the giraffe",
        "Please make the boat red",
        "make it night",
        "replace the boat by a cat",
        "add a cat on the left",
        "colour the tree blue",
        "could you  turn this into a drawing",
    ],
)
def test_instructions(text: str) -> None:
    assert is_instruction(text)


@pytest.mark.parametrize(
    "text",
    ["a red boat", "paint a red boat", "make a picture of a cat", "the cat is added", "additional cats", ""],
)
def test_descriptions(text: str) -> None:
    assert not is_instruction(text)


@pytest.mark.parametrize(
    ("instruction", "noun"),
    [
        ("make the giraffe blue", "giraffe"),
        ("swap the boat and the giraffe", "giraffe"),
        ("make the ship blue", ""),
        ("put a giraffe beside the boat", ""),
        ("make the glorp blue", ""),
        ("remove the dogs and the boat", "dogs"),
    ],
)
def test_things_that_are_not_there(instruction: str, noun: str) -> None:
    assert not_there(instruction, "a red boat at sunset", vocabulary_for(read_recipe("atlas"))) == noun
