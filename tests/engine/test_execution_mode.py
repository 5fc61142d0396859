"""How a batch is carried out, and why."""

from collections.abc import Callable
from typing import Any

import pytest

from diptych.engine.chain import Chain
from diptych.engine.execution_mode import ExecutionMode, WaveTiming, choose
from diptych.engine.memory import DeviceMemory, Event, EventLog, Loader
from diptych.engine.values import Request

REQUEST = Request(prompt="a boat", height=8, width=8)


Choose = Callable[..., ExecutionMode]


@pytest.fixture
def mode(make_chain: Callable[..., Chain], make_loader: Callable[..., Loader]) -> Choose:
    """The mode for models of ten bytes each and two bytes of work a row."""

    def mode(budget: int | None, *, micro_batch: int = 4, wave: int = 64, **how: Any) -> ExecutionMode:
        memory = DeviceMemory(make_loader(), budget_bytes=budget)
        return choose(make_chain(), memory, REQUEST, micro_batch=micro_batch, wave=wave, **how)

    return mode


def test_one_request_goes_by_itself(mode: Choose) -> None:
    assert (mode(None, alone=True).name, mode(None, alone=True).wave) == ("one-by-one", 1)


def test_where_all_fits_a_wave_is_one_micro_batch(mode: Choose) -> None:
    chosen = mode(40 + 8)
    assert (chosen.name, chosen.wave) == ("resident", 4)
    assert chosen.reason == "40 bytes of weights and 8 bytes of work fit at once"
    assert mode(None, wave=3).wave == 3


def test_where_all_fits_but_for_one_row_at_a_time_requests_go_one_by_one(mode: Choose) -> None:
    assert mode(None, micro_batch=1).name == "one-by-one"


def test_the_first_of_several_waves_is_small(mode: Choose) -> None:
    chosen = mode(40 + 7)
    assert (chosen.name, chosen.wave) == ("waves", 4)
    assert "do not fit 47 bytes at once; nothing is measured yet" in chosen.reason


def test_where_micro_batches_are_cut_short_waves_are_large(mode: Choose) -> None:
    chosen = mode(10 + 7, timing=WaveTiming(loading_s=0.0, working_s=1.0, requests=4))
    assert (chosen.name, chosen.wave) == ("waves", 64)
    assert chosen.reason.endswith("at once, which leaves room for 3 at once in a stage")


@pytest.mark.parametrize(
    ("loading_s", "wave"),
    [
        (0.0, 4),
        (0.5, 20),  # 17 requests of a second each make half a second 3 %; the micro-batch is 4
        (100.0, 64),
    ],
)
def test_later_waves_are_as_large_as_loading_asks_for(mode: Choose, loading_s: float, wave: int) -> None:
    chosen = mode(40, timing=WaveTiming(loading_s=loading_s, working_s=4.0, requests=4))
    assert (chosen.name, chosen.wave) == ("waves", wave)
    assert f"models took {loading_s:.2f} s, work 4.00 s, of 4 requests" in chosen.reason


def test_where_models_take_turns_for_one_row_at_a_time_there_are_waves_all_the_same(mode: Choose) -> None:
    assert mode(10 + 3, timing=WaveTiming(loading_s=9.0, working_s=1.0, requests=4)).wave == 64


def test_a_pace_is_read_in_the_log_of_a_wave() -> None:
    events = [
        Event(kind="load", ms=900),
        Event(kind="lease", ms=1000),
        Event(kind="run", ms=4000, rows=8),
        Event(kind="lease", ms=500),
        Event(kind="run", ms=2000, rows=2),
    ]
    assert WaveTiming.of(EventLog(events), 8) == WaveTiming(loading_s=1.5, working_s=6.0, requests=8)
    assert WaveTiming.of(EventLog(), 8).working_s == 0
