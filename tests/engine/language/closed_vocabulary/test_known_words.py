"""What a planner is told that knows some words, but not what they mean."""

import json
from pathlib import Path

import pytest

from diptych.engine.errors import CheckpointError
from diptych.engine.language.closed_vocabulary.known_words import known_in, read_words

WORDS = frozenset(["a", "at", "boat", "cat", "in", "on", "red", "sunset", "the", "two"])


@pytest.mark.parametrize(
    ("prompt", "told", "left_out"),
    [
        ("a red boat", ["a red boat"], []),
        ("A Red boat, AT sunset.", ["a red boat", "at sunset"], []),
        ("a cat wearing a hat on the boat", ["a cat on the boat"], ["wearing", "hat"]),
        ("two cats", ["two cat"], []),
        ("((a red boat:1.3)), masterpiece", ["a red boat"], []),
        ("a boat --ar 3:2", ["a boat"], ["--ar 3:2"]),
        ("a zeppelin", [], ["zeppelin"]),
        ("the, at a", [], []),
    ],
)
def test_the_planner_is_told_the_words_that_it_knows_and_the_others_are_left_out(
    prompt: str, told: list[str], left_out: list[str]
) -> None:
    known = known_in(prompt, WORDS)
    assert [clause.text for clause in known.clauses] == told and known.text == ", ".join(told)
    assert [span.text for span in known.left_out] == left_out
    assert all(each.span.stands_in(prompt) for each in known.clauses)
    assert all(span.stands_in(prompt) for span in known.places.values())


def test_words_are_read_as_earlier_versions_wrote_them_too(tmp_path: Path) -> None:
    assert read_words(tmp_path) is None
    (tmp_path / "words.json").write_text(json.dumps({"words": ["two-storey", "cat"], "fillers": ["a"]}))
    assert read_words(tmp_path) == {"two", "storey", "cat", "a"}
    for damaged in ("", "[]", '{"words": 7}', '{"words": [7]}'):
        (tmp_path / "words.json").write_text(damaged)
        with pytest.raises(CheckpointError, match=r"words\.json: holds no list of words"):
            read_words(tmp_path)
