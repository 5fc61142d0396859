"""What counts as a false accept, a false reject and a misreading; and the figures, by hand."""

from typing import Any

import pytest
import torch

from diptych.engine.values import Fact, Span
from diptych.pipelines.evaluation.figures import Share
from diptych.pipelines.evaluation.inspector import Seen, Sighting
from diptych.pipelines.evaluation.typed_prompts.figures import acceptance_of, asked_of, by_tag, left_out_of
from diptych.pipelines.evaluation.typed_prompts.prompts import TypedPrompt
from diptych.pipelines.evaluation.typed_prompts.renders import WordsRow, plan_typed, render_typed
from diptych.pipelines.text_to_image import TextToImage

RED_CAT = Sighting(things=(Seen(kind="cat", colour="red", x=0.5, y=0.5),), setting="night", style="flat")
NOTHING = Sighting(things=(), setting="night", style="flat")
PIXELS = torch.zeros(8, 8, 3, dtype=torch.uint8)
THING, RED = ("thing", "a cat"), ("colour", "a red cat")


def typed(prompt: str = "a red cat", facts: Any = (THING, RED), **fields: Any) -> TypedPrompt:
    return TypedPrompt(prompt=prompt, facts=facts, **fields)


def row(typed: TypedPrompt, *, seen: Sighting = RED_CAT, left_out: str = "", **fields: Any) -> WordsRow:
    start = typed.prompt.index(left_out)
    spans = (Span.of(typed.prompt, start, start + len(left_out)),) if left_out else ()
    facts = tuple(Fact(kind=kind, text=text) for kind, text in typed.facts)  # type: ignore[arg-type]
    told = {"asked": facts, "score": 0.9, "pixels": PIXELS, "seen": seen, "left_out": spans}
    return WordsRow(typed=typed, **{**told, **fields})


HAT = typed("a red cat, hat", left_out=("hat",))
GOOD = row(typed(), accepted=True)
REJECTED = row(typed(), accepted=False)
POOR = row(typed(), accepted=True, seen=NOTHING)
POOR_REJECTED = row(typed(), accepted=False, seen=NOTHING)
HATLESS = row(HAT, accepted=True)
HAT_NAMED = row(HAT, accepted=False, left_out="hat")
REFUSED = WordsRow(typed=typed(), error="plan: knows no word")
REFUSED_HAT = WordsRow(typed=HAT, error="plan: knows no word")


@pytest.mark.parametrize(
    ("given", "false_accept", "false_reject"),
    [
        (GOOD, False, False),
        (REJECTED, False, True),
        (POOR, True, False),
        (POOR_REJECTED, False, False),
        (HATLESS, True, False),
        (HAT_NAMED, False, False),
        (REFUSED, False, True),
        (REFUSED_HAT, False, False),
        (row(typed("big cat", (THING, ("size", "a big cat"))), accepted=True), False, False),  # cannot tell
    ],
)
def test_rows_are_judged(given: WordsRow, false_accept: bool, false_reject: bool) -> None:
    assert (given.false_accept, given.false_reject) == (false_accept, false_reject)
    assert given.right is not (false_accept or false_reject) and bool(given.wrong) is not given.right


def test_what_may_be_either_is_counted_where_it_is_claimed_to_be_carried_out() -> None:
    doubtful = typed("cat at night in the city", (THING,), either=("night", "city"))
    night = Fact(kind="setting", text="at night", span=Span.of(doubtful.prompt, 4, 12))
    city = Fact(kind="setting", text="in the city", span=Span.of(doubtful.prompt, 13, 24))
    assert not row(doubtful, accepted=True, asked=(night,)).false_accept
    assert row(doubtful, accepted=True, asked=(city,)).false_accept  # the picture is of the night
    assert not row(doubtful, accepted=False, left_out="night").false_reject
    assert row(doubtful, accepted=False).false_reject
    assert row(doubtful, asked=(Fact(kind="thing", text="a cat"), city)).misread == []
    counted = asked_of([row(doubtful, asked=(Fact(kind="thing", text="a cat"), city))])
    assert counted["precision"] == Share(1, 1)


def test_figures_are_those_of_rows_counted_by_hand() -> None:
    rows = [GOOD, REJECTED, POOR, POOR_REJECTED, HATLESS, HAT_NAMED, REFUSED, REFUSED_HAT]
    assert acceptance_of(rows) == {
        "accepted": Share(3, 8),
        "false_accepts": Share(2, 3),
        "false_accepts_of_all": Share(2, 8),
        "false_accepts_of_wanting": Share(2, 5),
        "false_rejects": Share(2, 3),
        "refused": Share(2, 8),
        "shown": Share(8, 12),
    }
    assert left_out_of(rows) == {"precision": Share(1, 1), "recall": Share(1, 2), "prompts": Share(5, 6)}
    wrongly = row(typed(), left_out="red")
    assert left_out_of([HAT_NAMED, wrongly])["precision"] == Share(1, 2)
    assert wrongly.misread == ["wrongly left out: red"] and HATLESS.misread == ["not named as left out: hat"]


def test_facts_asked_are_compared_with_those_that_were() -> None:
    cats = typed(
        "cats over a house, red", (THING, ("count", "several cats"), ("relation", "a cat above a house"))
    )
    told = [("thing", "a cat"), ("count", "three cats"), ("relation", "a house below a cat"), RED]
    given = row(cats, asked=tuple(Fact(kind=kind, text=text) for kind, text in told))  # type: ignore[arg-type]
    assert asked_of([given]) == {"precision": Share(3, 4), "recall": Share(3, 3)}
    assert given.misread == ["was not asked: a red cat"]
    one = row(cats, asked=(Fact(kind="count", text="one cat"),))
    assert asked_of([one]) == {"precision": Share(0, 1), "recall": Share(0, 3)}


def test_figures_are_given_by_tag() -> None:
    tagged = row(typed(tags=("short", "colour")), accepted=True)
    found = by_tag([tagged, GOOD])
    assert list(found) == ["colour", "short"] and found["short"]["acceptance"]["accepted"] == Share(1, 1)


def test_prompts_are_rendered_and_seen_and_failures_say_why(pipe: TextToImage) -> None:
    prompts = [
        typed("a hat and a cat", (THING,), left_out=("hat",)),
        typed("poison cat"),
        typed("gibberish cat"),
    ]
    prompts[2] = TypedPrompt(prompt="gibberish", facts=())
    done: list[int] = []
    rows = render_typed(pipe, lambda pixels: [RED_CAT] * len(pixels), prompts, on_row=lambda: done.append(1))
    assert [each.error for each in rows] == ["", "refine: the prompt is poison", "plan: knows no word of it"]
    assert rows[0].seen == RED_CAT and rows[0].pixels is not None and len(done) == 3
    assert rows[0].words.found == {"hat"} and not rows[0].accepted and rows[0].score is not None
    assert [fact.text for fact in rows[0].added] == ["in a harbour"]
    planned = plan_typed(pipe, prompts)
    assert [each.error for each in planned] == ["", "", "plan: knows no word of it"]
    assert planned[0].left_out == rows[0].left_out and planned[0].asked == rows[0].asked
    assert planned[0].seen is None and planned[0].right
