"""Hints at names that were meant, and what an error says in one line."""

import pytest

from diptych.engine.messages import did_you_mean, first_line, nearest, some_of


def test_the_most_alike_of_the_known_names_is_hinted_at() -> None:
    assert did_you_mean("draftr", ["plan", "draft", "drafter"]) == " (did you mean 'drafter'?)"
    assert did_you_mean("boat", ["plan", "draft"]) == did_you_mean("boat", []) == ""


def test_how_alike_a_name_must_be_is_the_caller_s_choice() -> None:
    assert nearest("boat", iter(["plan", "refine"])) is None
    assert nearest("boat", iter(["plan", "refine"]), cutoff=0.0) == "plan"
    assert nearest("draft", ["drafter"], cutoff=0.95) is None


def test_a_name_of_any_length_is_compared_in_no_time() -> None:
    assert nearest("x" * 10_000_000, ["draft"]) is None


@pytest.mark.parametrize(
    ("error", "line", "named"),
    [
        (ValueError("not a number"), "not a number", "ValueError: not a number"),
        (ValueError("\n  \n  not a number \nat length"), "not a number", "ValueError: not a number"),
        (ValueError(), "ValueError", "ValueError"),
        (ValueError(" \n"), "ValueError", "ValueError"),
        (KeyError("weights"), "'weights'", "KeyError: 'weights'"),
    ],
)
def test_an_error_says_one_line(error: Exception, line: str, named: str) -> None:
    assert (first_line(error), first_line(error, named=True)) == (line, named)


def test_of_very_many_names_a_message_has_some() -> None:
    few, many = [f"kind {i}" for i in range(40)], [f"kind {i}" for i in range(780)]
    assert some_of(few) == ", ".join(few)
    said = some_of(many)
    assert said.startswith("780 kinds, such as kind 0, kind 65, ") and said.count(",") == 12
