"""Stand-ins that tests of several folders share."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from diptych.engine.errors import RowError
from diptych.engine.stage import ModelKey, Models, RunContext


def _never(value: Any) -> Any:
    raise NotImplementedError


@dataclasses.dataclass
class FakeStage:
    """A stage made of a function of one value; keeps a note of what it was handed.

    Args:
        make: gives a row's value; a `RowError` for this row stands for each `ValueError`, where `row_errors`.
        uses: one model that goes by the stage's name, if not given.
        row_bytes: of workspace.
        before: is told of each micro-batch, and may raise.
    """

    name: str
    takes: type
    gives: type
    make: Callable[[Any], Any] = _never
    uses: tuple[ModelKey, ...] = None  # pyright: ignore[reportAssignmentType]  # set below
    row_bytes: int = 1
    row_errors: bool = False
    before: Callable[[Sequence[Any]], None] = lambda batch: None
    handed: list[list[Any]] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        if self.uses is None:
            self.uses = (ModelKey("fake", self.name),)

    def workspace(self, batch: Sequence[Any], /) -> int:
        return self.row_bytes * len(batch)

    def run(self, batch: Sequence[Any], models: Models, context: RunContext, /) -> list[Any]:
        self.handed.append(list(batch))
        self.before(batch)
        made: list[Any] = []
        for i, value in enumerate(batch):
            context.step(i + 1, len(batch))
            try:
                made.append(self.make(value))
            except ValueError as error:
                if not self.row_errors:
                    raise
                raise RowError(i, str(error)) from None
        return made


@dataclasses.dataclass
class NameLoader:
    """Models that are names.

    Args:
        sizes: in bytes, by name; one number, if all are alike.
        streamed: of those that can be streamed, in bytes while they are.
    """

    sizes: Mapping[str, int] | int
    streamed: Mapping[str, int] = dataclasses.field(default_factory=dict)
    loaded: list[str] = dataclasses.field(default_factory=list)

    def weights(self, key: ModelKey, /, *, streamed: bool = False, device: str = "cpu") -> dict[str, int]:
        name = key.checkpoint
        if streamed and name in self.streamed:
            return {name: self.streamed[name]}
        return {name: self.sizes if isinstance(self.sizes, int) else self.sizes[name]}

    def load(self, key: ModelKey, device: str, /, *, streamed: bool = False) -> str:
        self.loaded.append(key.checkpoint)
        return key.checkpoint

    def brought(self, key: ModelKey, /) -> tuple[int, float]:
        return 0, 0.0

    def can_load_ahead(self, key: ModelKey, device: str, /) -> bool:
        return False

    def load_ahead(self, key: ModelKey, device: str, /) -> Callable[[], Any]:
        raise NotImplementedError

    def unload(self, key: ModelKey, /) -> None:
        return None
