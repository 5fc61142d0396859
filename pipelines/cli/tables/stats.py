"""Where time and memory went: the log of a run as a table by stage. Decides nothing."""

from collections.abc import Sequence

import rich.box
from rich.table import Table

from ....engine.memory import Event, format_bytes

_COLUMNS = ("", "rows", "times", "at once", "seconds", "ms a row", "work", "loaded", "waited s", "evicted")
_BROUGHT = ("load", "prefetch", "stream")


def stats_table(events: Sequence[Event], seconds: float, pictures: int) -> Table:
    """A line a stage: what it carried out, in what time; the bytes of work, measured or else set aside; the
    weights that were loaded for it or while it worked, how long it waited for them, and what had to go."""
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, title_justify="left", caption_justify="left")
    table.title = f"{pictures} pictures in {seconds:.1f} s, {60 * pictures / max(seconds, 1e-9):.1f} a minute"
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column else "left")
    for stage in dict.fromkeys(event.stage for event in events if event.kind == "run"):
        table.add_row(stage, *_line([event for event in events if event.stage == stage]))
    table.add_section()
    table.add_row("all", *_line(events))
    peak = max((event.resident_bytes + event.workspace_bytes for event in events), default=0)
    table.caption = "\n".join(
        [*_decisions(events), f"at most {format_bytes(peak)} of weights and work at a time"]
    )
    return table


def _line(events: Sequence[Event]) -> tuple[str, ...]:
    runs = [event for event in events if event.kind == "run"]
    rows, ms = sum(event.rows for event in runs), sum(event.ms for event in runs)
    work = max((event.bytes for event in runs), default=0) or max(_bytes(events, "lease"), default=0)
    waited = sum(event.ms for event in events if event.kind == "lease")
    return (
        str(rows),
        str(len(runs)),
        str(max((event.rows for event in runs), default=0)),
        f"{ms / 1000:.2f}",
        f"{ms / max(rows, 1):.0f}",
        format_bytes(work),
        format_bytes(sum(_bytes(events, *_BROUGHT))),
        f"{waited / 1000:.2f}",
        format_bytes(sum(_bytes(events, "evict"))),
    )


def _bytes(events: Sequence[Event], *kinds: str) -> list[int]:
    return [event.bytes for event in events if event.kind in kinds]


def _decisions(events: Sequence[Event]) -> list[str]:
    """How the batch was carried out, and what made micro-batches smaller than wanted; each said once."""
    said: dict[str, None] = {}
    for event in events:
        if event.kind == "choose" and not event.stage:
            said[f"{event.note}: {event.rows} rows a wave" if event.rows > 1 else event.note] = None
        elif event.kind == "choose" and ("fit" in event.note or "ran out" in event.note):
            said[f"{event.stage}: {event.rows} rows at once, {event.note}"] = None
        elif event.kind == "shrink":
            said[f"{event.stage}: memory ran out, {event.rows} rows at once from there"] = None
    return list(said)
