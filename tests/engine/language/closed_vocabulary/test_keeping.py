"""What a wish leaves open is as in the picture that it starts from; what it says is not."""

import pytest

from diptych.engine.language.closed_vocabulary.composition import composition_of
from diptych.engine.language.closed_vocabulary.keeping import kept
from diptych.engine.language.closed_vocabulary.vocabulary import Vocabulary, read_vocabulary
from diptych.engine.language.closed_vocabulary.wish_reader import wish_of
from diptych.engine.language.closed_vocabulary.wording import only_wording, wordings
from diptych.pipelines.recipes.reader import POCKET_WEIGHTS


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    read = read_vocabulary(POCKET_WEIGHTS / "planner")
    assert read is not None
    return read


@pytest.mark.parametrize(
    ("wish", "shown", "wording"),
    [
        (
            "a green boat",
            "a small red boat on the left, in the city",
            "a small green boat on the left, in the city",
        ),
        (
            "a boat at night",
            "a red boat in the middle, in the city, in ink",
            "a red boat in the middle, at night, in ink",
        ),
        (
            "a red boat and a green boat",
            "a blue boat on the left and a red boat on the right, at night",
            "a green boat on the left and a red boat on the right, at night",
        ),
        (
            "a green boat and a tree",
            "a red boat above a blue tree, in the city",
            "a green boat above a blue tree, in the city",
        ),
        (
            "a tree, a cat and a pink boat",
            "a white cat between a red boat and a blue tree, at night",
            "a white cat between a pink boat and a blue tree, at night",
        ),
        (
            "a tree and a boat on the left",
            "a red boat above a blue tree, in the city",
            "a red boat on the left and a blue tree on the right, in the city",
        ),
        ("boats", "three red boats, at night", "three red boats, at night"),
        ("two boats", "three red boats, at night", "two red boats, at night"),
        ("at night", "a red boat above a blue tree, in the city", "a red boat above a blue tree, at night"),
        ("in ink", "three red cats, in the snow", "three red cats, in the snow, in ink"),
    ],
)
def test_what_is_open_is_as_it_was(vocabulary: Vocabulary, wish: str, shown: str, wording: str) -> None:
    made = composition_of(kept(wish_of(wish, vocabulary), wish_of(shown, vocabulary)))
    assert only_wording(made, vocabulary) == wording
    assert not made.left_out


def test_another_thing_stands_where_the_one_stood_in_a_colour_of_its_own(vocabulary: Vocabulary) -> None:
    shown = wish_of("a small red boat on the left, at sunset", vocabulary)
    cat = wordings(composition_of(kept(wish_of("a cat", vocabulary), shown)), vocabulary)
    assert "a small white cat on the left" in cat and "red" not in cat and cat.endswith(", at sunset")


def test_nobody_asked_for_what_is_kept_and_what_is_left_out_stays_so(vocabulary: Vocabulary) -> None:
    wish = kept(wish_of("a dog at night", vocabulary), wish_of("a red boat on the left", vocabulary))
    (boat,) = wish.things
    assert boat.kind.value == "boat" and boat.spans == []
    assert wish.setting is not None and wish.setting.span is not None
    assert [str(span) for span in wish.left_out] == ["dog"]


def test_a_wish_for_nothing_that_is_known_does_not_become_the_picture(vocabulary: Vocabulary) -> None:
    wish = kept(wish_of("a dog", vocabulary), wish_of("a red boat on the left", vocabulary))
    assert wish.things == ()


def test_what_is_not_to_be_there_is_not_kept(vocabulary: Vocabulary) -> None:
    shown = wish_of("a red boat on the left and a blue tree on the right, at night, in ink", vocabulary)
    wish = kept(wish_of("a boat that is not red, not in ink", vocabulary), shown)
    assert wish.things[0].colour is None and wish.style is None
    assert wish.setting is not None and wish.setting.value == "at night"
    lone = kept(wish_of("in the city, without a tree", vocabulary), shown)
    assert [thing.kind.value for thing in lone.things] == ["boat"]
