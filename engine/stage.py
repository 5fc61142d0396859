"""What a stage is: a name, the models it uses, the memory it works in, a function from one value to the next.

A stage is handed its models and the context of the run it is part of, and holds no state of a call. It loads,
moves, caches and looks up nothing; that is `memory`'s work. Long stages report each step, which drives progress
bars, previews and cancelling.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from .errors import RowError

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out")
Handle = TypeVar("Handle")
HandleOf = TypeVar("HandleOf", covariant=True)


class Lora(NamedTuple):
    """LoRA weights of a model.

    Args:
        checkpoint: a `.safetensors` file, a folder or an id of the Hub with one in it.
        weight: how strongly they count.
        partial: go without what of them has no place in the model.
        name: by which rows ask for them; empty for what all rows have.
    """

    checkpoint: str
    weight: float = 1.0
    partial: bool = False
    name: str = ""


@dataclasses.dataclass(frozen=True, order=True)
class ModelKey(Generic[HandleOf]):
    """Names one model: the family whose adapter loads it, where its checkpoint lies, its dtype and, for a
    checkpoint that holds several parts which are leased one at a time, the part; the LoRA weights that are
    merged into it; whether code that comes with the checkpoint is to be run; how it is computed, by the names
    of a recipe's table (see `guards.numerics`), in their order; the components of a pipeline that lie
    elsewhere, each with its checkpoint, and where the configs of a single file lie; the LoRA weights that rows
    may ask for by name, and the folder of more of them; the files of textual inversion embeddings that its text
    encoders know; and, of an adapter, the one model that it is for.

    `ModelKey[ImageTokenModel]` says what the handle is; that is for type checkers alone, and does not tell two
    keys apart.
    """

    family: str
    checkpoint: str
    dtype: str = "float32"
    part: str = ""
    loras: tuple[Lora, ...] = ()
    remote_code: bool = False
    tuning: tuple[tuple[str, bool | str], ...] = ()
    parts: tuple[tuple[str, str], ...] = ()
    config: str = ""
    on_request: tuple[Lora, ...] = ()
    lora_folder: str = ""
    embeddings: tuple[str, ...] = ()
    beside: "tuple[ModelKey[Any], ...]" = ()


class Models(Protocol):
    """The handles on the device while a lease is held, by key; a family's adapter says what its handle can
    do."""

    def __getitem__(self, key: ModelKey[Handle], /) -> Handle: ...

    def __iter__(self) -> Iterator[ModelKey[object]]: ...


class Progress(Protocol):
    """Where a stage says how far it is."""

    def step(self, i: int, n: int, /) -> None:
        """Step `i` of `n` (from 1) of the micro-batch at hand is done. Raises `Cancelled` when the caller wants
        to stop."""
        ...

    def note(self, text: str, /) -> None:
        """Something worth knowing about the micro-batch at hand, for the log."""
        ...

    def fail(self, row: int, reason: str, /) -> None:
        """The row in this place of the micro-batch, from 0, cannot be carried out, and why, in one line. What
        the stage returns for it is dropped; the results of the others stand. Of several reasons the first
        counts."""
        ...

    def view(self, what: str, i: int, make: Callable[[], Iterable[object]], /) -> None:
        """Something to be seen at step `i`, from 1: `make` gives it, one thing for each row, and is called only
        where somebody looks on."""
        ...


class NoProgress:
    """Progress that nobody follows; a row that fails is an exception."""

    def step(self, i: int, n: int, /) -> None:
        return None

    def note(self, text: str, /) -> None:
        return None

    def fail(self, row: int, reason: str, /) -> None:
        raise RowError(row, reason)

    def view(self, what: str, i: int, make: Callable[[], Iterable[object]], /) -> None:
        return None


@dataclasses.dataclass(frozen=True)
class _SomeRows:
    """Progress of work on some rows of a micro-batch, which has numbers of its own for them."""

    progress: Progress
    rows: Sequence[int]

    def step(self, i: int, n: int, /) -> None:
        self.progress.step(i, n)

    def note(self, text: str, /) -> None:
        self.progress.note(text)

    def fail(self, row: int, reason: str, /) -> None:
        self.progress.fail(self.rows[row], reason)

    def view(self, what: str, i: int, make: Callable[[], Iterable[object]], /) -> None:
        self.progress.view(what, i, make)


@dataclasses.dataclass(frozen=True)
class RunContext:
    """What a stage knows of the run that it is part of. `step`, `note`, `fail` and `view` are those of
    `progress`.

    Args:
        progress: where the stage says how far it is.
        batch_invariant: whether the shapes that run may depend on the number of rows alone, not on what is in
            them: then a row has the same bits beside any neighbours. Otherwise what is quickest is done.
        uses: the models that the stage was handed, for messages.
    """

    progress: Progress = dataclasses.field(default_factory=NoProgress)
    batch_invariant: bool = dataclasses.field(default=False, kw_only=True)
    uses: "tuple[ModelKey[object], ...]" = dataclasses.field(default=(), kw_only=True)

    def step(self, i: int, n: int, /) -> None:
        self.progress.step(i, n)

    def note(self, text: str, /) -> None:
        self.progress.note(text)

    def fail(self, row: int, reason: str, /) -> None:
        self.progress.fail(row, reason)

    def view(self, what: str, i: int, make: Callable[[], Iterable[object]], /) -> None:
        self.progress.view(what, i, make)

    def check(self, what: str, sound: Iterable[bool], *, by: "ModelKey[Any] | None" = None) -> None:
        """Fail the rows that are not `sound`: `what` a model gave for them, in the plural, are no numbers.

        Args:
            by: the model, where it is known.
        """
        for row, good in enumerate(sound):
            if not good:
                self.fail(row, no_numbers(what, self.uses if by is None else (by,)))

    def of_rows(self, rows: Sequence[int]) -> "RunContext":
        """The same for work on some rows of the micro-batch, whose first is `rows[0]`."""
        return dataclasses.replace(self, progress=_SomeRows(self.progress, rows))

    @property
    def fixed_shapes(self) -> bool:
        """What `batch_invariant` was called before; stages of other packages may ask for it."""
        return self.batch_invariant


Report = RunContext
"""What `RunContext` was called before; stages of other packages may import it."""


def no_numbers(what: str, by: "Sequence[ModelKey[Any]]") -> str:
    """Why a row fails for which models gave NaN or infinity, and what to do."""
    names = ", ".join(dict.fromkeys(key.checkpoint for key in by)) or "a model"
    half = next((key.dtype for key in by if key.dtype != "float32"), "")
    why, rather = (
        (f" or too large for {half}", ', or set dtype = "float32" in the recipe') if half else ("", "")
    )
    return (
        f"{names} gave {what} that are no numbers (NaN or infinite): the weights are damaged{why}:"
        f" get them again{rather}"
    )


class ContinuousBatch(Protocol):
    """Values that a stage works on, which come and go between its steps: iteration-level scheduling (Yu et al.
    2022, "Orca: a distributed serving system for transformer-based generative models", section 4.1). What comes
    of a value has the same bits as in `run`, whoever else is there.

    It is under way while other stages run, in a thread of its own, so it holds a state, and the models that it
    is handed are the same each time.
    """

    def join(self, values: Sequence[Any], contexts: Sequence[RunContext], models: Models, /) -> None:
        """More values, each with a context of its own, in which it is row 0.

        Args:
            models: all that the stage uses.
        """
        ...

    def leave(self, values: Sequence[Any], /) -> None:
        """These, by identity, are given up."""
        ...

    def step(self, models: Models, /) -> list[tuple[Any, Any]]:
        """Go on with each by one step; returns what is done with it, and what came of it."""
        ...


class Stage(Protocol[In, Out]):
    """One step of the chain. `run` returns one value for each it was given, in the same order.

    A stage may have more, which is looked for:
        reads               the names of the settings of requests that it looks at (`settings_read_by`)
        token_by_token      true where it is a long run of small steps (`guards.threads`)
        rows_on_cpu         of a micro-batch on a CPU whose rows must not depend on each other; 1, if not said
        cpu_workspace()     bytes that it needs beside on a CPU, and nowhere else, for any number of rows
        rows_apart(models)  whether its rows never depend on each other, with these models
        continuous(models)  a `ContinuousBatch`, or `None` where rows depend on each other with these models
        may_join(value)     whether a value can be in one; such a stage has both
        uses_for(requests)  those of its models that these requests need (`uses_of`); all, if not said
        edits               how many reference pictures it edits as the prompt says, at most; 0, if not said
        reference_fault(references)    why it does not take these reference pictures; empty where it does. One
                            that looks at reference pictures says so in `reads`: `references`
    """

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
    def uses(self) -> tuple[ModelKey[object], ...]: ...

    def workspace(self, batch: Sequence[In], /) -> int:
        """Bytes needed beyond the weights to run `batch`, at most (activations, caches, latents)."""
        ...

    def run(self, batch: Sequence[In], models: Models, context: RunContext, /) -> list[Out]:
        """Carry out `batch`. Raises `RowError` for a single row that cannot be carried out."""
        ...


AnyStage = Stage[Any, Any]
"""A stage whose values are known when it runs: a chain checks that neighbours fit by `takes` and `gives`."""


def uses_of(stage: AnyStage, values: Iterable[Any]) -> tuple[ModelKey[object], ...]:
    """The models that a stage needs for some values, or for requests: all, where it does not say."""
    uses_for = getattr(stage, "uses_for", None)
    if uses_for is None:
        return tuple(stage.uses)
    requests = [each for value in values if (each := request_of(value)) is not None]
    return tuple(uses_for(requests)) if requests else tuple(stage.uses)


def request_of(value: Any) -> Any:
    """The request that a value descends from, or the value itself if it is one; `None` where none is known."""
    plan = getattr(value, "plan", value)
    return getattr(plan, "request", plan if hasattr(plan, "references") else None)


_ENGINE = f"{__name__.rpartition('.')[0]}."


def settings_read_by(stage: AnyStage) -> frozenset[str] | None:
    """The settings of requests that a stage looks at; `None` where nobody knows, for it comes from another
    package and does not say."""
    if (reads := getattr(stage, "reads", None)) is not None:
        return frozenset(reads)
    return frozenset() if type(stage).__module__.startswith(_ENGINE) else None
