"""One subject in many styles, from one seed, on one sheet."""

from collections.abc import Callable

import pytest

from diptych import DiptychError, InputError, StyleSheet, TextToImage
from diptych.pipelines.style_sheet import MAX_STYLES


@pytest.fixture
def style_sheet(make_pipe: Callable[..., TextToImage]) -> StyleSheet:
    return StyleSheet(make_pipe())


def test_each_style_gets_the_subject_and_the_seed(style_sheet: StyleSheet) -> None:
    sheet = style_sheet("a boat", styles=["in ink", "as a poster"], seed=9)
    assert [outcome.request.prompt for outcome in sheet.outcomes] == ["a boat, in ink", "a boat, as a poster"]
    assert {outcome.request.seed for outcome in sheet.outcomes} == {9}
    assert sheet.page.width > 2 * 256


def test_without_styles_they_are_those_that_the_planner_knows(style_sheet: StyleSheet) -> None:
    sheet = style_sheet("a boat")
    assert len(sheet.styles) == len(sheet.outcomes) == 5 and "in watercolour" in sheet.styles


def test_a_style_that_fails_leaves_its_place_empty(style_sheet: StyleSheet) -> None:
    sheet = style_sheet("a boat", styles=["in ink", "in poison"])
    assert len(sheet.outcomes) == len(sheet.failures) == 1
    assert sheet.page.size == style_sheet("a boat", styles=["in ink", "in oil"]).page.size


def test_too_many_styles_are_refused(style_sheet: StyleSheet) -> None:
    with pytest.raises(InputError, match=r"101 styles: a sheet has room for 100"):
        style_sheet("a boat", styles=["in ink"] * (MAX_STYLES + 1))
    with pytest.raises(InputError, match="the subject is empty"):
        style_sheet(" ")


def test_a_subject_that_cannot_be_planned_is_not_made_up_for_by_the_styles(style_sheet: StyleSheet) -> None:
    with pytest.raises(DiptychError, match=r"^plan: knows no word of it"):
        style_sheet("gibberish")


def test_a_page_says_what_was_not_drawn(style_sheet: StyleSheet) -> None:
    sheet = style_sheet("a boat", styles=["in ink", "in poison", "with a hat"], accept=0.0)
    images, captions = sheet.captioned(sheet.styles)
    assert captions == ["in ink", "in poison", "with a hat (not drawn: hat)"]
    assert [image is None for image in images] == [False, True, False]
    assert [outcome.accepted for outcome in sheet.outcomes] == [True, False]
    assert "not drawn: hat" in sheet.outcomes[1].best.reason
