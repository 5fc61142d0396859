"""How large micro-batches are: what fits the budget, what was measured, what memory ran out with."""

import pytest

from diptych.engine.memory import DeviceMemory
from diptych.engine.stage import ModelKey

from .negate import FakeLoader, Negate, answers, go, out_of_memory_above


def test_the_micro_batch_is_the_largest_that_fits_the_budget() -> None:
    stage = Negate(row_bytes=4)
    go(stage, range(6), budget=10 + 4 * 2 + 3, micro_batch=16)
    assert [len(batch) for batch in stage.batches] == [2, 2, 2]


def test_the_deterministic_mode_pads_to_what_the_budget_allows() -> None:
    stage = Negate(row_bytes=4, token_by_token=True)
    go(stage, [7], budget=10 + 4 * 3, micro_batch=16, batch_invariant=True)
    assert stage.batches == [[7, 7, 7]]


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
    assert [len(batch) for batch in stage.batches] == [8, 4, 2, 2, 2, 2, 4, 2, 2, 2, 2]
    assert chosen(memory)[-1] == (2, 2, "memory ran out with more")


class StreamingLoader(FakeLoader):
    """Models of ten bytes, or of four while they are streamed."""

    def __init__(self) -> None:
        super().__init__()
        self.ways: list[bool] = []

    def weights(self, key: ModelKey, /, *, streamed: bool = False, device: str = "cpu") -> dict[str, int]:
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
