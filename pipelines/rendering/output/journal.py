"""`results.jsonl`: a line for each row, on disk as soon as the row's picture is, and in order at the end.

This file knows lines and the disk. Lines are appended while a run lasts; a later line of the same row replaces
an earlier. In memory is only where each row's line stands, so that a batch may be of any length. A last line
that was cut off by a crash, and any other that is none of ours, counts as not there.

A journal that is begun anew is so with its first record: a run that never gets that far leaves the older one.
"""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from io import FileIO
from typing import NamedTuple

from ...files import RESULTS, replacing
from ..schema import SchemaError, bounded_lines
from .folder import OutputFolder
from .record import LaterVersionError, Record


class Entry(NamedTuple):
    """Where a row's line stands in the file, and what is asked of it most."""

    start: int
    length: int
    id: str | None
    done: bool
    accepted: bool
    partial: bool  # something was left out
    older: bool  # of an earlier version; see `Record`
    source: str | None


class Journal:
    """The journal in an output folder.

    Args:
        fresh: what is in it counts as not there.

    Raises:
        OSError: it is there and cannot be read.
        LaterVersionError: a line of it is of a later version of this engine, and would be lost.
    """

    def __init__(self, folder: OutputFolder, *, fresh: bool = False) -> None:
        self._folder = folder
        self._path = folder.path / RESULTS
        self._fresh = fresh
        self._entries: dict[int, Entry] = {}
        self._last = 0  # the highest row
        self._end = 0  # of the whole lines
        self._tidy = True  # one line for each row, in order, and nothing else
        self._reader: FileIO | None = None
        self._writer: FileIO | None = None
        if self._path.exists() and not fresh:
            self._reader = self._path.open("rb", buffering=0)
            self._read()

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, row: int) -> Entry | None:
        """The latest of a row."""
        return self._entries.get(row)

    def record(self, row: int) -> Record:
        """The latest record of a row, which has an entry."""
        return Record.from_json(self._line(row))

    def records(self) -> Iterator[Record]:
        """The latest record of each row, by row; read as they are asked for."""
        return (self.record(row) for row in sorted(self._entries))

    def add(self, record: Record) -> None:
        """Append the record; it is on disk when this returns.

        Raises:
            OSError: it cannot be written; the journal is as it was.
        """
        self._folder.check()
        writer = self._writer or self._open()
        line = f"{record.to_json()}\n".encode()
        try:
            if writer.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(writer.fileno())
        except OSError:
            writer.truncate(self._end)  # no half line is left behind
            raise
        self._note(record, len(line))

    def drop(self, unwanted: Callable[[int, Entry], bool]) -> int:
        """Forget rows; their lines go with the next `close`. Returns how many there were."""
        rows = [row for row, entry in self._entries.items() if unwanted(row, entry)]
        for row in rows:
            del self._entries[row]
            self._tidy = False
        return len(rows)

    def close(self) -> None:
        """Put the lines in the order of their rows; they can still be read. Closing twice is closing once.

        Raises:
            OSError: it cannot be written; the lines stay as they were appended.
        """
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._tidy or self._reader is None:
            return
        self._folder.check()
        rows = sorted(self._entries)
        with replacing(self._path) as file:
            file.writelines(self._line(row) for row in rows)
        self._reader.close()
        self._reader = self._path.open("rb", buffering=0)
        self._end = 0
        for row in rows:
            entry = self._entries[row]
            self._entries[row] = entry._replace(start=self._end)
            self._end += entry.length
        self._tidy = True

    def _open(self) -> FileIO:
        if self._fresh:
            self._path.unlink(missing_ok=True)
            self._fresh = False
        self._writer = self._path.open("ab", buffering=0)
        self._writer.truncate(self._end)  # what a crash cut off
        if self._reader is None:
            self._reader = self._path.open("rb", buffering=0)
        return self._writer

    def _line(self, row: int) -> bytes:
        assert self._reader is not None, "a journal with entries has a file"
        entry = self._entries[row]
        self._reader.seek(entry.start)
        return self._reader.read(entry.length) or b""

    def _read(self) -> None:
        """Note every line that is there."""
        with self._path.open("rb") as lines:
            for number, (line, length) in enumerate(bounded_lines(lines), start=1):
                if not line.endswith(b"\n"):
                    self._tidy = False
                    return
                try:
                    self._note(Record.from_json(line, where=f"{self._path}, line {number}"), length)
                except LaterVersionError:
                    raise
                except SchemaError:
                    self._tidy = False
                    self._end += length

    def _note(self, record: Record, length: int) -> None:
        self._tidy = self._tidy and record.row > self._last
        self._last = max(self._last, record.row)
        source = None if record.source is None else sys.intern(record.source)
        done = record.status == "done"
        seen = (record.id, done, record.accepted, bool(record.left_out), record.older)
        self._entries[record.row] = Entry(self._end, length, *seen, source)
        self._end += length
