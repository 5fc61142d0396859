"""Words in different dress."""

import pytest

from diptych.engine.language.words.inflection import stem


@pytest.mark.parametrize(
    "forms",
    [
        "boat boats Boat BOAT'S boats'",
        "box boxes",
        "city cities",
        "house houses",
        "dress dresses",
        "horse horses",
        "child children",
        "person people",
        "leaf leaves",
        "sit sits sitting sat",
        "run runs running ran",
        "ride rides riding ridden",
        "wear wears wearing worn",
        "snow snowy",
        "grey gray",
        "two 2",
        "twelve dozen 12",
        "colour color colours colored",
    ],
)
def test_forms_of_a_word_share_a_stem(forms: str) -> None:
    assert len({stem(form) for form in forms.split()}) == 1


@pytest.mark.parametrize(
    "words",
    [
        "red read",
        "cat car",
        "ring rung",
        "bus bush",
        "boat goat",
        "bird bear",
        "one two",
        "king kin",
        "glass glad",
    ],
)
def test_different_words_do_not(words: str) -> None:
    one, other = words.split()
    assert stem(one) != stem(other)
