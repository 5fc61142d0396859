"""The output folder while a run writes into it: it is this run's alone, and it is still the same folder.

A folder can go while it is written into: removed, or unmounted, so that what lies at its path is an empty
folder of the disk below. Nothing is written there.
"""

import errno
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from ....engine.errors import DiptychError, InputError
from ...files import GALLERY, RESULTS, SHEET, prepare_folder, sweep, write_atomically
from .lock import FolderLock

_FILES = (RESULTS, GALLERY, SHEET)
_FOLDERS = ("previews", "gallery")


class FolderLostError(DiptychError):
    """Nothing can be written into the output folder any more; what is in it stays, and can be gone on with."""


class OutputFolder:
    """A folder that is locked until it is closed, made if it is not there; use it as a context manager.

    Raises:
        InputError: it cannot be made or written to, something in it is in the way, or another run holds it.
    """

    def __init__(self, path: Path) -> None:
        prepare_folder(path)
        _refuse_what_is_in_the_way(path)
        self.path = path
        try:
            self._lock = FolderLock(path)
            self._itself = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"{path}: cannot be locked ({reason}): name another folder with -o") from None
        if self._lock.held:
            sweep(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let other runs in."""
        os.close(self._itself)
        self._lock.release()

    def check(self) -> None:
        """Raises `OSError` if the folder is not there any more, or is another one."""
        if not os.path.samestat(self.path.stat(), os.fstat(self._itself)):
            raise OSError(errno.ESTALE, "the folder was replaced, or unmounted")

    def write(self, name: str, data: bytes, *, sync: bool = True) -> None:
        """The file `name` holds `data`, with `sync` safely on disk, when this returns; see `write_atomically`.

        Raises:
            OSError: it cannot be written; the file is as it was.
        """
        self.check()
        write_atomically(self.path / name, data, sync=sync)


def _refuse_what_is_in_the_way(path: Path) -> None:
    for name in _FILES:
        if (path / name).is_dir():
            raise InputError(f"{path / name}: is a folder where a file must be: move it, or use another -o")
    for name in _FOLDERS:
        if (path / name).exists() and not (path / name).is_dir():
            raise InputError(f"{path / name}: is a file where a folder must be: move it, or use another -o")
