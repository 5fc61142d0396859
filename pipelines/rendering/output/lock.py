"""The lock on an output folder: of two runs into one folder, the later is refused.

The lock is `flock` on a small hidden file: the kernel lets go of it when the process ends, however it ends, so
that nothing is left locked by the dead. The file says who holds it.

On a network file system the lock is as good as the server's: NFS (since Linux 2.6.12) and SMB pass it on as a
byte-range lock, so that it holds between machines; mounted without locks, or with `local_lock`, it holds on one
machine only. Where no lock can be had at all the run goes on without, and says so once.
"""

import contextlib
import errno
import logging
import os
import socket
from pathlib import Path

from ....engine.errors import InputError

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None

LOCK = ".diptych.lock"
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}

_log = logging.getLogger(__name__)


class FolderLock:
    """Holds the folder from when it is made until it is released.

    Raises:
        InputError: another run, which the message names, holds it.
        OSError: the lock file cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._descriptor: int | None = None
        while self._descriptor is None:
            self._descriptor = self._taken()

    @property
    def held(self) -> bool:
        """Whether others are kept out: not so where the file system has no locks."""
        return self._descriptor is not None and self._descriptor >= 0

    def release(self) -> None:
        """Let others in. Releasing twice is releasing once."""
        if self._descriptor is not None and self._descriptor >= 0:
            with contextlib.suppress(OSError):
                self._path.unlink()  # while it is held: whoever waits on the file sees that it is gone
            os.close(self._descriptor)
        self._descriptor = None

    def _taken(self) -> int | None:
        """The descriptor of the locked file; -1 where there are no locks; `None` if it must be tried again."""
        no_links = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | no_links, 0o644)
        if os.fstat(descriptor).st_nlink > 1:  # whose file that is, nobody knows
            os.close(descriptor)
            raise InputError(f"{self._path}: is another file's name, too: delete it, it is no lock of ours")
        try:
            if fcntl is None:
                raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_same(descriptor, self._path):  # the holder before us took it away just now
                os.close(descriptor)
                return None
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()} on {socket.gethostname()}".encode())
            return descriptor
        except OSError as error:
            holder = "".join(c for c in _read(descriptor) if c.isprintable())[:200]
            os.close(descriptor)
            if error.errno in _NO_LOCKS:
                _log.warning("%s: cannot be locked here: let no other run write into it", self._path.parent)
                return -1
            if not isinstance(error, BlockingIOError):
                raise
            raise InputError(
                f"{self._path.parent}: another run (process {holder or 'not known'}) renders into it:"
                " wait for it, or name another folder with -o"
            ) from None


def _is_same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _read(descriptor: int) -> str:
    with contextlib.suppress(OSError):
        return os.pread(descriptor, 1000, 0).decode(errors="replace")
    return ""
