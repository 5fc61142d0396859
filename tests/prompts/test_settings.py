"""What a row may set: the same as a call, under the names that people use."""

from typing import Any

import pytest

from diptych import Request, Settings
from diptych.pipelines.rendering.rows.image_rows import FIELDS
from diptych.pipelines.text_to_image import Wishes
from diptych.prompts.settings import (
    COLUMNS,
    CONTROL_COLUMNS,
    COPIES_NAMES,
    REFERENCE_COLUMNS,
    FieldError,
    refuse_misspelt,
    setting,
    sort_fields,
)

from .conftest import Read


def test_a_row_may_set_what_a_call_may() -> None:
    assert set(COLUMNS) == {*Wishes.__annotations__, "seed", *FIELDS, *REFERENCE_COLUMNS, *CONTROL_COLUMNS}


def test_what_a_row_sets_is_taken_by_the_engine() -> None:
    values: dict[str, Any] = {
        name: setting(name, "1")
        for name in {*COLUMNS} - {*FIELDS, *REFERENCE_COLUMNS, *CONTROL_COLUMNS, "height", "width"}
    } | {
        "height": setting("height", "64"),
        "width": 64,
    }
    frame: dict[str, Any] = {name: values.pop(name) for name in ("seed", "height", "width", "negative_prompt")}
    Request(prompt="a", settings=Settings(**values), **frame)


@pytest.mark.parametrize("name", ["CFG scale", "cfg_scale", "cfgScale", "Guidance-Scale", " guidance_scale "])
def test_how_a_name_is_written_makes_no_difference(name: str) -> None:
    assert sort_fields({name: 2}).settings == {"guidance_scale": 2}


@pytest.mark.parametrize("value", [20, 20.0, "20", " 20 ", "+20", "20.0", "2e1"])
def test_a_whole_number_may_be_written_in_many_ways(value: object) -> None:
    found = setting("num_inference_steps", value)
    assert found == 20 and type(found) is int


@pytest.mark.parametrize(
    "value", ["", "a", "1.5", "0x10", "1_000", "\u0663", "--1", "1e", ".", "9" * 41, 1.5, True, [], {}, b"1"]
)
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(FieldError, match=r"^steps = .*: must be a whole number"):
        setting("num_inference_steps", value, called="steps")


@pytest.mark.parametrize("value", [True, 1, 1.0, "true", " Yes ", "ON", "1"])
def test_a_switch_may_be_written_in_many_ways(value: object) -> None:
    assert setting("ignore_left_out", value) is True


@pytest.mark.parametrize("value", [False, 0, "false", "No", "off", "0"])
def test_a_switch_that_is_off_is_said_and_not_silent(value: object) -> None:
    assert sort_fields({"prompt": "a", "Ignore left-out": value}).settings == {"ignore_left_out": False}


@pytest.mark.parametrize("value", ["", "maybe", 2, -1, [], {}, float("nan")])
def test_what_is_no_switch_is_refused(value: object) -> None:
    with pytest.raises(FieldError, match=r"^ignore_left_out = .*: must be true or false"):
        setting("ignore_left_out", value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1e999", -1, "-0.5", 10**30, "1" * 40])
@pytest.mark.parametrize("name", [name for name, row in COLUMNS.items() if row.kind in (int, float)])
def test_numbers_that_no_setting_has_are_refused(name: str, value: object) -> None:
    if name == "seed" and value == -1:
        return
    with pytest.raises(FieldError, match=r"must lie between|at least|finite|too large|whole"):
        setting(name, value)


def test_nothing_said_sets_nothing() -> None:
    assert sort_fields({"prompt": "a", "seed": None, "steps": "", "size": None}).settings == {}


def test_copies_multiply_whatever_they_are_called() -> None:
    for name in COPIES_NAMES:
        assert sort_fields({name: "3", "batch_size" if name != "batch_size" else "n_iter": 2}).copies == 6


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Category",
            "Challenge",
            "Note",
            "tag",
            "include",
            "exclude",
            "id",
            "style",
            "model",
            "sampler",
        ),
        *("scheduler", "subseed", "denoising_strength", "hires_steps", "clip_skip", "scale", "score", "title"),
        *(
            "name",
            "file_name",
            "image_path",
            "prompt_id",
            "prompt_en",
            "text_id",
            "captions",
            "split",
            "weight",
        ),
        *(
            "source",
            "line",
            "row",
            "fault",
            "notes",
            "image_size",
            "num_prompts",
            "step_count",
            "type",
            "model_hash",
        ),
    ],
)
def test_names_that_data_sets_have_are_no_slips(name: str) -> None:
    refuse_misspelt([name])


@pytest.mark.parametrize(
    ("name", "meant"),
    [("heigth", "height"), ("stpes", "steps"), ("guidence", "guidance"), ("negative_promt", "negative_prompt")],
)
def test_a_slip_is_seen(name: str, meant: str) -> None:
    with pytest.raises(FieldError, match=f"no such setting: '{name}': did you mean '{meant}'"):
        refuse_misspelt(["prompt", name])


def test_a_row_out_of_range_fails_as_often_as_it_was_asked_for(read: Read) -> None:
    """The rows behind it keep their numbers, and with them their seeds and pictures."""
    first = '{"prompt": "a", "n_iter": 3, "steps": 5000, "seed": 4, "tag": "x"}'
    rows = read(f'{first}\n{{"prompt": "b"}}\n', format="jsonl")
    assert [row.prompt for row in rows] == ["a", "a", "a", "b"]
    assert [row.fault for row in rows] == [*["steps = 5000: must lie between 1 and 1000"] * 3, None]
    assert [row.settings for row in rows] == [{"seed": 4}, {"seed": 5}, {"seed": 6}, {}]
    assert rows[0].notes == {"tag": "x"}


def test_defaults_out_of_range_hold_only_for_rows_that_do_not_say_otherwise(read: Read) -> None:
    entries = '["a", {"prompt": "b", "rounds": 2}]'
    rows = read(f'{{"defaults": {{"rounds": 1000}}, "rows": {entries}}}', format="json")
    assert [row.fault for row in rows] == ["rounds = 1000: must lie between 1 and 100", None]
