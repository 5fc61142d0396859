"""The output folder while a run writes into it: it is this run's alone, and it is still the same folder.

A folder can go while it is written into: removed, or unmounted, so that what lies at its path is an empty
folder of the disk below. Nothing is written there.
"""

import contextlib
import errno
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from ....engine.errors import DiptychError, InputError
from ....engine.messages import reason_of
from ...files import (
    GALLERY,
    RESULTS,
    SHEET,
    opened,
    prepare_folder,
    replacing,
    sweep,
    what_it_is,
    write_atomically,
)
from .index import INDEX, FileFacts
from .lock import LOCK, FolderLock

_FILES = (RESULTS, GALLERY, SHEET, LOCK, INDEX)
FOLDERS = ("previews", "gallery", "gallery/thumbnails", "gallery/candidates", "gallery/given")
"""In the output folder; all but the second hold small pictures of rows."""
MOST_BYTES = 2**30  # of a file that is looked at whole


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
            reason = reason_of(error)
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

    def write(self, name: str, data: bytes, *, sync: bool = True) -> FileFacts:
        """The file `name` holds `data`, with `sync` safely on disk, when this returns; see `write_atomically`.

        Returns:
            by what it is known again.

        Raises:
            OSError: it cannot be written; the file is as it was.
        """
        self.check()
        write_atomically(self.path / name, data, sync=sync)
        return self._facts(name, data)

    def write_together(self, files: Mapping[str, bytes]) -> tuple[FileFacts, ...]:
        """All of these files hold what is given, the first safely on disk; or, as far as a disk can promise it,
        each is as it was: none takes its name before all are written. Errors and results as `write`."""
        self.check()
        with contextlib.ExitStack() as names:  # the last to come in is the first to get its name
            for i, (name, data) in reversed(list(enumerate(files.items()))):
                file = names.enter_context(replacing(self.path / name, sync=i == 0))
                file.write(data)
                file.flush()
        return tuple(self._facts(name, data) for name, data in files.items())

    def _facts(self, name: str, data: bytes) -> FileFacts:
        """Of a file that was just written."""
        changed = (self.path / name).lstat().st_mtime_ns
        return FileFacts(name, len(data), changed, checksum_of(data))

    def looks_as_it_was(self, facts: FileFacts) -> bool:
        """Whether a file has the size and the time of change that it had; it is not read."""
        try:
            seen = os.lstat(f"{self.path}/{facts.name}")
        except OSError:
            return False
        return seen.st_size == facts.size and seen.st_mtime_ns == facts.changed

    def facts_of(self, name: str) -> FileFacts | None:
        """By what a file is known again, all of which is read for it; `None` if it is not there, or no file."""
        try:
            with opened(self.path / name, follow=False) as file:
                changed = os.fstat(file.fileno()).st_mtime_ns
                data = file.read(MOST_BYTES + 1)
        except OSError:
            return None
        return FileFacts(name, len(data), changed, checksum_of(data)) if len(data) <= MOST_BYTES else None

    def times(self) -> dict[str, int]:
        """When something was last added to the folders in it, or taken away."""
        found: dict[str, int] = {}
        for name in FOLDERS:
            with contextlib.suppress(OSError):
                found[name] = (self.path / name).lstat().st_mtime_ns
        return found


def checksum_of(data: bytes) -> str:
    """Sixteen hex digits."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _refuse_what_is_in_the_way(path: Path) -> None:
    """Raises `InputError` where something is a link, which would be followed out of the folder, or of another
    kind than it must be."""
    for names, wanted in ((_FILES, ""), (FOLDERS, "a folder")):
        for name in names:
            try:
                kind = what_it_is(path / name, follow=False)
            except OSError:
                continue  # it is not there yet
            if kind != wanted:
                said = f"is {kind or 'a file'} where {wanted or 'a file'} must be"
                raise InputError(f"{path / name}: {said}: move it, or use another -o")
