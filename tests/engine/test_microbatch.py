"""One stage over many values: sizes, shapes, and what happens when something goes wrong. Values are numbers."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.errors import Cancelled, CheckpointError, DiptychError, MemoryBudgetError, RowError
from diptych.engine.memory import DeviceMemory
from diptych.engine.microbatch import Batching, Done, Failed, run_stage
from diptych.engine.stage import ModelKey, Models, RunContext

from ..fakes import NameLoader

MODEL = ModelKey("fake", "model")
OTHER = ModelKey("fake", "other")


class FakeLoader(NameLoader):
    """Models of ten bytes, of which one is damaged."""

    def __init__(self) -> None:
        super().__init__(10)

    def load(self, key: ModelKey, device: str, /, *, streamed: bool = False) -> str:
        if key.checkpoint == "damaged":
            raise CheckpointError("damaged: fetch it again")
        return super().load(key, device, streamed=streamed)


class QuickMemory(DeviceMemory):
    """Python's collector takes a tenth of a second each time."""

    def collect(self) -> None:
        return None


@dataclasses.dataclass
class Negate:
    """A stage from numbers to numbers that keeps a note of its micro-batches; `trouble` may raise."""

    trouble: Callable[[Sequence[int]], None] = lambda batch: None
    uses: tuple[ModelKey, ...] = (MODEL,)
    row_bytes: int = 1
    batches: list[list[int]] = dataclasses.field(default_factory=list)
    name: str = "negate"
    takes: type = int
    gives: type = int

    def workspace(self, batch: Sequence[int], /) -> int:
        return self.row_bytes * len(batch)

    def run(self, batch: Sequence[int], models: Models, context: RunContext, /) -> list[int]:
        assert tuple(models) == self.uses
        self.batches.append(list(batch))
        self.trouble(batch)
        context.step(1, 2)
        return [-value for value in batch]


def go(
    stage: Negate,
    values: Sequence[int],
    *,
    budget: int | None = None,
    memory: DeviceMemory | None = None,
    **how: Any,
) -> list[Done | Failed]:
    memory = memory or DeviceMemory(FakeLoader(), budget_bytes=budget)
    return run_stage(stage, values, memory=memory, batching=Batching(**how))


def answers(results: Sequence[Done | Failed]) -> list[Any]:
    return [result.value if isinstance(result, Done) else result.reason for result in results]


def out_of_memory_above(rows: int) -> Callable[[Sequence[int]], None]:
    def trouble(batch: Sequence[int]) -> None:
        if len(batch) > rows:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    return trouble


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


def test_the_micro_batch_is_the_largest_that_fits_the_budget() -> None:
    stage = Negate(row_bytes=4)
    go(stage, range(6), budget=10 + 4 * 2 + 3, micro_batch=16)
    assert [len(batch) for batch in stage.batches] == [2, 2, 2]


def test_the_batch_invariant_mode_pads_every_micro_batch_with_its_last_row() -> None:
    stage = Negate()
    results = go(stage, range(5), micro_batch=4, batch_invariant=True)
    assert answers(results) == [0, -1, -2, -3, -4]
    assert stage.batches == [[0, 1, 2, 3], [4, 4, 4, 4]]


def test_the_batch_invariant_mode_pads_to_what_the_budget_allows() -> None:
    stage = Negate(row_bytes=4)
    go(stage, [7], budget=10 + 4 * 3, micro_batch=16, batch_invariant=True)
    assert stage.batches == [[7, 7, 7]]


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
    stage = Negate(out_of_memory_above(2))
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


def chosen(memory: DeviceMemory) -> list[tuple[int, int, str]]:
    return [(event.rows, event.bytes, event.note) for event in memory.events if event.kind == "choose"]


def test_the_size_of_a_micro_batch_is_told_with_its_reason() -> None:
    memory = DeviceMemory(FakeLoader(), budget_bytes=10 + 4 * 3)
    for rows, micro_batch in ((2, 9), (7, 2), (7, 9)):
        go(Negate(row_bytes=4), range(rows), memory=memory, micro_batch=micro_batch)
    assert chosen(memory) == [
        (2, 8, "all that wait"),
        (2, 8, "as many as are wanted at once"),
        (3, 12, "as many as fit beside the weights"),
    ]


def test_what_a_stage_was_measured_to_take_makes_its_micro_batches_larger_or_smaller() -> None:
    class HalfOf:
        """A gauge that finds half of what `Negate` declares."""

        def begin(self) -> None:
            return None

        def peak(self) -> int:
            return 2 * len(stage.batches[-1])

    stage = Negate(row_bytes=4)
    memory = DeviceMemory(FakeLoader(), budget_bytes=10 + 4 * 4, gauge=HalfOf())
    assert answers(go(stage, range(13), memory=memory)) == [-value for value in range(13)]
    assert [len(batch) for batch in stage.batches] == [4, 7, 2]
    assert [event.bytes for event in memory.events if event.kind == "run"] == [8, 14, 4]


def test_memory_that_ran_out_is_remembered_for_the_next_values() -> None:
    memory = DeviceMemory(FakeLoader())
    stage = Negate(out_of_memory_above(3))
    for _ in range(2):
        go(stage, range(8), memory=memory, micro_batch=8)
    assert [len(batch) for batch in stage.batches] == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]
    assert chosen(memory)[-1] == (2, 2, "memory ran out with more")


class StreamingLoader(FakeLoader):
    """Models of ten bytes, or of four while they are streamed."""

    def __init__(self) -> None:
        super().__init__()
        self.ways: list[bool] = []

    def weights(self, key: ModelKey, /, *, streamed: bool = False) -> dict[str, int]:
        return {f"streamed {key.checkpoint}": 4} if streamed else super().weights(key)

    def load(self, key: ModelKey, device: str, /, *, streamed: bool = False) -> str:
        self.ways.append(streamed)
        return super().load(key, device, streamed=streamed)


@pytest.mark.parametrize(
    ("device", "budget", "rows", "streamed"),
    [
        ("cpu", 40, 8, False),  # all of them fit beside the whole model
        ("cpu", 22, 6, False),  # of 8, 6 fit beside the whole one: that will do
        ("cpu", 14, 5, True),  # 2, or 5
        ("cuda", 14, 2, False),  # streaming is traffic there
        ("cuda", 10, 3, True),  # but better than nothing
    ],
)
def test_models_are_streamed_where_that_makes_room_for_more_rows(
    device: str, budget: int, rows: int, streamed: bool
) -> None:
    loader = StreamingLoader()
    memory = DeviceMemory(loader, device=device, budget_bytes=budget, gauge=Unread())
    stage = Negate(row_bytes=2)
    assert answers(go(stage, range(8), memory=memory, micro_batch=8)) == [-value for value in range(8)]
    assert len(stage.batches[0]) == rows
    assert loader.ways == [streamed]
    assert memory.peak_bytes <= budget


class Unread:
    """A gauge that nobody can read."""

    def begin(self) -> None:
        return None

    def peak(self) -> None:
        return None


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
