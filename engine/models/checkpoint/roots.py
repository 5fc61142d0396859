"""Names for folders of checkpoints: `NAME/...` is a checkpoint in the folder that has this name.

Which there are is for whoever ships checkpoints to say, when its package is imported; the engine has none.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Root(NamedTuple):
    """A folder of checkpoints.

    Args:
        folder: where it lies.
        hint: what to do where one of its checkpoints is missing.
    """

    folder: Path
    hint: str


ROOTS: dict[str, Root] = {}
"""By their names."""


def add_root(name: str, folder: Path, *, hint: str) -> None:
    """Let `name/...` stand for the checkpoints of a folder; other arguments as `Root`'s."""
    ROOTS[name] = Root(folder, hint)


def root_of(checkpoint: str) -> tuple[Root, str] | None:
    """The root that a checkpoint is named by, and its name there; `None` for a path, or an id of the Hub."""
    name, slash, rest = checkpoint.partition("/")
    return (ROOTS[name], rest) if slash and name in ROOTS else None


def short_name(path: Path) -> str | None:
    """How a checkpoint at this path is named by its root; `None` where it lies in none."""
    for name, root in ROOTS.items():
        if path.is_relative_to(root.folder):
            return f"{name}/{path.relative_to(root.folder).as_posix()}"
    return None


def by_roots(message: str) -> str:
    """The message, with checkpoints that lie in roots named by them, not by their paths."""
    for name, root in ROOTS.items():
        message = message.replace(f"{root.folder}{os.sep}", f"{name}/")
    return message


OPENERS: dict[str, Callable[[Path], Path]] = {}
"""By the ending of a file's name: what makes a folder of such a file, for all that reads folders."""


def add_opener(ending: str, opener: Callable[[Path], Path]) -> None:
    """Let files of this ending stand for checkpoints; `opener` raises `CheckpointError` where one is none."""
    OPENERS[ending] = opener
