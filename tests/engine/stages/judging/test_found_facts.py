"""Facts, answered by what was found; and what was found, said."""

import pytest

from diptych.engine.language.closed_vocabulary.vocabulary import Vocabulary, vocabulary_of
from diptych.engine.models.vision.things_found import FoundThing, View
from diptych.engine.stages.judging.found_caption import caption_of
from diptych.engine.stages.judging.found_facts import FactReader
from diptych.pipelines.pocket.art.things import known_kinds
from diptych.pipelines.pocket.art.vocabulary import vocabulary_table
from diptych.pipelines.pocket.art.words import HANDS

NAMES = ("dog", "cat", "teapot", "giraffe", "tree", "house")


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return vocabulary_of(vocabulary_table({name: known_kinds()[name] for name in NAMES}, HANDS))


def thing(
    kind: str, x: float, y: float, side: float = 7.0, *, colour: str = "", sure: float = 0.98
) -> FoundThing:
    return FoundThing(
        sure=sure,
        x=x,
        y=y,
        wide=side,
        high=side,
        kinds={kind: 0.97},
        colours={colour: 0.9, **({} if colour == "blue" else {"blue": 0.05})},
        styles={"as a sticker": 0.9},
    )


def view(*things: FoundThing, setting: str = "in a meadow", style: str = "as a sticker") -> View:
    return View(
        things=things, settings={setting: 0.99, "at night": 0.01}, styles={style: 0.97, "as an icon": 0.03}
    )


DOG = thing("dog", 3.5, 10.5, colour="red")
CAT = thing("cat", 12.5, 10.5)
PAIR = view(DOG, CAT)
SEEN = [
    (PAIR, "a dog", True),
    (PAIR, "a teapot", False),
    (PAIR, "a red dog", True),
    (PAIR, "a blue dog", False),
    (PAIR, "a dog on the left", True),
    (PAIR, "a dog on the right", False),
    (PAIR, "a dog in the middle", False),
    (PAIR, "a dog to the left of a cat", True),
    (PAIR, "a cat to the left of a dog", False),
    (PAIR, "a cat to the right of a dog", True),
    (PAIR, "a dog above a cat", False),
    (PAIR, "two things", True),
    (PAIR, "one thing", False),
    (PAIR, "three things", False),
    (PAIR, "one dog", True),
    (PAIR, "in a meadow", True),
    (PAIR, "at night", False),
    (PAIR, "as a sticker", True),
    (PAIR, "as an icon", False),
    (PAIR, "in watercolour", False),
    (view(thing("cat", 8, 8.5, 5)), "a small cat", True),
    (view(thing("cat", 8, 8.5, 5)), "a big cat", False),
    (view(thing("cat", 8, 8.5, 10)), "a big cat", True),
    (view(*(thing("cat", x, 10, 5) for x in (2.5, 8, 13.5))), "three cats", True),
    (view(*(thing("cat", x, 10, 5) for x in (2.5, 8, 13.5))), "two cats", False),
    (view(*(thing("cat", x, 10, 5) for x in (2.5, 8, 13.5))), "several cats", True),
    (view(thing("cat", 8, 10)), "several cats", False),
    (view(thing("dog", 8, 3.5), thing("cat", 8, 11.5)), "a dog above a cat", True),
    (view(thing("dog", 8, 3.5), thing("cat", 8, 11.5)), "a dog below a cat", False),
    (view(thing("dog", 8, 3.5), thing("cat", 8, 11.5)), "a cat below a dog", True),
    (view(thing("dog", 9, 12.5, 5), thing("house", 8, 8, 10)), "a dog in front of a house", True),
    (view(thing("dog", 9, 12.5, 5), thing("house", 8, 8, 10)), "a house behind a dog", True),
    (view(thing("dog", 9, 12.5, 5), thing("house", 8, 8, 10)), "a house in front of a dog", False),
    (view(thing("cat", 8, 4, 5), thing("house", 8, 10, 7)), "a cat on a house", True),
    (view(thing("cat", 8, 4, 5), thing("house", 8, 10, 7)), "a house on a cat", False),
    (
        view(thing("cat", 2, 10, 5), thing("dog", 8, 10, 5), thing("house", 13, 10, 5)),
        "a dog between a cat and a house",
        True,
    ),
    (
        view(thing("cat", 2, 10, 5), thing("dog", 8, 10, 5), thing("house", 13, 10, 5)),
        "a cat between a dog and a house",
        False,
    ),
    (view(), "a cat", False),
    (PAIR, "", False),
    (PAIR, "a wardrobe", False),
    (PAIR, "a dog and a wardrobe", False),
    (view(thing("cat", 4, 10), thing("cat", 12, 10)), "one cat", False),
    (view(thing("dog", 4, 8), thing("cat", 12, 11)), "a dog above a cat", False),
    (view(thing("dog", 7, 3.5), thing("cat", 9, 11.5)), "a dog to the left of a cat", False),
]


@pytest.mark.parametrize(("shown", "text", "true"), SEEN, ids=[f"{text} {true}" for _, text, true in SEEN])
def test_facts_are_answered_by_what_was_found(
    vocabulary: Vocabulary, shown: View, text: str, true: bool
) -> None:
    p = FactReader(vocabulary).probability(text, shown)
    assert 0 < p < 1 and (p > 0.5) == true


def test_a_whole_wording_is_as_sure_as_its_least_sure_part(vocabulary: Vocabulary) -> None:
    reader = FactReader(vocabulary)
    whole = "a red dog on the left and a cat on the right, in a meadow, as a sticker"
    assert reader.probability(whole, PAIR) > 0.5
    assert reader.probability(whole.replace("a meadow", "a forest"), PAIR) < 0.1


def test_a_colour_is_told_from_those_that_such_things_have(vocabulary: Vocabulary) -> None:
    """A tree has no colour without a name, so that it looks like one says nothing against green."""
    tree = thing("tree", 8, 8)
    seen = view(FoundThing(**{**vars(tree), "colours": {"": 0.7, "green": 0.29, "red": 0.01}}))
    assert vocabulary.kinds["tree"].colours == ("green",)
    assert FactReader(vocabulary).probability("a green tree", seen) > 0.8


@pytest.mark.parametrize(
    ("seen", "caption"),
    [
        (PAIR, "a red dog on the left and a cat on the right, in a meadow"),
        (view(thing("cat", 3, 9, 5)), "a small cat on the left, in a meadow"),
        (view(*(thing("cat", x, 10, 5) for x in (2.5, 8, 13.5))), "three cats, in a meadow"),
        (view(thing("dog", 8, 3.5), thing("cat", 8, 11.5)), "a dog above a cat, in a meadow"),
        (view(thing("dog", 9, 12.5, 5), thing("house", 8, 8, 10)), "a dog in front of a house, in a meadow"),
        (view(thing("cat", 8, 4, 5), thing("house", 8, 10, 7)), "a cat on a house, in a meadow"),
        (view(DOG, CAT, thing("dog", 8, 8, 5)), "two dogs and one cat, in a meadow"),
        (view(thing("cat", 8, 8), style="as an icon"), "a cat in the middle, in a meadow, as an icon"),
        (view(thing("cat", 8, 8, sure=0.2)), "nothing that is known, in a meadow"),
    ],
)
def test_what_was_found_is_said_in_the_words_of_plans(vocabulary: Vocabulary, seen: View, caption: str) -> None:
    assert caption_of(seen, vocabulary) == caption
