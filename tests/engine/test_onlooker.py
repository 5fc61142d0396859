"""Views of a micro-batch reach whoever looks on, with the values they are of; nobody else pays for them."""

from collections.abc import Sequence
from typing import Any

import pytest

from diptych.engine.memory import DeviceMemory
from diptych.engine.microbatch import Batching, run_stage
from diptych.engine.stage import ModelKey, Models, RunContext
from diptych.engine.watch import Onlooker, Quiet


class NoLoader:
    """There are no models."""

    def weights(self, key: ModelKey, /, *, streamed: bool = False, device: str = "cpu") -> dict[str, int]:
        raise NotImplementedError

    load = brought = can_load_ahead = load_ahead = unload = weights


class Doubling:
    """A stage that shows each value on its way to twice as much."""

    name, takes, gives, uses = "double", int, int, ()

    def __init__(self) -> None:
        self.made = 0

    def workspace(self, batch: Sequence[int], /) -> int:
        return 0

    def run(self, batch: Sequence[int], models: Models, context: RunContext, /) -> list[int]:
        def make() -> list[float]:
            self.made += 1
            return [1.5 * value for value in batch]

        context.view("half-way", 1, make)
        return [2 * value for value in batch]


class Looking(Quiet):
    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def on_view(self, stage: str, values: Sequence[Any], what: str, i: int, views: Sequence[Any], /) -> None:
        self.seen.append((stage, list(values), what, i, list(views)))


@pytest.fixture
def memory() -> DeviceMemory:
    return DeviceMemory(NoLoader())  # pyright: ignore[reportArgumentType]


def test_an_onlooker_sees_each_micro_batch_with_its_values(memory: DeviceMemory) -> None:
    watch = Looking()
    assert isinstance(watch, Onlooker)
    run_stage(Doubling(), [1, 2, 3], memory=memory, batching=Batching(micro_batch=2), watch=watch)
    assert watch.seen == [
        ("double", [1, 2], "half-way", 1, [1.5, 3.0]),
        ("double", [3], "half-way", 1, [4.5]),
    ]


def test_where_nobody_looks_no_view_is_made(memory: DeviceMemory) -> None:
    stage = Doubling()
    assert not isinstance(Quiet(), Onlooker)
    run_stage(stage, [1, 2, 3], memory=memory, watch=Quiet())
    assert stage.made == 0
