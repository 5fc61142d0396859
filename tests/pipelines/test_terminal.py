"""What is shown while a batch runs, and after it."""

import dataclasses
import io

import pytest
from rich.console import Console

from diptych.pipelines import terminal
from diptych.pipelines.rendering.record import Record, refused


def shown(*, is_terminal: bool) -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, force_terminal=is_terminal, width=100, markup=False), stream


def done(row: int, prompt: str = "a boat") -> Record:
    return Record(row=row, prompt=prompt, seed=0, status="done", caption="a ship", score=0.75)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_every_stage_is_named_and_counted(is_terminal: bool) -> None:
    console, stream = shown(is_terminal=is_terminal)
    with terminal.progress(console, 4) as watch:
        for stage in ("plan", "draft"):
            watch.on_progress(stage, 0, 4, 0.0)
            watch.on_progress(stage, 0, 4, 0.5)
            watch.on_progress(stage, 4, 4, 0.0)
        for _ in range(4):
            watch.on_row()
    text = stream.getvalue()
    for word in ("plan", "draft", "rows"):
        assert word in text
    assert ("4/4" if is_terminal else "draft: 4 of 4") in text


def test_plain_lines_do_not_flood_a_log() -> None:
    console, stream = shown(is_terminal=False)
    with terminal.progress(console, 1000) as watch:
        for step in range(1001):
            watch.on_progress("refine", step, 1000, 0.3)
    assert stream.getvalue().count("\n") <= 2


def test_plain_lines_count_every_wave() -> None:
    console, stream = shown(is_terminal=False)
    with terminal.progress(console, 4) as watch:
        for _ in range(2):
            watch.on_progress("plan", 0, 2, 0.0)
            watch.on_progress("plan", 2, 2, 0.0)
    assert stream.getvalue().count("plan: 2 of 2") == 2


def test_the_table_says_what_is_not_drawn() -> None:
    console, stream = shown(is_terminal=False)
    record = dataclasses.replace(done(1), left_out=("wearing", "a \x1b hat"))
    console.print(terminal.results_table([record, done(2)]))
    assert stream.getvalue().count("not drawn: wearing, a") == 1 and "\x1b" not in stream.getvalue()


def test_the_table_takes_no_text_for_markup_or_control_codes() -> None:
    console, stream = shown(is_terminal=False)
    console.print(terminal.results_table([done(1, "[bold]a\x1b[31m boat"), refused(2, "b", 0, "plan: no")]))
    text = stream.getvalue()
    assert "[bold]a" in text and "\x1b" not in text
    assert "0.75" in text and "plan: no" in text and "failed" in text


def test_a_long_table_says_what_it_leaves_out() -> None:
    console, stream = shown(is_terminal=False)
    console.print(terminal.results_table([done(row) for row in range(1, 4)], more=5))
    assert "5 more in results.jsonl" in stream.getvalue()
