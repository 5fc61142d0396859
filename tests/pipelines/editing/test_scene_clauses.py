"""Instructions that add, take away, move and exchange; and those of several parts, none of which gets lost."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych import InputError, Outcome, TextToImage, read_recipe
from diptych.engine.language.closed_vocabulary.composition import composition_of
from diptych.engine.language.closed_vocabulary.wish_reader import wish_of
from diptych.engine.language.closed_vocabulary.wording import asked_facts
from diptych.engine.values.start import Wording
from diptych.pipelines.editing.edit import Edit
from diptych.pipelines.editing.instruction import Change, changed
from diptych.pipelines.vocabulary import planner_vocabulary, vocabulary_for

RECIPE = read_recipe("pocket")
KNOWN, WORDS = planner_vocabulary(RECIPE), vocabulary_for(RECIPE)
assert KNOWN is not None
ALONE = "a red boat on the left, at sunset"
PAIR = "a red boat on the left and a blue tree on the right, in a meadow"
STACK = "a blue bird above a red house, in a meadow"
ROW = "a red boat between a blue car and a green tree, at the beach, in ink"
GROUP = "three red cats, at night"
ELSEWHERE = {each: each[each.index(",") :] for each in (ALONE, PAIR, STACK, ROW, GROUP)}
"""What each says of setting and style."""


def wording(prompt: str) -> Wording:
    assert KNOWN is not None
    return Wording(prompt=prompt, facts=asked_facts(composition_of(wish_of(prompt, KNOWN)), KNOWN))


def change(prompt: str, instruction: str) -> Change | None:
    return changed(wording(prompt), instruction, WORDS, known=KNOWN)


@pytest.mark.parametrize(
    ("before", "instruction", "after"),
    [
        (ALONE, "add a blue bird", "a red boat on the left and a blue bird on the right"),
        (ALONE, "Put a blue bird on the left!", "a blue bird on the left and a red boat on the right"),
        (ALONE, "put a blue bird above the boat", "a blue bird above a red boat"),
        (ALONE, "add two yellow fish", "a yellow fish between a red boat and a yellow fish"),
        (ALONE, "another boat", "two red boats"),
        (ALONE, "move the boat to the right", "a red boat on the right"),
        (ALONE, "take the boat away and put a blue cat on the right", "a blue cat on the right"),
        (PAIR, "remove the boat", "a blue tree on the right"),
        (PAIR, "take away the tree", "a red boat on the left"),
        (PAIR, "without the boat", "a blue tree on the right"),
        (PAIR, "replace the boat with a cat", "a red cat on the left and a blue tree on the right"),
        (PAIR, "swap the boat and the tree", "a blue tree on the left and a red boat on the right"),
        (PAIR, "make the boat and the tree pink", "a pink boat on the left and a pink tree on the right"),
        (PAIR, "add a pink bird", "a blue tree between a red boat and a pink bird"),
        (STACK, "remove the bird", "a red house in the middle"),
        (STACK, "put the house above the bird", "a red house above a blue bird"),
        (ROW, "remove the car from the picture", "a red boat on the left and a green tree on the right"),
        (GROUP, "add a cat", "four red cats"),
        (GROUP, "remove one cat", "two red cats"),
    ],
)
def test_things_come_go_and_move(before: str, instruction: str, after: str) -> None:
    made = change(before, instruction)
    assert (
        made is not None
        and made.wording.prompt == f"{after}{ELSEWHERE[before]}"
        and made.wording.left_out == ()
    )


@pytest.mark.parametrize(
    ("before", "instruction", "message"),
    [
        (ALONE, "remove the boat", "without a red boat nothing would be in the picture: put another thing"),
        (ALONE, "remove the cat", "there is no 'cat' in the picture, which shows a red boat"),
        (ROW, "add a bird", "that would be 4 things .*: 3 at most can be drawn, or 4 alike"),
        (GROUP, "add two cats", "that would be 5 alike: 4 at most"),
        (GROUP, "add a bird", "that would be 4 things"),
        (ALONE, "move the boat to the left", "a red boat is on the left already"),
        (
            "a red cat on the left and a blue cat on the right, at night",
            "remove the cat",
            "not clear which cat",
        ),
        (PAIR, "make the boat pink and remove the cat", "there is no 'cat' in the picture"),
    ],
)
def test_what_cannot_be_is_refused(before: str, instruction: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        change(before, instruction)


def test_what_is_added_is_asked_for_and_what_goes_is_not() -> None:
    made = change(ALONE, "add a bird")
    assert made is not None
    facts = {fact.text: fact.asked for fact in made.wording.facts}
    assert facts["a bird"] and facts["a red boat"] and not facts["a blue bird"]
    gone = change(PAIR, "remove the boat")
    assert gone is not None and not any("boat" in fact.text for fact in gone.wording.facts)


def test_a_size_that_there_is_no_room_for_is_named() -> None:
    made = change("a big red boat in the middle, at sunset", "add a bird")
    assert made is not None and [str(span) for span in made.wording.left_out] == ["big"]


def _parts() -> st.SearchStrategy[list[tuple[str, str]]]:
    """Parts of an instruction, in any order, each with what the prompt must say in the end."""
    colours = st.sampled_from(["green", "yellow", "purple", "orange"])
    parts: list[st.SearchStrategy[tuple[str, str]]] = [
        colours.map(lambda c: (f"make the boat {c}", f"{c} boat")),
        colours.map(lambda c: (f"paint the tree {c}", f"{c} tree")),
        st.sampled_from(["at night", "in the rain", "under water", "in a forest"]).map(lambda s: (s, s)),
        st.sampled_from(["in ink", "as pixel art", "in watercolour"]).map(lambda s: (s, s)),
        st.sampled_from(["cat", "lamp", "snail"]).map(lambda k: (f"add a pink {k}", f"pink {k}")),
        st.sampled_from(["make the boat small", "make the tree small"]).map(
            lambda t: (t, f"small {t.split()[2]}")
        ),
    ]
    chosen: Any = st.lists(st.integers(0, len(parts) - 1), min_size=1, max_size=4, unique=True)
    return chosen.flatmap(lambda places: st.tuples(*(parts[i] for i in places)).map(list))


@settings(max_examples=150, deadline=None)
@given(parts=_parts(), joint=st.sampled_from([", ", " and ", ", and ", "; ", ", then "]))
def test_every_part_of_an_instruction_is_carried_out_or_named(parts: list[tuple[str, str]], joint: str) -> None:
    made = change(PAIR, joint.join(text for text, _ in parts))
    assert made is not None
    left_out = {word for span in made.wording.left_out for word in span.text.split()}
    for text, said in parts:
        pattern = said.replace(" ", r" (?:\w+ )?")  # 'a small green boat'
        assert re.search(pattern, made.wording.prompt) or left_out.intersection(said.split()), (
            text,
            made.wording,
        )
    if not any("small" in said for _, said in parts):
        assert not left_out


def test_one_clause_may_say_all_of_it() -> None:
    made = change("a red boat in the middle, at sunset", "make the boat blue and big, at night")
    assert made is not None and made.wording.left_out == ()
    assert made.wording.prompt == "a big blue boat in the middle, at night"


@pytest.fixture(scope="module")
def pair(pocket_pipe: TextToImage) -> Outcome:
    return pocket_pipe(PAIR, seed=11, num_inference_steps=2).outcomes[0]


@pytest.mark.parametrize("instruction", ["remove the boat", "take the tree away and make the boat green"])
def test_what_is_removed_is_gone_and_the_rest_stays(
    pocket_pipe: TextToImage, pair: Outcome, instruction: str
) -> None:
    (made,) = Edit.from_pipe(pocket_pipe)(instruction, image=pair, seed=3, num_inference_steps=4).outcomes
    start = made.request.start
    assert start is not None and start.mask is not None and start.mask.float().mean() < 0.7
    same = (made.picture.pixels == pair.picture.pixels).all(-1)
    assert same[~start.mask].all() and not same[start.mask].all()
    assert made.accepted and " and a" not in made.verdict.caption  # one thing is seen


def test_a_thing_comes_where_there_is_room(pocket_pipe: TextToImage) -> None:
    boat = pocket_pipe(ALONE, seed=7, num_inference_steps=2).outcomes[0]
    (made,) = Edit.from_pipe(pocket_pipe)("add a bird", image=boat, seed=3, num_inference_steps=4).outcomes
    assert "boat" in made.verdict.caption and "bird" in made.verdict.caption
    same = (made.picture.pixels == boat.picture.pixels).all(-1)
    assert same[:, :128].all() and not same[:, 128:].all()


def test_of_things_above_each_other_one_goes(pocket_pipe: TextToImage) -> None:
    both = pocket_pipe(STACK, seed=11, num_inference_steps=2).outcomes[0]
    (made,) = Edit.from_pipe(pocket_pipe)("remove the bird", image=both, num_inference_steps=4).outcomes
    assert "house" in made.verdict.caption and "bird" not in made.verdict.caption


def test_a_refusal_says_what_can_be_drawn(pocket_pipe: TextToImage, pair: Outcome) -> None:
    with pytest.raises(InputError, match=r"try 'make the THING.*'remove the THING'.*can be drawn: cat, fish"):
        Edit.from_pipe(pocket_pipe).request("add a dragon", image=pair)


@pytest.mark.parametrize(
    ("instruction", "meant"),
    [
        ("make the baot green", "make the boat green"),
        ("make the boat geren", "make the boat green"),
        ("remove the brid", "remove the bird"),
    ],
)
def test_slips_are_read_as_in_prompts(instruction: str, meant: str) -> None:
    prompt = "a red boat on the left and a blue bird on the right, at the beach"
    read, expected = (changed(wording(prompt), each, WORDS, known=KNOWN) for each in (instruction, meant))
    assert expected is not None and read == expected


@pytest.mark.parametrize(
    ("instruction", "words"),
    [
        ("put a 🐱 instead of the 🐶", "put a cat instead of the dog"),
        ("make the 🍕 a 🎂", "turn the pizza into a birthday cake"),
        ("remove the 🍕", "remove the pizza"),
    ],
)
def test_instructions_may_have_picture_signs(instruction: str, words: str) -> None:
    atlas = read_recipe("atlas")
    shown = Wording(prompt="a dog on the left and a pizza on the right, in the snow", facts=())
    read, meant = (
        changed(shown, each, vocabulary_for(atlas), known=planner_vocabulary(atlas))
        for each in (instruction, words)
    )
    assert read and meant and read.wording == meant.wording and not read.unread
