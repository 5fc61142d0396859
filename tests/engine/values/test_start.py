"""What a request starts from: checked when built, equal where it holds the same."""

import dataclasses
from typing import Any

import pytest
import torch

from diptych.engine.errors import InputError
from diptych.engine.runner import shape_of
from diptych.engine.values import Fact, Request, Settings, Span
from diptych.engine.values.start import Start, Wording
from diptych.engine.waves.wave import given_plan, policy_of, shows_unknown

PICTURE = torch.arange(16 * 24 * 3).reshape(16, 24, 3).to(torch.uint8)
SQUARE = torch.ones(16, 16, dtype=torch.bool)
TOKENS = torch.arange(6).reshape(2, 3)
WORDING = Wording(prompt="a red boat", facts=(Fact(kind="thing", text="a boat"),))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "nothing to start from"),
        ({"picture": PICTURE, "strength": 7}, "strength = 7: must lie between 0 and 1"),
        ({"picture": PICTURE, "strength": float("nan")}, "strength = nan"),
        ({"picture": PICTURE, "redraw": -0.1}, "redraw = -0.1: must lie between 0 and 1"),
        ({"picture": PICTURE, "mask": SQUARE}, "mask is 16x16 pixels, the picture 24x16"),
        ({"tokens": TOKENS, "mask": SQUARE}, "a mask, but no picture"),
        ({"tokens": TOKENS, "redraw": SQUARE[:3, :3]}, "redraw is 3x3 tokens, the draft 3x2"),
    ],
)
def test_what_cannot_be_started_from_is_refused_in_one_line(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Start(**parts)
    assert "\n" not in str(caught.value)


def test_a_request_refuses_a_picture_of_another_size() -> None:
    with pytest.raises(InputError, match="24x16 pixels, the request 32x16"):
        Request(prompt="a boat", height=16, width=32, start=Start(picture=PICTURE))


def test_starts_are_equal_where_they_hold_the_same() -> None:
    whole: dict[str, Any] = {"picture": PICTURE, "tokens": TOKENS, "redraw": 0.5, "wording": WORDING}
    start = Start(**whole)
    assert start == Start(**{**whole, "picture": PICTURE.clone()})
    assert hash(start) == hash(Start(**whole))
    changes: list[dict[str, Any]] = [
        {"picture": PICTURE + 1},
        {"tokens": TOKENS + 1},
        {"redraw": 0.25},
        {"redraw": TOKENS > 2},
        {"strength": 0.5},
        {"wording": None},
        {"mask": PICTURE[..., 0] > 9},
    ]
    others = [Start(**{**whole, **change}) for change in changes]
    assert len({start, *others}) == len(changes) + 1
    assert Request(prompt="x", height=16, width=24, start=start) == Request(
        prompt="x", height=16, width=24, start=Start(**whole)
    )


def test_only_rows_that_start_alike_share_a_batch() -> None:
    plain = Request(prompt="a boat", height=16, width=24)
    starts = [Start(picture=PICTURE), Start(picture=PICTURE, strength=0.5), Start(tokens=TOKENS)]
    shapes = [shape_of(dataclasses.replace(plain, start=start)) for start in (None, *starts)]
    assert len(set(shapes)) == 4
    alike = Start(picture=PICTURE + 3, strength=0.5)
    assert shape_of(dataclasses.replace(plain, start=alike)) == shapes[2]


def test_a_given_plan_is_the_requests_plan() -> None:
    plain = Request(prompt="a boat")
    assert given_plan(plain) is None
    request = dataclasses.replace(plain, start=Start(wording=WORDING))
    plan = given_plan(request)
    assert plan is not None and plan.request is request
    assert (plan.prompt, plan.facts) == (WORDING.prompt, WORDING.facts)


@pytest.mark.parametrize(
    ("redraw", "repairs"), [(1.0, 2), (0.5, 2), (0.0, 0), (TOKENS > 0, 2), (TOKENS > 9, 0)]
)
def test_where_nothing_may_be_drawn_anew_nothing_is_mended(redraw: Any, repairs: int) -> None:
    settings = Settings(repairs=2)
    start = Start(picture=PICTURE, redraw=redraw)
    request = Request(prompt="a boat", height=16, width=24, settings=settings, start=start)
    assert policy_of(request).repairs == repairs
    assert policy_of(dataclasses.replace(request, start=None)).repairs == 2


@pytest.mark.parametrize(
    ("parts", "keeps"),
    [
        ({}, False),
        ({"strength": 0.5}, True),
        ({"redraw": 0.0}, True),
        ({"redraw": torch.ones(2, 3, dtype=torch.bool)}, False),
        ({"redraw": TOKENS > 0}, True),
        ({"mask": torch.ones(16, 24, dtype=torch.bool)}, False),
        ({"mask": PICTURE[..., 0] > 9}, True),
    ],
)
def test_only_a_start_of_which_something_stays_is_looked_at(parts: dict[str, Any], keeps: bool) -> None:
    start = Start(picture=PICTURE, **parts)
    assert start.keeps_something is keeps and shows_unknown(start) is keeps
    assert not shows_unknown(dataclasses.replace(start, shows="a boat"))


def test_words_of_another_prompt_have_no_place_in_a_given_plan() -> None:
    boat, hat = Span.of("a red boat", 6, 10), Span(start=12, end=15, text="hat")
    facts = (Fact(kind="thing", text="a boat", span=boat), Fact(kind="colour", text="a red boat", span=hat))
    start = Start(wording=Wording(prompt="a red boat at sea", facts=facts, left_out=(boat, hat)))
    plan = given_plan(Request(prompt="a red boat", start=start))
    assert plan is not None and plan.left_out == (boat, Span.elsewhere("hat"))
    assert [fact.span for fact in plan.facts] == [boat, None]
