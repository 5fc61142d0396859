"""What a line of results says, also of an earlier version; and what no line may say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from diptych import Outcome, TextToImage
from diptych.pipelines.rendering.output.record import VERSION, Record, done
from diptych.pipelines.rendering.schema import MAX_CHARACTERS, SchemaError

OLDER = Path(__file__).parents[1] / "older" / "results.jsonl"
"""Written before facts told what was asked from what was added."""


@pytest.fixture
def outcome(pipe: TextToImage) -> Outcome:
    (outcome,) = pipe("a boat with a hat", seed=7, accept=0.0, candidates=2).outcomes
    return outcome


def test_a_line_says_what_was_asked_what_was_added_and_what_was_left_out(outcome: Outcome) -> None:
    line = json.loads(done(outcome).to_json())
    asked, added = line["facts"]
    assert (asked["text"], asked["asked"], asked["span"]) == ("a boat", True, [0, 6])
    assert (added["text"], added["asked"], added["span"]) == ("in a harbour", False, None)
    assert line["left_out"] == ["hat"] and "older" not in line
    assert [candidate["left_out"] for candidate in line["candidates"]] == [["hat"]] * 2
    missed = [[fact.text for fact in each.verdict.missed] for each in outcome.trail if each.verdict]
    assert [candidate["missed"] for candidate in line["candidates"]] == missed


def test_what_is_read_is_what_was_written(outcome: Outcome) -> None:
    record = done(outcome)
    read = Record.from_json(record.to_json())
    assert read == record and not read.older
    assert read.not_drawn == "hat" and [fact["text"] for fact in read.asked] == ["a boat"]


def test_a_line_of_an_earlier_version_is_read_all_of_it_as_asked() -> None:
    record = Record.from_json(OLDER.read_bytes())
    assert record.older and record.accepted and record.left_out == () and record.not_drawn == ""
    assert len(record.facts) == 10 and record.asked == record.facts
    assert all(fact.get("asked") is True and fact.get("span", 7) is None for fact in record.facts)
    assert not record.wants_only_what_was_left_out


@pytest.mark.parametrize(
    ("score", "accept", "left_out", "only"),
    [
        (0.9, None, ("hat",), True),
        (0.5, None, ("hat",), True),
        (0.49, None, ("hat",), False),
        (0.49, 0.3, ("hat",), True),
        (0.9, None, (), False),
    ],
)
def test_a_row_knows_that_it_is_turned_down_for_what_was_left_out_alone(
    score: float, accept: float | None, left_out: tuple[str, ...], only: bool
) -> None:
    settings = {} if accept is None else {"accept": accept}
    record = Record(
        row=1, prompt="a hat", seed=1, status="done", score=score, left_out=left_out, settings=settings
    )
    assert record.wants_only_what_was_left_out is only


def _with(changes: dict[str, Any]) -> str:
    values = json.loads(OLDER.read_text(encoding="utf-8"))
    fact = {**values["facts"][0], **changes.pop("fact", {})}
    return json.dumps({**values, "facts": [fact], **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"left_out": "hat"}, "left_out: must be a list, is text"),
        ({"left_out": None}, "left_out: must be a list, is null"),
        ({"left_out": [7]}, "left_out[0]: must be text, is a whole number"),
        ({"left_out": [["hat"]]}, "left_out[0]: must be text, is a list"),
        ({"fact": {"asked": "yes"}}, "facts[0].asked: must be true or false, is text"),
        ({"fact": {"asked": None}}, "facts[0].asked: must be true or false, is null"),
        ({"fact": {"probability": "1"}}, "facts[0].probability: must be a number, is text"),
        ({"fact": {"span": [0]}}, "facts[0].span: must be a list of length >= 2"),
        ({"fact": {"span": [3, 2]}}, "facts[0].span: must be a place in the prompt, is 3 to 2"),
        ({"fact": {"span": [-1, 2]}}, "facts[0].span[0]: must be a whole number >= 0"),
        ({"fact": {"span": [0, 26]}}, "facts[0].span: must be a place in the prompt, is 0 to 26"),
        ({"fact": {"span": [0, True]}}, "facts[0].span[1]: must be a whole number, is true or false"),
        ({"fact": {"span": "0-2"}}, "facts[0].span: must be a list or null, is text"),
        ({"row": 0}, "row: must be a whole number >= 1"),
        ({"seed": True}, "seed: must be a whole number, is true or false"),
        ({"status": "perhaps"}, "status: 'perhaps' is none of its values"),
        ({"timings": {"plan": "x"}}, "timings[...]: must be a number, is text"),
        ({"picture": "../../x.png"}, "picture: must be '"),
        ({"candidates": [{"index": 0}]}, "candidates[0]: chosen is missing"),
        ({"colour": "red"}, "'colour': is no key of results"),
        ({"version": "3"}, "version: must be a whole number from 1 on, is '3'"),
        ({"version": 6}, "version 6 is later than 5, the last one read: update diptych"),
    ],
    ids=str,
)
def test_a_line_that_says_what_cannot_be_is_none(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError) as caught:
        Record.from_json(_with(changes), where="results.jsonl, line 7")
    assert str(caught.value).startswith(f"results.jsonl, line 7: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no JSON"),
        ("{", "is no JSON"),
        ("[]", "is no line of results: must be a table"),
        ("{}", "row is missing"),
        ("[" * 100_000, "is nested deeper than 100"),
        ('{"notes": ' + '{"a": ' * 120 + "1" + "}" * 121, "is nested deeper than 100"),
        ('{"score": NaN}', "NaN is no number of JSON"),
        ('{"score": 1e999}', "1e999 is too large a number"),
        ('{"notes": {"a": [-1.5e400]}}', "-1.5e400 is too large a number"),
        (" " * (MAX_CHARACTERS + 1), "is longer than 64 MiB"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_line_at_all_is_refused(text: str, message: str) -> None:
    with pytest.raises(SchemaError, match=re.escape(message)):
        Record.from_json(text)


def test_a_line_says_its_version_and_those_before_that_are_told_by_their_keys(outcome: Outcome) -> None:
    line = json.loads(done(outcome).to_json())
    assert line["version"] == VERSION == 5
    del line["version"]
    second = Record.from_json(json.dumps(line))
    assert second.version == 2 and not second.older and second == done(outcome)
    assert Record.from_json(OLDER.read_bytes()).version == 1


def test_a_span_to_the_prompt_s_end_is_sound() -> None:
    assert Record.from_json(_with({"fact": {"span": [0, 25]}, "left_out": []})).facts[0].get("span") == [0, 25]
