"""One stage over many values: sizes, shapes, and what happens when something goes wrong. Values are numbers."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.errors import Cancelled, CheckpointError, DiptychError, MemoryBudgetError, RowError
from diptych.engine.memory import DeviceMemory
from diptych.engine.microbatch import Batching, Done, Failed, run_stage
from diptych.engine.stage import ModelKey, Models, RunContext

from .negate import OTHER, FakeLoader, Negate, QuickMemory, answers, go, out_of_memory_above


def test_values_go_in_micro_batches_and_come_back_in_order() -> None:
    stage = Negate()
    assert answers(go(stage, range(7), micro_batch=3)) == [0, -1, -2, -3, -4, -5, -6]
    assert stage.batches == [[0, 1, 2], [3, 4, 5], [6]]


def test_nothing_is_run_for_no_values() -> None:
    stage = Negate()
    assert go(stage, []) == []
    assert stage.batches == []


def test_only_values_that_are_alike_share_a_micro_batch() -> None:
    stage = Negate()
    assert answers(go(stage, range(5), alike=lambda value: value % 2)) == [0, -1, -2, -3, -4]
    assert stage.batches == [[0, 2, 4], [1, 3]]


def test_the_deterministic_mode_pads_every_micro_batch_with_its_last_row() -> None:
    for stage, device in ((Negate(), "meta"), (Negate(token_by_token=True), "cpu")):
        memory = DeviceMemory(FakeLoader(), device=device)
        results = go(stage, range(5), memory=memory, micro_batch=4, batch_invariant=True)
        assert answers(results) == [0, -1, -2, -3, -4]
        assert stage.batches == [[0, 1, 2, 3], [4, 4, 4, 4]]


def test_on_a_cpu_the_deterministic_mode_runs_as_few_rows_at_once_as_the_stage_says() -> None:
    for rows, expected in ((1, [[0], [1], [2]]), (2, [[0, 1], [2, 2]]), (9, [[0, 1, 2, 2]])):
        stage = Negate(rows_on_cpu=rows)
        assert answers(go(stage, range(3), micro_batch=4, batch_invariant=True)) == [0, -1, -2]
        assert stage.batches == expected


def test_the_deterministic_mode_pads_nothing_where_rows_never_depend_on_each_other() -> None:
    stage = Negate(token_by_token=True, apart=True)
    assert answers(go(stage, range(5), micro_batch=4, batch_invariant=True)) == [0, -1, -2, -3, -4]
    assert stage.batches == [[0, 1, 2, 3], [4]]


def test_a_row_too_large_for_the_budget_fails_alone_with_the_numbers() -> None:
    class Growing(Negate):
        def workspace(self, batch: Sequence[int], /) -> int:
            return sum(batch)

    results = go(Growing(), [1, 50, 2], budget=20)
    assert answers(results)[::2] == [-1, -2]
    assert isinstance(results[1], Failed) and "50 bytes of workspace" in results[1].reason


def test_models_too_large_for_the_budget_are_no_rows_fault() -> None:
    with pytest.raises(MemoryBudgetError):
        go(Negate(), [1], budget=9)


def test_a_checkpoint_that_cannot_be_loaded_is_no_rows_fault() -> None:
    with pytest.raises(CheckpointError):
        go(Negate(uses=(ModelKey("fake", "damaged"),)), [1, 2])


def test_a_row_error_fails_that_row_and_the_others_run_again() -> None:
    def trouble(batch: Sequence[int]) -> None:
        if 3 in batch:
            raise RowError(list(batch).index(3), "three is not a number")

    stage = Negate(trouble)
    assert answers(go(stage, [1, 2, 3, 4])) == [-1, -2, "three is not a number", -4]
    assert stage.batches == [[1, 2, 3, 4], [1, 2, 4]]


def test_a_row_error_in_the_padding_is_the_last_rows() -> None:
    def trouble(batch: Sequence[int]) -> None:
        if batch[-1] == 2:
            raise RowError(len(batch) - 1, "two is not a number")

    results = go(Negate(trouble), [1, 2], micro_batch=8, batch_invariant=True)
    assert answers(results) == [-1, "two is not a number"]


def test_any_other_error_is_traced_to_its_row() -> None:
    def trouble(batch: Sequence[int]) -> None:
        if 3 in batch:
            raise ValueError("three\nis bad")

    stage = Negate(trouble)
    assert answers(go(stage, [1, 2, 3, 4], micro_batch=3)) == [-1, -2, "ValueError: three", -4]
    assert stage.batches == [[1, 2, 3], [1], [2], [3], [4]]


def test_too_few_results_or_results_of_another_kind_are_an_error() -> None:
    class Short(Negate):
        def run(self, batch: Sequence[int], models: Models, context: RunContext, /) -> list[int]:
            return []

    assert answers(go(Short(), [1])) == ["stage 'negate' gave 0 values for 1"]
    assert answers(go(Negate(gives=str), [1])) == ["stage 'negate' gave a int, not str"]


@pytest.mark.parametrize("batch_invariant", [False, True])
def test_running_out_of_memory_halves_the_micro_batch_and_loses_no_row(batch_invariant: bool) -> None:
    memory = DeviceMemory(FakeLoader())
    stage = Negate(out_of_memory_above(2), token_by_token=True)
    results = go(stage, range(10), memory=memory, micro_batch=8, batch_invariant=batch_invariant)
    assert answers(results) == [-value for value in range(10)]
    assert [event.rows for event in memory.events if event.kind == "shrink"] == [4, 2]
    assert [len(batch) for batch in stage.batches] == [8, 4, 2, 2, 2, 2, 2]


def test_running_out_of_memory_on_one_row_fails_that_row() -> None:
    def trouble(batch: Sequence[int]) -> None:
        if 3 in batch:
            raise MemoryError

    results = go(Negate(trouble), [1, 3, 5])
    assert answers(results)[::2] == [-1, -5]
    assert "out of memory even for one row" in answers(results)[1]


def test_before_one_row_fails_for_memory_idle_models_are_evicted() -> None:
    memory = DeviceMemory(FakeLoader())
    with memory.lease([OTHER]):
        pass

    def trouble(batch: Sequence[int]) -> None:
        if OTHER in memory.resident:
            raise MemoryError

    assert answers(go(Negate(trouble), [1], memory=memory)) == [-1]


def test_cancelling_passes_through_and_gives_the_lease_back() -> None:
    class Impatient:
        asked = 0

        def on_progress(self, stage: str, done: int, total: int, fraction_of_current: float, /) -> None:
            return None

        def cancelled(self) -> bool:
            self.asked += 1
            return self.asked > 3

    memory = DeviceMemory(FakeLoader())
    with pytest.raises(Cancelled, match="stopped at negate, 1 of 3 rows done"):
        run_stage(Negate(), range(3), memory=memory, batching=Batching(micro_batch=1), watch=Impatient())
    assert memory.leased == frozenset()


def test_a_keyboard_interrupt_passes_through() -> None:
    def trouble(batch: Sequence[int]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(Negate(trouble), [1, 2])


def test_progress_counts_rows_and_ends_at_all() -> None:
    class Watching:
        def __init__(self) -> None:
            self.seen: list[tuple[str, int, int, float]] = []

        def on_progress(self, stage: str, done: int, total: int, fraction_of_current: float, /) -> None:
            self.seen.append((stage, done, total, fraction_of_current))

        def cancelled(self) -> bool:
            return False

    watch = Watching()
    run_stage(
        Negate(),
        range(3),
        memory=DeviceMemory(FakeLoader()),
        batching=Batching(micro_batch=2),
        watch=watch,
        label="look",
    )
    counts = [(done, fraction) for _, done, _, fraction in watch.seen]
    assert counts == [(0, 0.0), (0, 0.5), (2, 0.0), (2, 0.5), (3, 0.0)]
    assert {(stage, total) for stage, _, total, _ in watch.seen} == {("look", 3)}


def test_each_row_is_charged_its_share_of_the_time() -> None:
    ticks = iter([0.0, 6.0])
    results = go(Negate(), [1, 2, 3], clock=lambda: next(ticks))
    assert [result.seconds for result in results if isinstance(result, Done)] == [2.0, 2.0, 2.0]


@settings(max_examples=150, deadline=None)
@given(
    values=st.lists(st.integers(0, 30), max_size=20),
    micro_batch=st.integers(1, 9),
    budget=st.integers(10, 60),
    batch_invariant=st.booleans(),
    limit=st.integers(1, 9),
    bad=st.sets(st.integers(0, 30), max_size=4),
    named=st.booleans(),
)
def test_every_row_gets_its_own_result_or_reason(
    values: list[int],
    micro_batch: int,
    budget: int,
    batch_invariant: bool,
    limit: int,
    bad: set[int],
    named: bool,
) -> None:
    def trouble(batch: Sequence[int]) -> None:
        out_of_memory_above(limit)(batch)
        for i, value in enumerate(batch):
            if value in bad:
                raise RowError(i, "bad") if named else DiptychError("bad")

    memory = QuickMemory(FakeLoader(), budget_bytes=budget)
    stage = Negate(trouble, row_bytes=2)
    results = go(
        stage,
        values,
        memory=memory,
        micro_batch=micro_batch,
        batch_invariant=batch_invariant,
        alike=lambda value: value % 3,
    )
    room = (budget - 10) // 2
    expected = [("bad" if value in bad else -value) for value in values]
    if room:
        assert answers(results) == expected
        assert max(map(len, stage.batches), default=0) <= min(micro_batch, room)
    else:
        assert all(isinstance(result, Failed) for result in results)
    assert memory.leased == frozenset()
    assert memory.accounted_bytes <= budget
