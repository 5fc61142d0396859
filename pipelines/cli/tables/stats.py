"""Where time and memory went: the log of a run as a table by stage. Decides nothing."""

import rich.box
from rich.table import Table

from ....engine.memory import EventKind, EventLog, format_bytes

_COLUMNS = ("", "rows", "at once", "s", "ms/row", "work", "loaded", "wait s", "evicted")
_BROUGHT: tuple[EventKind, ...] = ("load", "prefetch", "stream")


def stats_table(log: EventLog, seconds: float, pictures: int) -> Table:
    """A line a stage: what it carried out, in what time; the bytes of work, measured or else set aside; the
    weights that were loaded for it or while it worked, how long it waited for them, and what had to go."""
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, title_justify="left", caption_justify="left")
    table.padding = (0, 1, 0, 0)  # so that it fits into 80 columns
    rate = 60 * pictures / max(seconds, 1e-9)
    made = "1 picture" if pictures == 1 else f"{pictures} pictures"
    table.title = f"{made} in {seconds:.1f} s, {rate:.1f} a minute"
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for stage in log.stages("run"):
        table.add_row(stage, *_line(log, stage))
    table.add_section()
    table.add_row("all", *_line(log))
    peak = f"at most {format_bytes(log.peak_bytes)} of weights and work at a time"
    table.caption = "\n".join([*_decisions(log), peak])
    return table


def _line(log: EventLog, stage: str | None = None) -> tuple[str, ...]:
    runs, leases = log.totals("run", stage=stage), log.totals("lease", stage=stage)
    return (
        str(runs.rows),
        str(runs.most_rows),
        f"{runs.ms / 1000:.2f}",
        f"{runs.ms / max(runs.rows, 1):.0f}",
        format_bytes(runs.most_bytes or leases.most_bytes),
        format_bytes(log.totals(*_BROUGHT, stage=stage).bytes),
        f"{leases.ms / 1000:.2f}",
        format_bytes(log.totals("evict", stage=stage).bytes),
    )


def _decisions(log: EventLog) -> list[str]:
    """How the batch was carried out, and what made micro-batches smaller than wanted; each said once."""
    said: dict[str, None] = {}
    for event in log.decisions:
        if event.kind == "choose" and not event.stage:
            said[f"{event.note}: {event.rows} rows a wave" if event.rows > 1 else event.note] = None
        elif event.kind == "choose" and ("fit" in event.note or "ran out" in event.note):
            said[f"{event.stage}: {event.rows} rows at once, {event.note}"] = None
        elif event.kind == "shrink":
            said[f"{event.stage}: memory ran out, {event.rows} rows at once from there"] = None
    return list(said)
