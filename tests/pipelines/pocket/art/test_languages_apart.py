"""Words that mean one thing in a language and another, or nothing, in the one that a prompt is in."""

import pytest

from diptych.engine.language.closed_vocabulary.vocabulary import Vocabulary, vocabulary_of
from diptych.engine.language.closed_vocabulary.wish_reader import wish_of
from diptych.engine.language.words.english import is_english
from diptych.pipelines.pocket.art import HANDS, known_kinds, own_kinds
from diptych.pipelines.pocket.art.vocabulary import vocabulary_table


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return vocabulary_of(vocabulary_table({**known_kinds(), **own_kinds()}, HANDS))


@pytest.mark.parametrize(
    ("prompt", "kinds", "unknown"),
    [
        ("main street at night", [], ["main street"]),  # a hand, in French
        ("a stern captain", [], ["stern captain"]),  # a star, in German
        ("a dent in a car", ["car"], ["dent in"]),  # a tooth
        ("a pain in the neck", [], ["pain", "neck"]),  # a loaf of bread
        ("a garden hose", [], ["garden hose"]),  # a pair of jeans
        ("a lit candle", ["candle"], ["lit"]),  # a bed
        ("a short woman", ["woman"], ["short"]),  # a pair of shorts
        ("a mesa in the desert", [], ["mesa"]),  # a table
        ("ours is a blue cat", ["cat"], ["ours"]),  # a bear
        ("chat bubbles", [], ["chat bubbles"]),  # a cat
        ("pastel colors cat", ["cat"], ["pastel"]),  # a pie
        ("manga style girl", ["girl"], ["manga"]),  # a mango, in Portuguese
        ("Kodak Portra photo of a cat", ["cat"], ["Kodak Portra photo"]),  # a slip of a door
        ("a robe", [], ["robe"]),  # a dress
        ("3 main streets", [], ["3 main streets"]),
        ("main street, 4k, masterpiece", [], ["main street"]),
    ],
)
def test_an_english_word_is_not_what_it_means_elsewhere(
    vocabulary: Vocabulary, prompt: str, kinds: list[str], unknown: list[str]
) -> None:
    wish = wish_of(prompt, vocabulary)
    assert [thing.kind.value for thing in wish.things] == kinds
    assert [span.text for span in wish.left_out] == unknown


@pytest.mark.parametrize(
    ("prompt", "kinds"),
    [
        ("la main", ["hand"]),
        ("le chat", ["cat"]),
        ("l'ours", ["bear"]),
        ("das Haus und der Stern", ["house", "star"]),
        ("die Katze", ["cat"]),  # and no die, which is thrown
        ("casa", ["house"]),  # so rare in English that it is none
        ("la casa", ["house"]),
        ("a casa", ["house"]),
        ("a cobra", ["snake"]),
        ("un chemin dans les bois", []),  # oxen, in Portuguese
        ("o gato", ["cat"]),
        ("chat", ["cat"]),
        ("Stern", ["star"]),
        ("ein Boot", ["boat"]),
        ("ein Hut", ["sun hat"]),
        ("el pie", ["foot"]),
        ("um skate", ["skateboard"]),
        ("el gato en la mesa", ["cat", "table"]),
        ("hay una bicicleta", ["bicycle"]),  # and no bale of hay
        ("ein Hund hat einen Ball", ["dog", "ball"]),  # and no hat
        ("ich bin eine Katze", ["cat"]),  # and no bin
        ("on voit un chat car il est rouge", ["cat"]),  # and no car
        ("a man with a hat, a bin and a car", ["man", "sun hat", "wastebasket", "car"]),
    ],
)
def test_in_its_own_language_it_is(vocabulary: Vocabulary, prompt: str, kinds: list[str]) -> None:
    assert [thing.kind.value for thing in wish_of(prompt, vocabulary).things] == kinds


@pytest.mark.parametrize(
    ("prompt", "kinds"),
    [
        ("a red gato on a table", ["cat", "table"]),
        ("eine Katze und ein Hund by the sea", ["cat", "dog"]),
        ("a dog and a 猫", ["dog", "cat"]),
        ("a beatiful elefant in the jungel", ["elephant"]),
        ("a red girafe", ["giraffe"]),
    ],
)
def test_a_word_that_is_none_in_the_language_of_a_prompt_is_what_it_is_elsewhere(
    vocabulary: Vocabulary, prompt: str, kinds: list[str]
) -> None:
    assert [thing.kind.value for thing in wish_of(prompt, vocabulary).things] == kinds


def test_what_is_english() -> None:
    assert is_english(["main", "street"]) and is_english(["a", "dent"]) and is_english(["the", "casa"])
    assert is_english(["2", "main", "streets"]) and not is_english(["main"])  # a lone word is anybody's
    assert not is_english(["a", "casa"]) and not is_english(["ein", "hund"]) and not is_english(["the", "猫"])
