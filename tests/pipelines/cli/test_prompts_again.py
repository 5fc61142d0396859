"""`diptych prompts FILE --json` read again gives the same rows, whatever is in them."""

import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from diptych import Row, read_prompts
from diptych.pipelines.cli.prompts import _object
from diptych.pipelines.rendering.rows.request_makers import WithoutPipeline
from diptych.pipelines.rendering.rows.tasks import tasks_of
from diptych.prompts.variants import resolve

from ...fuzzing import fuzz_settings

PIECES = ("a", "{", "}", "|", "\\", "__", "boat", " ", "${", "2$$", "\\{", '"', "{prompt}", "#")
LETTERS = st.characters(exclude_categories=["Cc", "Cs"])  # others are faults of their files
TEXT = st.one_of(st.lists(st.sampled_from(PIECES)).map("".join), st.text(LETTERS, max_size=20))
NOTES = st.dictionaries(
    st.text(max_size=8), st.one_of(st.none(), st.integers(), st.text(max_size=5)), max_size=3
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "seed": st.integers(0, 2**40),
        "negative_prompt": TEXT.map(lambda text: text.strip() or "fog"),
        "num_inference_steps": st.integers(1, 1000),
        "guidance_scale": st.floats(0, 50),
        "ignore_left_out": st.booleans(),
    },
)
ROWS = st.builds(
    lambda prompt, settings, notes, fault: Row(
        prompt=prompt.strip(), source="p.txt", line=3, settings=settings, notes=notes, fault=fault
    ),
    prompt=TEXT,
    settings=SETTINGS,
    notes=NOTES,
    fault=st.sampled_from([None, None, None, "is wrong"]),
)


def lines(rows: list[Row]) -> list[dict[str, Any]]:
    return [_object(task) for task in tasks_of(WithoutPipeline(), rows, seed=5)]


def without_place(line: dict[str, Any]) -> dict[str, Any]:
    line = {name: value for name, value in line.items() if name not in ("source", "line")}
    return line | ({"fault": True} if "fault" in line else {})


@fuzz_settings(200)
@given(rows=st.lists(ROWS, min_size=1, max_size=3), literal=st.booleans())
def test_what_is_printed_is_the_same_when_it_is_read_again(rows: list[Row], literal: bool) -> None:
    first = lines(rows if literal else list(resolve(rows, seed_of=lambda number: number)))
    text = "".join(json.dumps(line) + "\n" for line in first)
    read = list(resolve(read_prompts(io.BytesIO(text.encode()), format="jsonl")))
    again = lines(read)
    assert [without_place(line) for line in again] == [without_place(line) for line in first]
