"""Rows under keys: texts among objects are rows, too, and none is dropped in silence."""

import io

import pytest

from diptych.prompts.reader import read_prompts

KEYED = '{"k0": "a dog", "k1": {"prompt": "a boat"}, "title": "mine", "k2": "a cat", "version": 3}'


@pytest.mark.parametrize("format", ["json", "yaml"])
def test_texts_under_keys_are_rows_beside_objects(format: str) -> None:
    rows = list(read_prompts(io.BytesIO(KEYED.encode()), format=format))
    assert [(row.prompt, row.notes.get("key")) for row in rows] == [
        ("a dog", "k0"),
        ("a boat", "k1"),
        ("a cat", "k2"),
    ]
    assert [row.fault for row in rows] == [None] * 3


@pytest.mark.parametrize("format", ["json", "yaml"])
def test_texts_without_an_object_are_what_an_entry_says(format: str) -> None:
    (row,) = read_prompts(io.BytesIO(b'{"prompt": "a boat", "mood": "calm"}'), format=format)
    assert (row.prompt, dict(row.notes)) == ("a boat", {"mood": "calm"})
