"""What went wrong with some rows: whose fault it is, and how it is said in one line."""

import dataclasses
from typing import Any

from ..errors import DiptychError, RowError
from ..messages import first_line

_MEMORY_TEXTS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "alloc_failed",  # as cuBLAS and cuDNN put it
)


@dataclasses.dataclass(frozen=True)
class Trouble:
    """What went wrong with a micro-batch, without the exception: its traceback would hold on to tensors.

    Args:
        row: the place in the micro-batch, where one row is known to be at fault.
    """

    reason: str
    row: int | None = None
    out_of_memory: bool = False


def _row_of(index: Any, rows: int) -> int | None:
    """The row that a stage of any package says; padding copies the last one."""
    return min(index, rows - 1) if isinstance(index, int) and index >= 0 else None


def diagnosed(error: BaseException, rows: int) -> Trouble:
    """What an exception means for a micro-batch of so many rows."""
    if isinstance(error, RowError):
        said = first_line(error)
        return Trouble(said, row=_row_of(error.index, rows))
    said = first_line(error, named=not isinstance(error, DiptychError))
    if isinstance(error, SystemExit):
        return Trouble(f"a model or stage wanted to end the program ({said}): only this row is ended")
    if is_out_of_memory(error):
        reason = f"the device is out of memory even for one row: choose a smaller picture ({said})"
        return Trouble(reason, out_of_memory=True)
    return Trouble(said)


def is_out_of_memory(error: BaseException) -> bool:
    """Recognised by name and text, since torch says it in three ways and need not be imported here."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(text in str(error).lower() for text in _MEMORY_TEXTS)
