"""Files of unknown origin are opened here: plain ones only, so that nothing waits for a pipe or reads a device.
Whether they lie in the folder that they are looked for in, `engine/guards/links.py` knows.

Imports nothing of the package, so that every room can import it.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_plain(path: Path) -> BinaryIO:
    """The file, open for reading.

    Raises:
        OSError: it is not there, or no plain file (a folder, a pipe, a device); `strerror` says which.
        ValueError: the path holds a NUL character.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"is {_kind(mode)}, not a file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_plain(path: Path, most_bytes: int) -> bytes:
    """What the file holds.

    Raises:
        OSError: as `open_plain`; or it holds more than `most_bytes`.
        ValueError: the path holds a NUL character.
    """
    with open_plain(path) as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"is larger than {_size(most_bytes)}", str(path))
    return data


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else "a socket"


def _size(count: int) -> str:
    return f"{count // 2**20} MiB" if count >= 2**20 else f"{count} bytes"
