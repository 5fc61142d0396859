"""Rows become tasks: seeds, settings, faults, and the choice of rows."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych import InputError, Row, TextToImage
from diptych.engine.randomness import derive_seed
from diptych.pipelines.rendering.rows.request_makers import OfPipeline, WithoutPipeline
from diptych.pipelines.rendering.rows.tasks import Numbers, tasks_of


def rows_of(*prompts: str, **settings: Any) -> list[Row]:
    return [Row(prompt=p, source="p.txt", line=i, settings=settings) for i, p in enumerate(prompts, start=1)]


def test_rows_get_seeds_by_their_place_and_a_prompt_alone_the_seed_itself(pipe: TextToImage) -> None:
    tasks = list(tasks_of(OfPipeline(pipe), rows_of("a", "b"), seed=9))
    assert [task.seed for task in tasks] == [derive_seed(9, 1), derive_seed(9, 2)]
    assert [task.request.row for task in tasks if task.request] == [1, 2]
    assert next(tasks_of(OfPipeline(pipe), rows_of("a"), seed=9, alone=True)).seed == 9


def test_what_a_row_says_comes_before_what_was_wished_for_all(pipe: TextToImage) -> None:
    wishes = {"guidance_scale": 3.0, "num_inference_steps": 2}
    request = next(tasks_of(OfPipeline(pipe), rows_of("a", seed=4, guidance_scale=7.0), wishes=wishes)).request
    assert request is not None
    assert (request.seed, request.settings.guidance_scale, request.settings.num_inference_steps) == (4, 7.0, 2)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"seed": "x"}, "p.txt:1: seed = 'x': must be a whole number"),
        ({"seed": 1.5}, "p.txt:1: seed = 1.5"),
        ({"width": 100_000}, "p.txt:1: width = 100000"),
        ({"guidance_scale": float("nan")}, "p.txt:1: guidance_scale = nan"),
        ({"guidence_scale": 2.0}, "did you mean 'guidance_scale'"),
        ({"negative_prompt": 7}, "p.txt:1: the negative prompt is 7: must be text"),
    ],
)
def test_a_row_that_asks_for_what_cannot_be_has_a_fault(
    pipe: TextToImage, settings: dict[str, Any], fault: str
) -> None:
    task = next(tasks_of(OfPipeline(pipe), rows_of("a boat", **settings)))
    assert task.request is None and fault in task.fault


def test_a_template_is_kept_only_where_it_says_more(pipe: TextToImage) -> None:
    rows = [
        Row(prompt="a red boat", source="p", line=1, template=t) for t in ("a {red|blue} boat", "a red boat")
    ]
    assert [task.template for task in tasks_of(OfPipeline(pipe), rows)] == ["a {red|blue} boat", None]


def test_notes_are_kept_as_json_has_them(pipe: TextToImage) -> None:
    notes = {"tag": "counting", "include": [{"count": 2}], "when": itertools, "odd": float("inf")}
    task = next(tasks_of(OfPipeline(pipe), [Row(prompt="a", source="p", line=1, notes=notes)]))
    kept = task.place()["notes"]
    assert kept["include"] == [{"count": 2}] and kept["odd"] == "inf" and isinstance(kept["when"], str)


def test_only_these_rows_and_no_more_are_read(pipe: TextToImage) -> None:
    rows = (Row(prompt=f"{i}", source="p", line=i) for i in itertools.count(1))
    tasks = list(tasks_of(OfPipeline(pipe), rows, only=Numbers("17, 3,5-6"), seed=2))
    assert [task.number for task in tasks] == [3, 5, 6, 17]
    assert tasks[0].seed == derive_seed(2, 3)


@pytest.mark.parametrize("text", ["", "0", "x", "5-3", "1,,2", "-4", "1-", "1.5", "9" * 20, "²", "1 2"])
def test_numbers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="write rows as in 17,40-60"):
        Numbers(text)


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 20)), min_size=1, max_size=5))
def test_numbers_are_those_that_were_written(ranges: list[tuple[int, int]]) -> None:
    numbers = Numbers(",".join(f"{a}-{a + n}" if n else f"{a}" for a, n in ranges))
    wanted = {i for a, n in ranges for i in range(a, a + n + 1)}
    assert {i for i in range(600) if i in numbers} == wanted and numbers.last == max(wanted)


def test_a_setting_that_is_none_is_a_fault_with_a_pipeline_and_without(pipe: TextToImage) -> None:
    for makes in (OfPipeline(pipe), WithoutPipeline()):
        (task,) = tasks_of(makes, rows_of("a", guidence_scale=2.0))
        assert task.fault == "p.txt:1: no such setting: 'guidence_scale': did you mean 'guidance_scale'?"


def test_a_range_without_an_end_is_told_by_its_beginning() -> None:
    (task,) = tasks_of(WithoutPipeline(), rows_of("a", seconds=-1))
    assert task.fault == "p.txt:1: seconds = -1.0: must be at least 0.0 seconds"
