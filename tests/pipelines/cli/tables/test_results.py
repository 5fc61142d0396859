"""The table of a batch's rows, as it is printed."""

import dataclasses
import io

from rich.console import Console

from diptych.pipelines.cli.tables.results import results_table
from diptych.pipelines.rendering.output.record import Record, refused


def shown() -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, force_terminal=False, width=100, markup=False), stream


def done(row: int, prompt: str = "a boat") -> Record:
    return Record(row=row, prompt=prompt, seed=0, status="done", caption="a ship", score=0.75)


def test_the_table_says_what_is_not_drawn() -> None:
    console, stream = shown()
    record = dataclasses.replace(done(1), left_out=("wearing", "a \x1b hat"))
    console.print(results_table([record, done(2)]))
    assert stream.getvalue().count("not drawn: wearing, a") == 1 and "\x1b" not in stream.getvalue()


def test_the_table_takes_no_text_for_markup_or_control_codes() -> None:
    console, stream = shown()
    console.print(results_table([done(1, "[bold]a\x1b[31m boat"), refused(2, "b", 0, "plan: no")]))
    text = stream.getvalue()
    assert "[bold]a" in text and "\x1b" not in text
    assert "0.75" in text and "plan: no" in text and "failed" in text


def test_a_long_table_says_what_it_leaves_out() -> None:
    console, stream = shown()
    console.print(results_table([done(row) for row in range(1, 4)], more=5))
    assert "5 more in results.jsonl" in stream.getvalue()
