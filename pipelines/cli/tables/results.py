"""The rows of a batch as a table for people: what was asked, what is seen, how well it fits."""

from collections.abc import Mapping, Sequence

import rich.box
from rich.table import Table
from rich.text import Text

from ....engine.values.fact import scored
from ...rendering.output.record import Record

MAX_TABLE_ROWS = 200
FEW = 10  # rows, of which errors are shown whole
MOST_OF_ERROR, MOST_OF_TEXT = 800, 200  # characters


def results_table(records: Sequence[Record], *, more: int = 0) -> Table:
    """Row, prompt, caption and score of each record, and what of the prompt is not drawn; for a failed row, why
    it failed. `more` records are not in it."""
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.add_column("row", justify="right", style="dim")
    table.add_column("prompt", ratio=1, overflow="fold")
    table.add_column("caption", ratio=1, overflow="fold")
    table.add_column("score", justify="right")
    for record in records:
        if record.unjudged:
            seen, score = _seen(record), Text("not judged", style="dim")
        elif record.score is None:
            most = MOST_OF_ERROR if len(records) <= FEW else MOST_OF_TEXT
            seen, score = Text(shortened(record.error or "", most), style="red"), Text("failed", style="red")
        else:
            seen, score = _seen(record), _score(record)
        table.add_row(str(record.row), Text(shortened(record.prompt)), seen, score)
    if more > 0:
        table.add_row("", Text(f"... and {more} more in results.jsonl", style="dim"), "", "")
    return table


def _seen(record: Record) -> Text:
    """What the captioner sees, and below it what it need not look for, and which words were taken for slips."""
    seen = Text(shortened(record.caption or ""))
    if record.left_out:
        seen.append(f"\nnot drawn: {shortened(record.not_drawn)}", style="yellow")
    if record.read_as:
        seen.append(f"\n{shortened(read_as_line(record.read_as))}", style="yellow")
    return seen


def read_as_line(read_as: Mapping[str, str]) -> str:
    """Which misspelt words were read as others, in a line; empty for none."""
    said = ", ".join(f"{typed!r} as {meant!r}" for typed, meant in read_as.items())
    return f"read: {said}" if said else ""


def _score(record: Record) -> Text:
    return Text(scored(record.score or 0.0, record.left_out), style="green" if record.accepted else "yellow")


def shortened(text: str, most: int = MOST_OF_TEXT) -> str:
    """The text on one line, without what a terminal would obey, and no longer than this."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain if len(plain) <= most else f"{plain[: most - 3]}..."
