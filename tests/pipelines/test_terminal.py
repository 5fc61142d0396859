"""What is shown while a batch runs, and after it."""

import io

import pytest
from rich.console import Console

from diptych.pipelines import terminal


def shown(*, is_terminal: bool) -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, force_terminal=is_terminal, width=100, markup=False), stream


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
