"""Where the server of a folder listens: noted in the folder, so that `diptych studio` finds it."""

import re
from pathlib import Path

from ....engine.errors import InputError
from ...files import write_atomically
from ...rendering.output.lock import LOCK, FolderLock

NOTE = "address"
_ADDRESS = re.compile(r"http://(?:[\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}")
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def note_address(data: Path, host: str, port: int) -> None:
    """This server keeps its pictures in the folder `data`."""
    host = _ANYWHERE.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    write_atomically(data / NOTE, f"http://{shown}:{port}".encode(), sync=False)


def address_of(data: Path) -> str | None:
    """Where the server listens that holds the folder; `None` where none does, or does not say."""
    if not (data / LOCK).exists():
        return None
    try:
        FolderLock(data).release()
    except InputError:
        pass
    else:
        return None
    try:
        with (data / NOTE).open(encoding="ascii", errors="replace") as file:
            said = file.read(300)
    except OSError:  # it is just beginning
        return None
    return said if _ADDRESS.fullmatch(said) else None
