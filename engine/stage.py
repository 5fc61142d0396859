"""What a stage is: a name, the models it uses, the memory it works in, a function from one value to the next.

A stage is handed its models and holds no state of a call. It loads, moves, caches and looks up nothing; that is
`memory`'s work. Long stages report each step, which drives progress bars, previews and cancelling.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out")


@dataclasses.dataclass(frozen=True, order=True)
class ModelKey:
    """Names one model: the family whose adapter loads it, where its checkpoint lies, its dtype and, for a
    checkpoint that holds several parts which are leased one at a time, the part."""

    family: str
    checkpoint: str
    dtype: str = "float32"
    part: str = ""


Models = Mapping[ModelKey, Any]
"""The handles on the device while a lease is held, by key; a family's adapter says what its handle can do."""


class Report(Protocol):
    """Where a stage says how far it is. Raises `Cancelled` from `step` when the caller wants to stop."""

    def step(self, i: int, n: int, /) -> None:
        """Step `i` of `n` (from 1) of the micro-batch at hand is done."""
        ...


class Stage(Protocol[In, Out]):
    """One step of the chain. `run` returns one value for each it was given, in the same order."""

    @property
    def name(self) -> str: ...

    @property
    def takes(self) -> type:
        """The class of the values that `run` is given."""
        ...

    @property
    def gives(self) -> type:
        """The class of the values that `run` returns."""
        ...

    @property
    def uses(self) -> tuple[ModelKey, ...]: ...

    def workspace(self, batch: Sequence[In], /) -> int:
        """Bytes needed beyond the weights to run `batch`, at most (activations, caches, latents)."""
        ...

    def run(self, batch: Sequence[In], models: Models, report: Report, /) -> list[Out]:
        """Carry out `batch`. Raises `RowError` for a single row that cannot be carried out."""
        ...


class Silent:
    """A report that nobody reads."""

    def step(self, i: int, n: int, /) -> None:
        return None
