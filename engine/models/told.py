"""What libraries say of files that are not as they should be, in one line that names them."""

import contextlib
from collections.abc import Generator, Sequence
from pathlib import Path

from ..errors import CheckpointError, DiptychError
from ..guards.loading import turns
from ..messages import first_line, shown
from .checkpoint.bounded import tables_in
from .checkpoint.folder import read_json
from .quiet import quiet


@contextlib.contextmanager
def told_of(folder: Path, family: str, libraries: Sequence[str]) -> Generator[None]:
    """Whatever a library raises while it reads a checkpoint becomes a `CheckpointError` of one line; its bars
    and warnings are not shown.

    Args:
        folder: of the checkpoint.
        libraries: that read it.
    """
    import torch

    try:
        with turns.loading(), quiet(libraries):
            yield
    except (DiptychError, MemoryError, torch.OutOfMemoryError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        if isinstance(error, RuntimeError) and "memory" in str(error):
            raise
        if (
            not isinstance(error, Exception) and type(error).__name__ != "PanicException"
        ):  # tokenizers', in Rust
            raise
        reason = _not_there(error, folder) if isinstance(error, KeyError) else first_line(error)
        if "ignore_mismatched_sizes" in reason:  # the library's advice, which is for its own callers
            reason = "config.json and the weights do not fit each other: copy both again"
        raise CheckpointError(f"{folder}: cannot be loaded as {family}: {reason}") from error


def _not_there(error: KeyError, folder: Path) -> str:
    """What a library looked for in vain: the value of a key of the config, or what a file should hold."""
    try:
        tables = list(tables_in(read_json(folder / "config.json")))
    except CheckpointError:
        tables = []
    for name, value in ((name, value) for table in tables for name, value in table.items()):
        if isinstance(value, str) and error.args == (value,):
            return f"config.json says {name} = {shown(value)}, which the library does not know"
    return f"{error} is missing"
