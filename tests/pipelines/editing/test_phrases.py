"""Things in a wording: named in many ways, found, and replaced with what else they might be."""

import pytest

from diptych.pipelines.editing.phrases import OTHERS, phrase_of, phrases_in, replaced, with_others
from diptych.pipelines.vocabulary import EVERYDAY

TEXT = "a small red boat on the left and an orange tree on the right, at sunset"


@pytest.mark.parametrize("name", ["boat", "Boat", "the boat", "a red ship", "small sailboat", "boats"])
def test_a_thing_is_found_by_any_of_its_names(name: str) -> None:
    phrase = phrase_of(name, TEXT, EVERYDAY)
    assert phrase is not None and TEXT[phrase.start : phrase.end] == "a small red boat"
    assert (phrase.size, phrase.colour, phrase.kind) == ("small", "red", "boat")


@pytest.mark.parametrize("name", ["zebra", "castle", "blue boat", "big tree", "", "the"])
def test_what_the_text_does_not_name_is_not_found(name: str) -> None:
    assert phrase_of(name, TEXT, EVERYDAY) is None


def test_nouns_of_no_world_are_found_as_they_stand() -> None:
    phrase = phrase_of("the moon", "a castle under a moon", EVERYDAY)
    assert phrase is not None and phrase.kind == "moon"


def test_several_stay_several() -> None:
    (phrase,) = phrases_in("three red cats, at night", EVERYDAY)
    assert phrase.several and phrase.named(EVERYDAY, kind="butterfly") == "three red butterflies"


def test_the_article_follows_the_word() -> None:
    boat = phrases_in(TEXT, EVERYDAY)[0]
    assert boat.named(EVERYDAY, size="", kind="apple") == "a small red apple"
    assert phrases_in("a red boat", EVERYDAY)[0].named(EVERYDAY, colour="orange") == "an orange boat"
    assert replaced("a red boat at sea", phrases_in("a red boat", EVERYDAY)[0], "a cat") == "a cat at sea"


def test_the_others_name_nothing_that_the_text_names() -> None:
    phrase = phrase_of("boat", TEXT, EVERYDAY)
    assert phrase is not None
    others = with_others(TEXT, phrase, EVERYDAY)
    assert len(set(others)) == OTHERS
    for other in others:
        assert other.endswith("on the left and an orange tree on the right, at sunset")
        assert "boat" not in other and "small" in other
        assert len(phrases_in(other, EVERYDAY)) == 2
    assert sum("red" in other for other in others) == OTHERS // 3
