"""JSON and JSON Lines."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych import PromptFileError, Row, read_prompts

Read = Callable[..., list[Row]]

# Lines of GenEval's metadata (djghosh13/geneval, MIT), as they are.
GENEVAL = """\
{"tag": "single_object", "include": [{"class": "bench", "count": 1}], "prompt": "a photo of a bench"}
{"tag": "counting", "include": [{"class": "cow", "count": 2}], "exclude": [{"class": "cow", "count": 3}], \
"prompt": "a photo of two cows"}
"""


def test_geneval_is_read_as_it_is(read: Read) -> None:
    bench, cows = read(GENEVAL)
    assert (bench.prompt, bench.settings) == ("a photo of a bench", {})
    assert bench.notes == {"tag": "single_object", "include": [{"class": "bench", "count": 1}]}
    assert (cows.prompt, cows.line) == ("a photo of two cows", 2)


def test_a_line_is_an_object_or_a_text(read: Read) -> None:
    rows = read('{"prompt": "a", "seed": 7, "Guidance Scale": "2.5", "steps": 20.0}\n\n"b"\n')
    assert [(row.prompt, row.line) for row in rows] == [("a", 1), ("b", 3)]
    assert rows[0].settings == {"seed": 7, "guidance_scale": 2.5, "num_inference_steps": 20}
    assert type(rows[0].settings["num_inference_steps"]) is int


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"prompt": ', "is no JSON: Expecting value at column"),
        ("[1]", "is neither an object nor text"),
        ('{"prompt": 3}', "prompt = 3: must be text"),
        ('{"prompt": null}', "has no prompt"),
        ('{"prompt": "  "}', "the prompt is empty"),
        ('{"prompt": "a", "seed": NaN}', "seed = 'NaN': must be a whole number"),
        ('{"prompt": "a", "seed": true}', "seed = True: must be a whole number"),
        ('{"prompt": "a", "seed": 1.5}', "seed = 1.5: must be a whole number"),
        ('{"prompt": "a", "seed": 99999999999999999999}', "must lie between 0 and 18446744073709551615"),
        ('{"prompt": "a", "cfg": 1e999}', "cfg = '1e999': must be a finite number"),
        ('{"prompt": "a", "cfg": [1]}', "cfg = [1]: must be a number"),
        ('{"prompt": "a", "size": "big"}', "size = 'big': write width x height"),
        ('{"prompt": "a", "guidence": 3}', "no such setting: 'guidence': did you mean 'guidance'?"),
        ('{"prompt": "\\ud800"}', "the prompt has a control character (U+D800) at place 1"),
        ('{"prompt": "a", "negative": "\\u0000"}', "the negative has a control character (U+0000)"),
        ("[" * 100_000, "nested too deep"),
        ("1" * 5000, "a number is too long"),
    ],
)
def test_a_bad_line_says_what_is_wrong_and_the_next_is_read(read: Read, line: str, fault: str) -> None:
    wrong, right = read(f'{line}\n{{"prompt": "b"}}\n', format="jsonl")
    assert wrong.place == "standard input:1" and wrong.fault is not None and fault in wrong.fault
    assert (right.prompt, right.place, right.fault) == ("b", "standard input:2", None)


def test_a_list_of_objects_and_texts(read: Read) -> None:
    rows = read('[\n  {"prompt": "a", "seed": 1},\n  "b",\n  {"text": "c"}, 5\n]\n')
    assert [(row.prompt, row.line) for row in rows] == [("a", 2), ("b", 3), ("c", 4), ("", 4)]
    assert rows[3].fault == "is neither text nor names with values, e.g. prompt and seed"


@pytest.mark.parametrize("name", ["rows", "prompts", "items", "data"])
def test_an_object_holds_rows_and_what_is_the_same_for_all(read: Read, name: str) -> None:
    text = {
        "defaults": {"steps": 20, "seed": 4},
        "about": 1,
        name: ["a", {"prompt": "b", "seed": 9, "n_iter": 2}],
    }
    rows = read(json.dumps(text, indent=1))
    assert [(row.prompt, row.settings["seed"]) for row in rows] == [("a", 4), ("b", 9), ("b", 10)]
    assert {row.settings["num_inference_steps"] for row in rows} == {20}


def test_an_object_of_objects_is_rows_by_key(read: Read) -> None:
    rows = read('{"17": {"prompt": "a"},\n "18": {"prompt": "b", "category": "x"}}')
    assert [(row.prompt, row.notes, row.line) for row in rows] == [
        ("a", {"key": "17"}, 1),
        ("b", {"key": "18", "category": "x"}, 2),
    ]


def test_a_number_is_read_whole_wherever_the_file_is_cut(read: Read) -> None:
    for length in range(65_536 - 30, 65_536):
        (row,) = read(json.dumps({"x": "." * length, "seed": 123456789, "prompt": "a"}), format="json")
        assert row.settings == {"seed": 123456789}


def test_objects_may_follow_each_other_in_any_layout(read: Read) -> None:
    rows = read('{\n"prompt": "a"\n}\n{"prompt":\n"b"}')
    assert [(row.prompt, row.line) for row in rows] == [("a", 1), ("b", 4)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('["a"\n"b"]', r"standard input:2: is no JSON here: expected ',', found '\"'"),
        ('["a",\n{"prompt" "b"}]', r"standard input:2: is no JSON here: Expecting ':' delimiter"),
        ('["a"', r"standard input:1: is no JSON here: ',' is missing"),
        ('{"rows": ["a"], "defaults": {"seed": 1}}', r"standard input:1: defaults stand behind the rows"),
        ('{"defaults": {"seed": "x"}, "rows": ["a"]}', r"standard input:1: in defaults: seed = 'x'"),
        ('{"defaults": 3, "rows": ["a"]}', r"standard input:1: defaults must be names with values"),
        (
            '{"defualts": {"seed": 1}, "rows": ["a"]}',
            r"standard input:1: 'defualts': did you mean 'defaults'",
        ),
        ('{1: "a"}', r"standard input:1: is no JSON here: expected a name in double quotes"),
        ("[" + "[" * 100_000, r"standard input:1: is no JSON here: is nested too deep"),
        ("[" + "1" * 5000 + "]", r"standard input:1: is no JSON here: has a number that is too long"),
        ('["' + "a" * 9_000_000 + '"]', r"standard input:1: is no JSON here: Unterminated string"),
        ("[]", r"standard input: holds no prompt"),
    ],
)
def test_what_is_no_json_of_prompts_is_refused(read: Read, text: str, message: str) -> None:
    with pytest.raises(PromptFileError, match=message):
        read(text, format="json")


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1, max_size=20)


@given(st.lists(st.tuples(words, values), min_size=1, max_size=5), st.sampled_from([None, 1]), st.booleans())
def test_what_json_writes_is_read(rows: list[tuple[str, Any]], indent: int | None, lines: bool) -> None:
    objects = [{"prompt": prompt, "about it": value} for prompt, value in rows]
    whole = "\n".join(map(json.dumps, objects)) if lines else json.dumps(objects, indent=indent)
    found = list(read_prompts(io.BytesIO(whole.encode()), format="jsonl" if lines else "json"))
    assert [(row.prompt, row.notes["about it"]) for row in found] == [
        (prompt, json.loads(json.dumps(value))) for prompt, value in rows
    ]
