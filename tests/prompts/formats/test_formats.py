"""Which format a file is taken for."""

import io

import pytest

from diptych.prompts.formats.known import format_of
from diptych.prompts.text import Text


def taken_for(text: str, ending: str = "") -> str:
    return format_of(Text(io.BytesIO(text.encode()), "-"), ending)


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("a red boat\na cat\n", "text"),
        ("--prompt boat --seed 1\n", "text"),
        ("{red|blue} boat\n", "text"),
        ("[red] boat [deemphasised]\n", "text"),
        ("[[cat]]\n", "text"),
        ("- a dash\n", "text"),
        ("a cat, a dog, seed\n", "text"),
        ("text, with commas\n", "text"),
        ("prompt\n", "text"),
        ("", "text"),
        ("# a comment\n\nprompt,category\na,b\n", "table"),
        ("Prompt\tCategory\tNote\na\tb\tc\n", "table"),
        ("text;seed\na;1\n", "table"),
        ("a boat\nNegative prompt: cat\nSteps: 20, Sampler: Euler, Seed: 1\n", "infotext"),
        ("a boat\nSteps: 20, Seed: 1\n", "infotext"),
        ('{"prompt": "a"}\n{"prompt": "b"}\n', "jsonl"),
        ('{"prompt": "a"}', "jsonl"),
        ('{\n "rows": []}', "json"),
        ('{"rows": [\n"a"]}', "json"),
        ('[{"prompt": "a"}]', "json"),
        ('[\n"a"]', "json"),
        ("defaults: {steps: 3}\nrows: [a]\n", "yaml"),
        ("---\n- a\n", "yaml"),
        ("- prompt: a\n", "yaml"),
        ("rows:\n- a\n", "yaml"),
    ],
)
def test_a_file_is_known_by_how_it_begins(text: str, format: str) -> None:
    assert taken_for(text) == taken_for(text, ".txt") == taken_for(text, ".prompts") == format


@pytest.mark.parametrize(
    ("ending", "format"),
    [
        (".csv", "table"),
        (".TSV", "table"),
        (".jsonl", "jsonl"),
        (".ndjson", "jsonl"),
        (".yml", "yaml"),
        (".json", "json"),
    ],
)
def test_an_ending_says_more_than_the_beginning(ending: str, format: str) -> None:
    assert taken_for("a red boat\n", ending) == format


def test_lines_of_objects_are_often_called_json() -> None:
    assert taken_for('{"prompt": "a"}\n{"prompt": "b"}\n', ".json") == "jsonl"
    assert taken_for('{"prompt": "a"}', ".json") == "json"


def test_a_beginning_that_is_cut_anywhere_is_no_trouble() -> None:
    text = ("{" + '"prompt": "ä' * 3 + "\n").encode()
    for end in range(len(text)):
        format_of(Text(io.BytesIO(text[:end]), "-"), "")
