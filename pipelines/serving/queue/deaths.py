"""Which rows were under way when the process died of them: of a crash in a library (a segmentation fault, an
abort), or because memory ran out and the system killed it. Such a row would kill every server that begins it.

    DATA/deaths.json    rows under way, how often each was when a server died, kills for memory until then
    DATA/crash.txt      what Python said of the crash, if there was one

Who is stopped or killed from outside (`kill -9`, a power cut) leaves neither sign, and no row is blamed for it.
"""

import contextlib
import faulthandler
import json
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any, TextIO

from ....engine.errors import InputError
from ...files import is_file, opened, write_atomically

_MOST_BYTES = 4 * 2**20
MOST = 2
"""Deaths of the server while a row was under way, after which it is not begun again."""

_VMSTAT, _BOOT = Path("/proc/vmstat"), Path("/proc/sys/kernel/random/boot_id")
Row = tuple[str, int]


class Deaths:
    """What the server before died of, and what the next will want to know of this one.

    Args:
        folder: of the store.
    """

    def __init__(self, folder: Path) -> None:
        self._path, self._crash = folder / "deaths.json", folder / "crash.txt"
        said = _read(self._path)
        self._counts: dict[Row, int] = dict(_counts(said.get("deaths")))
        self._under_way: frozenset[Row] = frozenset()
        self._turn = threading.Lock()
        self._file: TextIO | None = None
        self._killed = _killed_for_memory()
        if _has_crashed(self._crash) or _has_grown(said.get("killed"), self._killed):
            for row, _ in _counts(said.get("under_way")):
                self._counts[row] = self._counts.get(row, 0) + 1
        self._crash.unlink(missing_ok=True)
        self._write()

    def of(self, row: Row) -> int:
        """How often the server died while this row was under way; of one that is dead twice see `MOST`."""
        return self._counts.get(row, 0)

    def under_way(self, rows: Collection[Row]) -> None:
        """These are under way from now on, and no others."""
        with self._turn:
            if self._under_way != (now := frozenset(rows)):
                self._under_way = now
                self._write()

    def forget(self, row: Row) -> None:
        """The row has come to an end; if it is tried again, it counts from the beginning."""
        with self._turn:
            if self._counts.pop(row, None) is not None:
                self._write()

    def catch_crashes(self) -> None:
        """From now on a crash of this process leaves its sign. Of the whole process: for commands."""
        self._file = self._crash.open("w", encoding="utf-8")
        faulthandler.enable(self._file)

    def close(self) -> None:
        """The server ends in peace."""
        self.under_way(())
        if self._file is not None:
            faulthandler.disable()
            self._file.close()
            self._file = None
            self._crash.unlink(missing_ok=True)

    def _write(self) -> None:
        """Without waiting for the disk: it must outlive the process, not the machine."""
        deaths = [[*row, count] for row, count in self._counts.items()]
        said = {"under_way": [[*row, 1] for row in self._under_way], "deaths": deaths, "killed": self._killed}
        with contextlib.suppress(OSError):  # a full disk is told of where pictures are written
            write_atomically(self._path, json.dumps(said).encode(), sync=False)


def _read(path: Path) -> dict[str, Any]:
    """What the server before wrote; nothing where that cannot be read."""
    try:
        if not is_file(path):
            return {}
        with opened(path) as file:
            said = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError, InputError):
        return {}
    return said if isinstance(said, dict) else {}


def _counts(said: Any) -> list[tuple[Row, int]]:
    found: list[tuple[Row, int]] = []
    for each in said if isinstance(said, list) else ():
        match each:
            case [str(job), int(number), int(count)]:
                found.append(((job, number), count))
            case _:
                continue
    return found


def _has_crashed(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.stat().st_size > 0
    return False


def _killed_for_memory() -> list[Any]:
    """Since which start of the machine the system has killed how many processes for memory; empty where it does
    not say."""
    try:
        lines = dict(line.split() for line in _VMSTAT.read_text().splitlines())
        return [_BOOT.read_text().strip(), int(lines["oom_kill"])]
    except (OSError, ValueError, KeyError):
        return []


def _has_grown(before: Any, now: list[Any]) -> bool:
    match before, now:
        case [[str(boot), int(count)], [boot_now, count_now]]:
            return boot == boot_now and count < count_now
        case _:
            return False
