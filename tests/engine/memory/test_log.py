"""The log keeps the last events, and exact figures of all of them."""

import math
import pickle
import tracemalloc
from collections import Counter
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.memory import DeviceMemory, Event, EventKind, EventLog
from diptych.engine.memory.log import KEPT_DECISIONS, KEPT_EVENTS, Totals
from diptych.engine.stage import ModelKey

KINDS: tuple[EventKind, ...] = get_args(EventKind)
STAGES = ("", "plan", "draft")
EVENTS = st.lists(
    st.builds(
        Event,
        kind=st.sampled_from(KINDS),
        stage=st.sampled_from(STAGES),
        rows=st.integers(0, 5),
        bytes=st.integers(0, 9),
        ms=st.integers(0, 40).map(lambda quarters: quarters / 4),  # sums of these are exact in any order
        resident_bytes=st.integers(0, 9),
        workspace_bytes=st.integers(0, 9),
        note=st.sampled_from(["", "all that wait", "memory ran out with more"]),
    ),
    max_size=40,
)


def added_up(events: list[Event]) -> Totals:
    return Totals(
        sizes=Counter(event.rows for event in events),
        bytes=sum(event.bytes for event in events),
        most_bytes=max((event.bytes for event in events), default=0),
        ms=sum(event.ms for event in events),
    )


def assert_holds(log: EventLog, events: list[Event]) -> None:
    """The log says of `events` what a log that keeps all of them would."""
    assert log.count == len(events)
    assert log.peak_bytes == max((e.resident_bytes + e.workspace_bytes for e in events), default=0)
    assert log.workspace_bytes == max((event.workspace_bytes for event in events), default=0)
    for kind in KINDS:
        of_kind = [event for event in events if event.kind == kind]
        assert log.stages(kind) == list(dict.fromkeys(event.stage for event in of_kind))
        assert log.totals(kind) == added_up(of_kind)
        for stage in STAGES:
            assert log.totals(kind, stage=stage) == added_up([e for e in of_kind if e.stage == stage])
    said = {(e.stage, e.kind, e.rows, e.note): e for e in reversed(events) if e.kind in ("choose", "shrink")}
    assert sorted(map(repr, log.decisions)) == sorted(map(repr, said.values()))


@settings(max_examples=100, deadline=None)
@given(events=EVENTS, keep=st.integers(1, 8))
def test_figures_are_those_of_all_events_though_few_are_kept(events: list[Event], keep: int) -> None:
    log = EventLog(events, keep=keep)
    assert log.events == events[-keep:]
    assert_holds(log, events)


@settings(max_examples=100, deadline=None)
@given(before=EVENTS, within=EVENTS, after=EVENTS, elsewhere=EVENTS)
def test_a_part_has_what_was_written_within_it_and_no_more(
    before: list[Event], within: list[Event], after: list[Event], elsewhere: list[Event]
) -> None:
    log = EventLog(before, keep=3)
    with log.part() as part:
        for event in within:
            log.add(event)
        log.extend(EventLog(elsewhere, keep=3))
    for event in after:
        log.add(event)
    assert_holds(part, [*within, *elsewhere])
    assert_holds(log, [*before, *within, *elsewhere, *after])


def test_a_part_ends_however_the_block_is_left() -> None:
    log = EventLog()
    with pytest.raises(ValueError), log.part() as part:
        raise ValueError
    log.add(Event(kind="run"))
    assert part.count == 0 and log.count == 1


def test_a_log_can_be_sent_to_another_process() -> None:
    events = [Event(kind="run", stage="plan", rows=2, key=ModelKey("fake", "a"))]
    assert_holds(pickle.loads(pickle.dumps(EventLog(events))), events)


def test_different_decisions_are_kept_up_to_a_bound() -> None:
    log = EventLog(Event(kind="choose", rows=row, note=str(row)) for row in range(KEPT_DECISIONS + 10))
    assert [event.rows for event in log.decisions] == list(range(KEPT_DECISIONS))


def test_the_log_of_a_long_batch_does_not_grow(
    make_memory: Callable[..., tuple[DeviceMemory, Any]], use: Callable[..., None]
) -> None:
    """100,000 rows one at a time; of the first ones memory writes the events, of two models that take turns."""
    memory, device = make_memory({"a": 6, "b": 6}, budget=10)
    leases, rows = 2_000, 100_000
    for row in range(leases):
        use(memory, "ab"[row % 2], workspace=3, stage="ab"[row % 2])
        device.fetched.clear()

    def write(count: int) -> None:
        for row in range(count):
            memory.record("run", stage="ab"[row % 2], rows=1, ms=0.1)

    tracemalloc.start()
    try:
        write(KEPT_EVENTS)  # the log is full
        before = tracemalloc.get_traced_memory()[0]
        write(rows - KEPT_EVENTS)
        growth = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert growth < 2**14
    assert (
        len(memory.events) == KEPT_EVENTS and memory.log.count == 3 * leases - 1 + rows
    )  # the first evicts none
    for name in "ab":
        runs = memory.log.totals("run", stage=name)
        assert (runs.times, runs.rows, runs.most_rows) == (rows / 2, rows / 2, 1)
        assert math.isclose(runs.ms, rows / 2 * 0.1, rel_tol=1e-9)
        assert memory.log.totals("load", stage=name).bytes == 6 * leases / 2
    assert memory.log.totals("evict").bytes == 6 * (leases - 1)
    assert memory.log.totals("lease").bytes == 3 * leases
    assert memory.log.peak_bytes == memory.peak_bytes == 9
