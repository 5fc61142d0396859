"""A device that holds nothing but names, and watches that nobody fools it."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from diptych.engine.memory import DeviceMemory
from diptych.engine.stage import ModelKey


def key(name: str) -> ModelKey:
    return ModelKey("fake", name)


@dataclasses.dataclass
class FakeDevice:
    """A loader, and the device that it loads to, in one. It counts for itself what is there.

    Args:
        pieces: of each model, by name: what its weights consist of, in bytes. A piece that two have is shared.
        streamed: bytes of a model while it is streamed, for those that can be.
        broken: models that cannot be loaded.
        ahead: models that can be loaded ahead; of them, `late` fail on arrival, `stuck` at once.
    """

    pieces: Mapping[str, Mapping[str, int]]
    streamed: Mapping[str, int] = dataclasses.field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    ahead: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()
    stuck: frozenset[str] = frozenset()
    there: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)
    fetched: list[str] = dataclasses.field(default_factory=list)
    memory: DeviceMemory | None = None

    def bytes_there(self) -> int:
        together: dict[str, int] = {}
        for pieces in self.there.values():
            together |= pieces
        return sum(together.values())

    def weights(self, key: ModelKey, /, *, streamed: bool = False, device: str = "cpu") -> dict[str, int]:
        name = key.checkpoint
        if streamed and name in self.streamed:
            return {f"{name}, streamed": self.streamed[name]}
        return dict(self.pieces[name])

    def load(self, key: ModelKey, device: str, /, *, streamed: bool = False) -> str:
        self._put(key, streamed)
        if key.checkpoint in self.broken:
            raise OSError(f"{key.checkpoint} is damaged")
        return f"{key.checkpoint} on {device}"

    def brought(self, key: ModelKey, /) -> tuple[int, float]:
        return 0, 0.0

    def can_load_ahead(self, key: ModelKey, device: str, /) -> bool:
        return key.checkpoint in self.ahead

    def load_ahead(self, key: ModelKey, device: str, /) -> Callable[[], Any]:
        self._put(key, False)
        if key.checkpoint in self.stuck:
            raise OSError(f"{key.checkpoint} is stuck")

        def arrive() -> str:
            assert key.checkpoint in self.there
            if key.checkpoint in self.late:
                raise OSError(f"{key.checkpoint} is late")
            return f"{key.checkpoint} on {device}"

        return arrive

    def unload(self, key: ModelKey, /) -> None:
        self.there.pop(key.checkpoint, None)

    def _put(self, key: ModelKey, streamed: bool) -> None:
        assert key.checkpoint not in self.there, f"{key.checkpoint} is loaded twice"
        self.there[key.checkpoint] = self.weights(key, streamed=streamed)
        self.fetched.append(key.checkpoint)
        if self.memory is not None:
            assert self.bytes_there() <= self.memory.budget_bytes


@pytest.fixture(scope="session")
def make_memory() -> Callable[..., tuple[DeviceMemory, FakeDevice]]:
    """Makes a memory and its device, of models of `sizes` or `pieces`; takes what `FakeDevice` takes."""

    def make(
        sizes: Mapping[str, int] | None = None,
        *,
        pieces: Mapping[str, Mapping[str, int]] | None = None,
        budget: int | None = None,
        gauge: Any = None,
        **how: Any,
    ) -> tuple[DeviceMemory, FakeDevice]:
        alone = {name: {name: size} for name, size in (sizes or {}).items()}
        device = FakeDevice({**alone, **(pieces or {})}, **how)
        device.memory = DeviceMemory(device, budget_bytes=budget, gauge=gauge)
        return device.memory, device

    return make


@pytest.fixture(scope="session")
def use() -> Callable[..., None]:
    """Leases models by name, for a moment."""

    def use(memory: DeviceMemory, names: Iterable[str], *, workspace: int = 0, stage: str = "") -> None:
        with memory.lease([key(name) for name in names], workspace, stage=stage):
            pass

    return use
