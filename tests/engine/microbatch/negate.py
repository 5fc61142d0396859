"""A stage from numbers to numbers, for tests of micro-batches."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from diptych.engine.errors import CheckpointError
from diptych.engine.memory import DeviceMemory
from diptych.engine.microbatch import Batching, Done, Failed, run_stage
from diptych.engine.stage import ModelKey, Models, RunContext

from ...fakes import NameLoader

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
    token_by_token: bool = False
    rows_on_cpu: int = 1
    apart: bool = False

    def rows_apart(self, models: Models, /) -> bool:
        return self.apart

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
