"""A cast over several scenes: who is named is asked for, in the same words, in every panel."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from diptych import Fact, InputError, Storyboard, TextToImage
from diptych.engine.values import Plan
from diptych.engine.values.fact import Span
from diptych.engine.values.start import Wording
from diptych.pipelines.storyboard import with_cast

CAST = {"Mia": "a red cat", "Bo": "a blue bird"}


@pytest.fixture
def storyboard(make_pipe: Callable[..., TextToImage]) -> Storyboard:
    """Of fakes; the fake planner knows no starts, so that each plan is made anew of the request's prompt."""
    return Storyboard(make_pipe())


def test_names_stand_for_their_phrases_and_whole_words_count() -> None:
    assert (
        with_cast("Mia and Bo at sea; Mia's boat, Mian", CAST)
        == "a red cat and a blue bird at sea; a red cat's boat, Mian"
    )
    assert with_cast("a boat", {}) == "a boat"
    assert with_cast("Ann and Anna", {"Ann": "a cat", "Anna": "a dog"}) == "a cat and a dog"


def test_who_is_named_is_a_fact_of_the_panel_and_in_its_words(storyboard: Storyboard) -> None:
    story = storyboard(["Mia in the rain", "Mia and Bo at sea", "an empty beach"], cast=CAST, seed=4)
    starts = [outcome.request.start for outcome in story.outcomes]
    wordings = [start.wording for start in starts if start and start.wording]
    assert story.outcomes[0].request.prompt == "a red cat in the rain"
    assert {outcome.request.seed for outcome in story.outcomes} == {4}
    mia, bo = (Fact(kind="colour", text=phrase) for phrase in CAST.values())
    assert [(mia in w.facts, bo in w.facts) for w in wordings] == [(True, False), (True, True), (False, False)]
    assert "red cat" in wordings[0].prompt and "blue bird" in wordings[1].prompt


@pytest.fixture
def wording_of(make_pipe: Callable[..., TextToImage]) -> Callable[..., Wording]:
    """The wording of a panel of one hero, where the planner says so much of the scene."""

    def wording(scene: str, hero: str, **planned: Any) -> Wording:
        storyboard = Storyboard(make_pipe(planner=lambda request: Plan(request=request, **planned)))
        (outcome,) = storyboard([scene], cast={"Mia": hero}).outcomes
        start = outcome.request.start
        assert start is not None and start.wording is not None
        return start.wording

    return wording


@pytest.mark.parametrize(("said", "kept"), [("a big Red Cat on a boat", True), ("a big grey sea", False)])
def test_a_plan_that_lost_the_hero_is_not_kept(
    wording_of: Callable[..., Wording], said: str, kept: bool
) -> None:
    wording = wording_of("Mia at sea", "a red cat", prompt=said, facts=())
    assert wording.prompt == (said if kept else "a red cat at sea")


def test_the_cast_is_asked_for_once_and_what_is_left_out_stays_so(wording_of: Callable[..., Wording]) -> None:
    prompt = "a furry crimson cat at sea"
    cat = Fact(kind="thing", text="a cat", span=Span.of(prompt, 16, 19))
    red = Fact(kind="colour", text="a red cat", span=Span.of(prompt, 8, 15))
    furry = Span.of(prompt, 2, 7)

    def facts(
        *, left_out: tuple[Span, ...] = (), said: str = "a red cat, at sea", have: tuple[Fact, ...]
    ) -> Wording:
        return wording_of("Mia at sea", "a furry crimson cat", prompt=said, facts=have, left_out=left_out)

    known = facts(left_out=(furry,), have=(cat, red))  # in the planner's own words
    assert known.prompt == "a red cat, at sea" and known.facts == (cat, red) and known.left_out == (furry,)
    whole = Fact(kind="colour", text="a furry crimson cat")
    lost = facts(have=(cat,))
    assert lost.facts == (whole, cat) and lost.prompt == prompt
    twice = facts(have=(dataclasses.replace(whole, asked=False),))
    assert twice.facts == (whole,)


def test_the_page_has_every_panel_and_leaves_a_failed_one_empty(storyboard: Storyboard) -> None:
    whole = storyboard(["Mia at sea", "Mia ashore"], cast={"Mia": "a cat"}, title="Mia")
    part = storyboard(["Mia at sea", "Mia and poison"], cast={"Mia": "a cat"}, title="Mia")
    assert len(whole.outcomes) == 2 and len(part.outcomes) == len(part.failures) == 1
    assert whole.page.width == part.page.width > 2 * 256


@pytest.mark.parametrize(
    ("scenes", "cast", "message"),
    [
        ([], {}, "0 scenes: a storyboard has 1 to 200"),
        (["a boat"], {"Mia": "a red cat"}, "cast 'Mia': is in no scene: name it in one, or leave it out"),
        (["Mia"], {"Mia": " "}, "cast 'Mia': ' ': give a name, and what it stands for"),
    ],
)
def test_bad_input_is_refused_in_a_line(
    storyboard: Storyboard, scenes: list[str], cast: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        storyboard(scenes, cast=cast)


def test_the_loop_is_on_unless_it_is_said_otherwise(storyboard: Storyboard) -> None:
    def candidates(**wishes: Any) -> int:
        return len(storyboard(["Mia"], cast={"Mia": "a red cat"}, **wishes).outcomes[0].trail)

    assert candidates() == 4 and candidates(candidates=1, keep=1) == 1
