"""The log as a table."""

import io

from rich.console import Console

from diptych.engine.memory import Event, EventLog
from diptych.engine.stage import ModelKey
from diptych.pipelines.cli.tables.stats import stats_table

KIB = 2**10
KEY = ModelKey("fake", "m")
EVENTS = [
    Event(kind="choose", rows=16, note="waves: they do not fit"),
    Event(kind="choose", stage="plan", rows=4, bytes=KIB, note="as many as fit beside the weights"),
    Event(kind="load", stage="plan", key=KEY, bytes=3 * KIB, ms=400, resident_bytes=3 * KIB),
    Event(kind="lease", stage="plan", bytes=KIB, ms=500, resident_bytes=3 * KIB, workspace_bytes=KIB),
    Event(kind="prefetch", stage="plan", key=KEY, bytes=2 * KIB, resident_bytes=5 * KIB, workspace_bytes=KIB),
    Event(kind="run", stage="plan", rows=4, ms=1000),
    Event(kind="run", stage="plan", rows=3, ms=2500),
    Event(kind="evict", stage="draft", key=KEY, bytes=5 * KIB),
    Event(kind="lease", stage="draft", bytes=7 * KIB, ms=10),
    Event(kind="shrink", stage="draft", rows=2),
    Event(kind="run", stage="draft", rows=2, ms=100, bytes=6 * KIB),
    Event(kind="choose", stage="draft", rows=2, note="all that wait"),
]


def shown(events: list[Event]) -> str:
    stream = io.StringIO()
    Console(file=stream, width=80, markup=False).print(stats_table(EventLog(events), 8.0, 8))
    return stream.getvalue()


def line(text: str, begin: str) -> list[str]:
    (found,) = [line.split() for line in text.splitlines() if line.strip().startswith(f"{begin} ")]
    return found


def test_the_log_adds_up_by_stage_and_in_all() -> None:
    text = shown(EVENTS)
    assert "8 pictures in 8.0 s, 60.0 a minute" in text
    assert " ".join(line(text, "plan")) == "plan 7 4 3.50 500 1.0 KiB 5.0 KiB 0.50 0 bytes"
    assert " ".join(line(text, "draft")) == "draft 2 2 0.10 50 6.0 KiB 0 bytes 0.01 5.0 KiB"
    assert " ".join(line(text, "all")) == "all 9 4 3.60 400 6.0 KiB 5.0 KiB 0.51 5.0 KiB"


def test_decisions_are_told_once_and_the_obvious_ones_are_not() -> None:
    text = shown([*EVENTS, *EVENTS])
    assert text.count("waves: they do not fit: 16 rows a wave") == 1
    assert text.count("plan: 4 rows at once, as many as fit beside the weights") == 1
    assert text.count("draft: memory ran out, 2 rows at once from there") == 1
    assert "all that wait" not in text
    assert "at most 6.0 KiB of weights and work at a time" in text


def test_a_run_of_nothing_is_a_table_all_the_same() -> None:
    assert "0 bytes of weights and work" in shown([])
