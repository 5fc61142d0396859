"""Prompts as people type them, read by rule: things, what is said of them, and what is left out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.language.closed_vocabulary.phrases import misspelt_in
from diptych.engine.language.closed_vocabulary.vocabulary import Vocabulary
from diptych.engine.language.closed_vocabulary.wish import Said, Wish
from diptych.engine.language.closed_vocabulary.wish_reader import wish_of
from diptych.engine.language.words.prompt_syntax import marked

from ..work import assert_linear


def value(said: Said | None) -> str:
    return said.value if said else ""


def things(wish: Wish) -> list[str]:
    """Each thing as `2 small red cat on the left`."""
    return [
        " ".join(filter(None, map(value, (each.number, each.size, each.colour, each.kind, each.place))))
        for each in wish.things
    ]


def assert_read(prompt: str, vocabulary: Vocabulary, kept: list[str], left_out: list[str]) -> None:
    """The prompt wishes for these things, and what else it asks for is left out by these words."""
    wish = wish_of(prompt, vocabulary)
    assert things(wish) == kept
    assert [span.text for span in wish.left_out] == left_out


@pytest.mark.parametrize(
    ("prompt", "expected", "left_out"),
    [
        ("a cat sitting on a chair", ["cat", "chair"], ["sitting on"]),
        ("a cat wearing a hat", ["cat"], ["wearing", "hat"]),
        ("five red apples", ["5 red apple"], []),
        ("cat, dog, bird", ["cat", "bird"], ["dog"]),
        ("a gray cat in the snow", ["cat"], ["gray"]),
        ("a red car next to two blue houses", ["red car", "2 blue house"], []),
        ("a red wooden boat", ["red boat"], ["wooden"]),
        ("a house with a red door and a blue boat", ["house", "blue boat"], ["red door"]),
        ("a fish in a cup", ["fish", "cup"], ["in"]),
        ("a cat under a bridge", ["cat"], ["under", "bridge"]),
        ("an orange", [], ["orange"]),
        ("a rose and a cat", ["cat"], ["rose"]),
        ("a cat in red", ["red cat"], []),
        ("a boat that is small and red", ["small red boat"], []),
        ("a small, red cat", ["small red cat"], []),
        ("the car is blue. the tree is green.", ["blue car", "green tree"], []),
        ("a cat and a house. The cat is red and on the left.", ["red cat on the left", "house"], []),
        ("a black and white cat", ["black cat"], ["white"]),
        ("red boat, big, left, sunset, ink", ["big red boat on the left"], []),
        ("orange sunset, a boat", ["boat"], ["orange"]),
        ("cats", ["several cat"], []),
        ("some fish", ["several fish"], []),
        ("the old boat, the one I had", ["boat"], ["old"]),
        ("a starfish and a sunflower and a snail", ["snail"], ["starfish", "sunflower"]),
    ],
)
def test_a_noun_takes_what_is_said_of_it_and_the_rest_is_left_out(
    vocabulary: Vocabulary, prompt: str, expected: list[str], left_out: list[str]
) -> None:
    assert_read(prompt, vocabulary, expected, left_out)


@pytest.mark.parametrize(
    ("prompt", "kept", "left_out"),
    [
        ("a cat without a tail", ["cat"], ["without", "tail"]),
        ("a meadow with no trees, a cat", ["cat"], ["no trees"]),
        ("a house without a roof and a red cat", ["house", "red cat"], ["without", "roof"]),
        ("a tree without birds and flowers", ["tree"], ["without birds", "flowers"]),
        ("a cat that is not red", ["cat"], ["not red"]),
        ("not a cat but a boat", ["boat"], ["not", "cat"]),
        ("I don't want a dog, just one cat", ["1 cat"], ["don't", "dog"]),
        ("un train sans fumée dans le désert", ["train"], ["sans fumée"]),
    ],
)
def test_what_is_negated_is_never_drawn(
    vocabulary: Vocabulary, prompt: str, kept: list[str], left_out: list[str]
) -> None:
    assert_read(prompt, vocabulary, kept, left_out)


@pytest.mark.parametrize(
    ("prompt", "kept", "left_out"),
    [
        ("the dog is red and the cat is blue", ["blue cat"], ["dog", "red"]),
        ("a cat with a hat. The hat is red.", ["cat"], ["hat", "hat", "red"]),
        ("a cat with eyes that are blue", ["cat"], ["eyes", "blue"]),
        ("a dog on the left and a cat on the right", ["cat on the right"], ["dog on the left"]),
        ("a dog. It is red. It sits by a house.", ["house"], ["dog", "red", "sits"]),
        ("a black cat's red chair", ["red chair"], ["black cat's"]),
        ("a bird with red and blue wings", ["bird"], ["red", "blue wings"]),
        ("cat, black, red house, snow", ["black cat", "red house"], []),
        ("a boat on the blue ocean", ["boat"], ["blue"]),
        ("two oranges and a cup", ["cup"], ["two oranges"]),
        ("roses and a butterfly", ["butterfly"], ["roses"]),
        ("trois fleurs roses", ["3 pink flower"], []),
        ("two cats, one red and one blue", ["2 cat"], ["red", "blue"]),
        ("a cat and a bird. Both are yellow.", ["yellow cat", "yellow bird"], []),
        ("a house and a tree. The house is red and on the left.", ["red house on the left", "tree"], []),
    ],
)
def test_what_is_said_binds_to_its_own_noun(
    vocabulary: Vocabulary, prompt: str, kept: list[str], left_out: list[str]
) -> None:
    assert_read(prompt, vocabulary, kept, left_out)


@pytest.mark.parametrize(
    ("prompt", "kept"),
    [
        ("a cat and another cat", ["cat", "cat"]),
        ("a small tree and a big tree", ["small tree", "big tree"]),
        ("the red cat and the small cat", ["red cat", "small cat"]),
        ("the cat is red. The cat is small.", ["small red cat"]),
        ("cat, sunset, cat", ["cat"]),
        ("cats: three", ["3 cat"]),
        ("2cats", ["2 cat"]),
    ],
)
def test_a_thing_is_another_one_unless_it_was_spoken_of_before(
    vocabulary: Vocabulary, prompt: str, kept: list[str]
) -> None:
    wish = wish_of(prompt, vocabulary)
    assert things(wish) == kept and not wish.left_out


@pytest.mark.parametrize(
    ("prompt", "kept", "left_out"),
    [
        ("two-headed turtle", ["turtle"], ["two-headed"]),
        ("non-red cat", ["cat"], ["non-red"]),
        ("sky-blue boat", ["blue boat"], ["sky"]),
        ("a cat called Rose", ["cat"], ["called Rose"]),
        ("a house with the word BIRD on it", ["house"], ["word BIRD"]),
        ("a cat drawing a house", ["cat", "house"], ["drawing"]),
        ("a can and a cup", ["cup"], ["can"]),
        ("un chat d'or", ["cat"], ["or"]),
        ("a cat like a balloon", ["cat", "balloon"], ["like"]),
        ("a cat in a beautiful car", ["cat", "car"], ["in"]),
        ("a house for a cat", ["house", "cat"], ["for"]),
        ("a car left in the rain", ["car"], ["left"]),
        ("a car facing left", ["car"], ["facing left"]),
        ("a cat right behind a tree", ["cat", "tree"], ["right behind"]),
        ("a winter coat on a chair", ["chair"], ["winter coat on"]),
        ("a bird house", ["house"], ["bird"]),
        ("clouds above a house with a tree", ["house", "tree"], ["clouds above"]),
        ("a cat or a bird", ["cat"], ["or", "bird"]),
        ("Good evening! A lighthouse, please draw it.", ["lighthouse"], []),
        ("I hate cats. Draw a bird.", ["bird"], ["hate cats"]),
        ("a cat, don't forget the tree", ["cat", "tree"], []),
        ("can't wait to see a red castle", ["red castle"], []),
        ("subject: cat; style: ink", ["cat"], []),
        ("/imagine prompt: a red cat", ["red cat"], []),
        ("a cat with a \U0001f3a9", ["cat"], ["\U0001f3a9"]),
        ("a blue cat \U0001f499", ["blue cat"], []),
        ("a man and a cat", ["cat"], ["man"]),
        ("a cat within a house", ["cat", "house"], ["within"]),
        ("a cat sees a fish", ["cat", "fish"], ["sees"]),
        ("1,000 cats", ["several cat"], ["1,000"]),
        ("x0 cats, a boat", ["boat"], ["x0 cats"]),
        ("yellow fish x4", ["4 yellow fish"], []),
    ],
)
def test_known_words_that_ask_for_something_else_are_no_things(
    vocabulary: Vocabulary, prompt: str, kept: list[str], left_out: list[str]
) -> None:
    assert_read(prompt, vocabulary, kept, left_out)


@pytest.mark.parametrize(
    ("prompt", "denied"),
    [
        ("a cat that is not black", {("colour", "black")}),
        ("a fish, not under water", {("setting", "under water")}),
        ("a forest, no mushroom", {("kind", "mushroom")}),
        ("no red flower, just a flower", {("colour", "red")}),
        ("a cat instead of a bird", {("kind", "bird")}),
        ("a not so big cat", {("size", "big")}),
        ("a red house without a red door", set()),
    ],
)
def test_what_is_denied_is_known_so_that_nobody_adds_it(
    vocabulary: Vocabulary, prompt: str, denied: set[tuple[str, str]]
) -> None:
    assert wish_of(prompt, vocabulary).denied == denied


@pytest.mark.parametrize(
    ("prompt", "relation"),
    [
        ("a cat above a house", ("above", (0, 1))),
        ("a brown chair with a clock above it", ("above", (1, 0))),
        ("under a tree, a snail", ("below", (1, 0))),
        ("a cat, under a tree", ("below", (0, 1))),
        ("a cat to the right of a house", ("to the right of", (0, 1))),
        ("a cat between a house and a tree", ("between", (0, 1, 2))),
        ("un chat noir à gauche d'une maison rouge", ("to the left of", (0, 1))),
    ],
)
def test_relations_are_of_the_things_that_they_stand_between(
    vocabulary: Vocabulary, prompt: str, relation: tuple[str, tuple[int, ...]]
) -> None:
    (found,) = wish_of(prompt, vocabulary).relations
    assert (found.said.value, found.things) == relation


@pytest.mark.parametrize(
    ("prompt", "setting", "style"),
    [
        ("a boat on the ocean", "at the beach", ""),
        ("a fish in the ocean", "under water", ""),
        ("deep in the ocean, a cat", "under water", ""),
        ("a boat at sea, pixelart", "at the beach", "as pixel art"),
        ("a cat in a dark forest in watercolor", "in a forest", "in watercolour"),
        ("un chat sous la pluie, à l'encre", "in the rain", "in ink"),
        ("a castle BREAK at night", "at night", ""),
    ],
)
def test_settings_and_styles_are_known_by_many_names(
    vocabulary: Vocabulary, prompt: str, setting: str, style: str
) -> None:
    wish = wish_of(prompt, vocabulary)
    assert (value(wish.setting), value(wish.style), wish.left_out) == (setting, style, ())


def test_a_setting_that_holds_for_some_things_is_left_out_for_others(vocabulary: Vocabulary) -> None:
    wish = wish_of("a cat at sea", vocabulary)
    assert wish.setting is None and [span.text for span in wish.left_out] == ["at sea"]


def test_of_two_settings_the_second_is_left_out(vocabulary: Vocabulary) -> None:
    wish = wish_of("a cat in the city at night", vocabulary)
    assert value(wish.setting) == "in the city" and [span.text for span in wish.left_out] == ["at night"]


@pytest.mark.parametrize(
    "prompt", ["(red boat:1.3), sunset", "((red boat)) sunset", "[red] boat, sunset, 8k, (best quality:1.4)"]
)
def test_weights_and_praise_are_no_words(vocabulary: Vocabulary, prompt: str) -> None:
    wish = wish_of(prompt, vocabulary)
    assert (things(wish), value(wish.setting), wish.left_out) == (["red boat"], "at sunset", ())


@pytest.mark.parametrize("mark", ["<lora:ink:0.8>", "<hypernet:a b:1>", "embedding:bad-hands"])
def test_extra_weights_ask_for_nothing_to_be_seen(vocabulary: Vocabulary, mark: str) -> None:
    for prompt in (f"a red cat {mark}", f"{mark} a red cat"):
        wish = wish_of(prompt, vocabulary)
        assert (things(wish), wish.left_out) == (["red cat"], ())
        assert [span.text for span in marked(prompt).weights] == [mark]


@pytest.mark.parametrize(
    ("prompt", "read_as"),
    [
        ("a rde boat", {"rde": "red"}),
        ("a gren boat at sunest", {"gren": "green", "sunest": "at sunset"}),
        ("a red cta", {"cta": "cat"}),
        ("a red boat", {}),
        ("a rat and a car", {}),
    ],
)
def test_a_misspelt_word_is_said_to_be_read_as_another(
    vocabulary: Vocabulary, prompt: str, read_as: dict[str, str]
) -> None:
    assert misspelt_in(prompt, vocabulary) == read_as
    assert not {*read_as} & {span.text for span in wish_of(prompt, vocabulary).left_out}


@pytest.mark.parametrize(
    ("prompt", "left_out"),
    [
        ("a red cat --seed 5 --steps 2", "--seed 5 --steps 2"),
        ("a red cat [dog:cat:0.5]", "[dog:cat:0.5]"),
    ],
)
def test_marks_that_nobody_carries_out_are_left_out_whole(
    vocabulary: Vocabulary, prompt: str, left_out: str
) -> None:
    wish = wish_of(prompt, vocabulary)
    assert things(wish) == ["red cat"] and [span.text for span in wish.left_out] == [left_out]


def test_the_number_of_a_list_counts_nothing(vocabulary: Vocabulary) -> None:
    assert things(wish_of("2. a cat", vocabulary)) == ["cat"]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [("a red baloon", ["red balloon"]), ("a lighthose", ["lighthouse"]), ("two mushroms", ["2 mushroom"])],
)
def test_slips_are_understood(vocabulary: Vocabulary, prompt: str, expected: list[str]) -> None:
    wish = wish_of(prompt, vocabulary)
    assert things(wish) == expected and not wish.left_out


@pytest.mark.parametrize("word", ["goat", "coat", "mouse", "bear", "cap", "bat", "chain", "crown", "horse"])
def test_words_that_look_like_known_ones_are_not_taken_for_them(vocabulary: Vocabulary, word: str) -> None:
    wish = wish_of(f"a {word} and a cat", vocabulary)
    assert things(wish) == ["cat"] and [span.text for span in wish.left_out] == [word]


def test_spans_are_places_in_the_prompt(vocabulary: Vocabulary) -> None:
    prompt = "((A  Red\tboat:1.2)) wearing\na HAT"
    wish = wish_of(prompt, vocabulary)
    spans = [*wish.things[0].spans, *wish.left_out]
    assert [span.text for span in spans] == ["boat", "Red", "wearing", "HAT"]
    assert all(prompt[span.start : span.end] == span.text for span in spans)


WORDS = [
    "a",
    "red",
    "cat",
    "two",
    "dog",
    "on",
    "the left",
    "above",
    "without",
    "and",
    ",",
    "at night",
    "between",
]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), max_size=30).map(" ".join))
def test_any_prompt_is_read_and_every_span_lies_in_it(vocabulary: Vocabulary, prompt: str) -> None:
    wish = wish_of(prompt, vocabulary)
    spans = [span for thing in wish.things for span in thing.spans] + list(wish.left_out)
    assert all(prompt[span.start : span.end] == span.text and span.text for span in spans)


HOSTILE = [
    *("a red cat and ", "no ", "not ", "(", "cat-", "between ", "[a|", "very ", "l'", "cats ", "a cat above "),
    *("\n", "1", "::", "--a ", "made of ", "cat called ", "without a cat ", "prompt", "or ", '"'),
]


@pytest.mark.parametrize("part", HOSTILE)
def test_the_work_of_reading_grows_as_the_prompt_does(vocabulary: Vocabulary, part: str) -> None:
    assert_linear(lambda prompt: wish_of(prompt, vocabulary), part)


@pytest.mark.parametrize("part", ["\n", "1", "::", "a:1", "[a|", "--a "])
def test_marks_without_end_are_read(vocabulary: Vocabulary, part: str) -> None:
    """What regular expressions do is not counted: of these, quadratic ones took minutes."""
    assert wish_of((part * 20_000)[:19_990] + " a cat", vocabulary).prompt
