"""A device that other programs use, too, and an allocator that keeps what it has got: a loader and its account
in one. What is kept never fits what comes next, which is the worst that an allocator can do."""

import dataclasses
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from diptych.engine.stage import ModelKey, Models, RunContext

MIB = 2**20


@dataclasses.dataclass
class SimulatedDevice:
    """Raises what torch raises where more is wanted than is there.

    Args:
        total: bytes of the device.
        sizes: of models, in bytes, by name.
        others: bytes that other processes hold; may be changed at any time.
        stray: bytes of tensors in this process that nobody accounts for.
    """

    total: int
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    others: int = 0
    stray: int = 0
    there: dict[str, int] = dataclasses.field(default_factory=dict)
    kept: int = 0
    given_back: int = 0  # how often
    most_taken: int = 0

    # As an account

    def free(self) -> int:
        return self.total - self.others - self.reserved()

    def reserved(self) -> int:
        return self.allocated() + self.kept

    def allocated(self) -> int:
        return self.stray + sum(self.there.values())

    def give_back(self) -> None:
        self.kept = 0
        self.given_back += 1

    def take(self, name: str, size: int) -> None:
        if size > self.free():
            raise RuntimeError(f"CUDA out of memory. Tried to allocate {size} bytes")
        self.there[name] = size
        self.most_taken = max(self.most_taken, self.allocated())

    def drop(self, name: str) -> None:
        self.kept += self.there.pop(name, 0)

    @contextmanager
    def working(self, size: int) -> Generator[None]:
        """Work takes so much; torch itself hands back what is kept before it gives up."""
        if size > self.free():
            self.kept = 0
        self.take("work", size)
        yield
        self.drop("work")

    # As a loader

    def weights(self, key: ModelKey, /, *, streamed: bool = False, device: str = "cpu") -> dict[str, int]:
        return {key.checkpoint: self.sizes[key.checkpoint]}

    def load(self, key: ModelKey, device: str, /, *, streamed: bool = False) -> str:
        self.take(key.checkpoint, self.sizes[key.checkpoint])
        return key.checkpoint

    def brought(self, key: ModelKey, /) -> tuple[int, float]:
        return 0, 0.0

    def can_load_ahead(self, key: ModelKey, device: str, /) -> bool:
        return False

    def load_ahead(self, key: ModelKey, device: str, /) -> Any:
        raise NotImplementedError

    def unload(self, key: ModelKey, /) -> None:
        self.drop(key.checkpoint)


@dataclasses.dataclass
class Working:
    """A stage from numbers to numbers that takes memory of a simulated device.

    Args:
        really: bytes that a row takes; declared are `row_bytes`.
        between: of the micro-batches so far, whatever else happens before the next.
    """

    device: SimulatedDevice
    row_bytes: int
    really: int
    uses: tuple[ModelKey, ...]
    between: Any = lambda batches: None
    batches: list[int] = dataclasses.field(default_factory=list)
    name: str = "work"
    takes: type = int
    gives: type = int

    def workspace(self, batch: Sequence[int], /) -> int:
        return self.row_bytes * len(batch)

    def run(self, batch: Sequence[int], models: Models, context: RunContext, /) -> list[int]:
        self.batches.append(len(batch))
        self.between(self.batches)
        with self.device.working(self.really * len(batch)):
            return [-value for value in batch]
