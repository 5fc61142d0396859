"""What a stage is: a name, the models it uses, the memory it works in, a function from one value to the next.

A stage is handed its models and holds no state of a call. It loads, moves, caches and looks up nothing; that is
`memory`'s work. Long stages report each step, which drives progress bars, previews and cancelling.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out")


@dataclasses.dataclass(frozen=True, order=True)
class ModelKey:
    """Names one model: the family whose adapter loads it, where its checkpoint lies, its dtype and, for a
    checkpoint that holds several parts which are leased one at a time, the part; the LoRA checkpoints that are
    merged into it, each with its weight; and whether code that comes with the checkpoint is to be run."""

    family: str
    checkpoint: str
    dtype: str = "float32"
    part: str = ""
    loras: tuple[tuple[str, float], ...] = ()
    remote_code: bool = False


Models = Mapping[ModelKey, Any]
"""The handles on the device while a lease is held, by key; a family's adapter says what its handle can do."""


class Report(Protocol):
    """Where a stage says how far it is. Raises `Cancelled` from `step` when the caller wants to stop."""

    @property
    def fixed_shapes(self) -> bool:
        """Whether the shapes that run may depend on the number of rows alone, not on what is in them: then a
        row
        has the same bits beside any neighbours. Otherwise what is quickest is done."""
        ...

    def step(self, i: int, n: int, /) -> None:
        """Step `i` of `n` (from 1) of the micro-batch at hand is done."""
        ...

    def note(self, text: str, /) -> None:
        """Something worth knowing about the micro-batch at hand, for the log."""
        ...

    def view(self, what: str, i: int, make: Callable[[], Iterable[Any]], /) -> None:
        """Something to be seen at step `i`, from 1: `make` gives it, one thing for each row, and is called only
        where somebody looks on."""
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
    """A report that nobody reads.

    Args:
        fixed_shapes: see `Report`.
    """

    def __init__(self, *, fixed_shapes: bool = False) -> None:
        self.fixed_shapes = fixed_shapes

    def step(self, i: int, n: int, /) -> None:
        return None

    def note(self, text: str, /) -> None:
        return None

    def view(self, what: str, i: int, make: Callable[[], Iterable[Any]], /) -> None:
        return None
