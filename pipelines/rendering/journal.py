"""`results.jsonl`: a line for each row, on disk as soon as the row's picture is, and in order at the end.

This file knows lines and the disk. A journal begins anew with its first record, so a run that never gets that
far leaves an older journal as it was.
"""

import errno
import os
from io import FileIO
from pathlib import Path

from .output import RESULTS, write_atomically
from .record import Record


class Journal:
    """The journal of one run into the folder `out`."""

    def __init__(self, out: Path) -> None:
        self._path = out / RESULTS
        self._file: FileIO | None = None
        self._records: list[Record] = []

    @property
    def records(self) -> list[Record]:
        """What was added so far, by row."""
        return sorted(self._records, key=lambda record: record.row)

    def add(self, record: Record) -> None:
        """Append the record; it is on disk when this returns.

        Raises:
            OSError: it cannot be written.
        """
        if self._file is None:
            write_atomically(self._path, b"")
            self._file = self._path.open("ab", buffering=0)
        whole = os.fstat(self._file.fileno()).st_size
        try:
            line = _line(record)
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(whole)  # no half line is left behind
            raise
        self._records.append(record)

    def close(self) -> None:
        """Put the lines in the order of their rows. Closing twice is closing once."""
        if self._file is None:
            return
        self._file.close()
        self._file = None
        write_atomically(self._path, b"".join(_line(record) for record in self.records))


def _line(record: Record) -> bytes:
    return (record.line() + "\n").encode("utf-8")
