"""Where the words of a plan want a thing."""

import pytest

from diptych.engine.language.open_vocabulary.places import Area, place_of, without
from diptych.engine.values.fact import Fact, FactKind

LEFT, RIGHT = Area(right=0.5), Area(left=0.5)


def fact(text: str, kind: FactKind = "thing") -> Fact:
    return Fact(kind=kind, text=text)


@pytest.mark.parametrize(
    ("text", "wording", "area"),
    [
        ("a cat", "a red cat on the left and a blue cup on the right, in a meadow", LEFT),
        ("a blue cup", "a red cat on the left and a blue cup on the right, in a meadow", RIGHT),
        ("a blue cup", "a red cup on the left and a blue cup on the right", RIGHT),
        ("a boat", "a small cat above a red boat, at the beach", Area(top=0.5)),
        ("a small cat", "a small cat above a red boat, at the beach", Area(bottom=0.5)),
        ("a cat", "a cat to the left of two boats", LEFT),
        ("a boat", "a cat to the left of two boats", RIGHT),
        ("a tree", "a cat between a tree and a boat, in ink", Area(right=1 / 3)),
        ("a cat", "a cat between a tree and a boat, in ink", Area(left=1 / 3, right=2 / 3)),
        ("a boat", "a cat between a tree and a boat, in ink", Area(left=2 / 3)),
        ("a cat", "a cat on the left, in the snow", Area(right=0.65)),
        ("a cat in the middle", "a cat, in the snow", Area(left=0.175, right=0.825)),
    ],
)
def test_a_thing_is_wanted_where_the_words_put_it(text: str, wording: str, area: Area) -> None:
    found = place_of(fact(text), wording)
    assert found is not None
    assert [found.left, found.top, found.right, found.bottom] == pytest.approx(
        [area.left, area.top, area.right, area.bottom]
    )


@pytest.mark.parametrize(
    ("text", "kind", "wording"),
    [
        ("a cat", "thing", "a red cat and a blue cup, in a meadow"),
        ("a dog", "thing", "a cat on the left"),
        ("a cat", "thing", "a cat on the left and a cat on the right"),
        ("on the left", "setting", "a cat on the left"),
        ("two things", "count", "a cat on the left and a cup on the right"),
        ("a cat", "thing", "a cat in the middle of a field"),
        ("", "thing", "a cat on the left"),
    ],
)
def test_what_the_words_do_not_place_is_not_guessed(text: str, kind: FactKind, wording: str) -> None:
    assert place_of(fact(text, kind), wording) is None


@pytest.mark.parametrize(
    ("text", "wording", "left"),
    [
        ("a cat", "a red cat and a blue cup, in a meadow", "a blue cup, in a meadow"),
        ("a blue cup", "a red cat and a blue cup, in a meadow", "a red cat, in a meadow"),
        ("a blue cup", "a red cup and a blue cup", "a red cup"),
        ("a cat", "a red cat", None),
        ("a dog", "a red cat", None),
    ],
)
def test_the_words_without_a_thing(text: str, wording: str, left: str | None) -> None:
    assert without(fact(text), wording) == left
