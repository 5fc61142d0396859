"""`results.jsonl`: a line for each row, on disk as soon as the row's picture is, and in order at the end.

This file knows lines and the disk. Lines are appended while a run lasts; a later line of the same row replaces
an earlier. In memory is only where each row's line stands, so that a batch may be of any length. A last line
that was cut off by a crash, and any other that is none of ours, counts as not there.

From its first record on, a run has a copy of its own, which has no name and goes with the run. What others do
to the file meanwhile is undone: where it is not as it was left, it is written again.
"""

import errno
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

from ...files import RESULTS, opened, replacing
from ..schema import SchemaError, bounded_lines
from .folder import OutputFolder
from .index import Ended, FileFacts, Index, IndexLine, decoded, encoded, line_checksum
from .record import LaterVersionError, Record

_MOST_WARNINGS = 5  # of lines that count as not there

_log = logging.getLogger(__name__)


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
    number: int | None  # of the row in its source, where the line says so
    line: bytes  # of the index

    def known(self) -> IndexLine:
        """What is known of the row's files."""
        return decoded(self.line)


class Journal:
    """The journal in an output folder.

    Attributes:
        as_it_was: every line was known to the index, whose last run ended well.
        ended: how that was; `None` where it was broken off.
        undecided: rows are dropped that are there again, if nothing is added.

    Raises:
        OSError: it is there and cannot be read.
        LaterVersionError: a line of it is of a later version of this engine, and would be lost.
    """

    def __init__(self, folder: OutputFolder) -> None:
        self._folder = folder
        self._path = folder.path / RESULTS
        self._entries: dict[int, Entry] = {}
        self._last = 0  # the highest row
        self._end = 0  # of the whole lines
        self._tidy = True  # one line for each row, in order, and nothing else
        self._dropped = False  # rows whose lines are still there
        self._reader: Any = None  # of the file or, once there is one, of the copy
        self._has_copy = False
        self.undecided = False
        self._writer: Any = None
        self._index = Index(folder.path)
        self.as_it_was = self._index.ended is not None
        self.ended = self._index.ended
        if self._path.exists():
            self._reader = opened(self._path, follow=False)
            self._read()
        known, self._index.lines = len(self._index.lines), {}
        self.as_it_was = self.as_it_was and known == len(self._entries) and self._tidy

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def last(self) -> int:
        """The highest row."""
        return max(self._entries, default=0) if self._dropped else self._last

    @property
    def done(self) -> int:
        """Rows with a picture."""
        return sum(entry.done for entry in self._entries.values())

    def entry(self, row: int) -> Entry | None:
        """The latest of a row."""
        return self._entries.get(row)

    def entries(self) -> Iterable[tuple[int, Entry]]:
        """All of them, in no order."""
        return self._entries.items()

    def record(self, row: int) -> Record:
        """The latest record of a row, which has an entry.

        Raises:
            SchemaError: somebody else has written over it.
        """
        return Record.from_json(self._line(row))

    def records(self, *, done: bool = False) -> Iterator[Record]:
        """The latest record of each row, by row; read as they are asked for.

        Args:
            done: of rows with pictures alone.
        """
        for row in sorted(self._entries):
            if self._entries[row].done or not done:
                try:
                    yield self.record(row)
                except SchemaError as error:
                    _log.warning("%s: row %d: %s", self._path, row, error)

    def add(
        self, record: Record, files: tuple[FileFacts, ...] | None = None, *, asked: str | None = None
    ) -> None:
        """Append the record; it is on disk when this returns.

        Args:
            files: the row's own.
            asked: see `IndexLine`.

        Raises:
            OSError: it cannot be written; the journal is as it was.
        """
        line = f"{record.to_json()}\n".encode()
        self._folder.check()
        self._prepare()
        writer = self._writer
        try:
            if writer.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(writer.fileno())
        except OSError:
            writer.truncate(self._end)  # no half line is left behind
            raise
        self._reader.seek(self._end)
        self._reader.write(line)
        self._note(record, len(line), line_checksum(line), files, asked)
        self._index.add(self._entries[record.row].line)

    def note(self, row: int, files: tuple[FileFacts, ...] | None, asked: str | None) -> None:
        """A row is known better than its entry says."""
        entry = self._entries[row]
        index = encoded(entry.known()._replace(files=files, asked=asked))
        self._entries[row] = entry._replace(line=index)
        self._index.add(index)
        self.as_it_was = False

    def drop(self, rows: Iterable[int], *, with_first: bool = False) -> None:
        """Forget rows; their lines go with the next `add` or `close`.

        Args:
            with_first: with the next `add`; if there is none, they stay.
        """
        for row in rows:
            del self._entries[row]
            self._tidy, self._dropped = False, True
            self.undecided = self.undecided or with_first

    def close(self, *, parts: list[int] | None = None, title: str = "") -> None:
        """Put the lines in the order of their rows; they can still be read. Closing twice is closing once.

        Args:
            parts, title: of the gallery; see `Ended`.

        Raises:
            OSError: it cannot be written; the lines stay as they were appended.
        """
        if self.undecided:
            return
        if self._writer is not None:
            self._mend()
            self._writer.close()
            self._writer = None
        if not self._tidy and self._reader is not None:
            self._rewrite()
            self.as_it_was = False
        ended = Ended(len(self._entries), self._folder.times(), parts or [], title)
        if not self.as_it_was or ended != self.ended:
            rows = sorted(self._entries)
            self._index.rewrite((self._entries[row].line for row in rows), ended)
            self.as_it_was, self.ended = True, ended
        self._index.close()

    def keep_copy(self) -> None:
        """From now on have a copy of the lines, whatever becomes of the file.

        Raises:
            OSError: there is no room for it.
        """
        if self._has_copy:
            return
        copy = tempfile.TemporaryFile(dir=self._folder.path)  # noqa: SIM115 (it lives as long as the journal)
        if self._reader is not None:
            self._reader.seek(0)
            shutil.copyfileobj(_Beginning(self._reader, self._end), copy, 1 << 20)
            self._reader.close()
        self._reader, self._has_copy = copy, True

    def _prepare(self) -> None:
        """Make it ready to be appended to, and as it was left."""
        if self._writer is not None:
            self._mend()
            return
        self.keep_copy()
        self.as_it_was = self.undecided = False
        if self._dropped:
            self._rewrite()
            self.keep_copy()
        self._writer = self._appendable()
        if os.fstat(self._writer.fileno()).st_size < self._end:
            self._mend()
        self._writer.truncate(self._end)  # what a crash cut off

    def _appendable(self) -> Any:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        return os.fdopen(os.open(self._path, flags, 0o666), "ab", buffering=0)

    def _mend(self) -> None:
        """Write the file again, if it is not as it was left."""
        there = os.fstat(self._writer.fileno())
        try:
            as_left = os.path.samestat(self._path.lstat(), there) and there.st_size == self._end
        except FileNotFoundError:
            as_left = False
        if as_left:
            return
        _log.warning("%s: was changed by something else while it was written: is written again", self._path)
        self._writer.close()
        self._writer = None
        self._rewrite(tidied=False)
        self._writer = self._appendable()

    def _rewrite(self, *, tidied: bool = True) -> None:
        """Write the file anew.

        Args:
            tidied: one line for each row, in order; else as it was.
        """
        self._folder.check()
        rows = sorted(self._entries) if tidied else []
        with replacing(self._path) as file:
            if tidied:
                file.writelines(self._line(row) for row in rows)
            else:
                self._reader.seek(0)
                shutil.copyfileobj(_Beginning(self._reader, self._end), file, 1 << 20)
        if not tidied:
            return
        self._reader.close()
        self._reader, self._has_copy = opened(self._path, follow=False), False
        self._end = 0
        for row in rows:
            entry = self._entries[row]
            self._entries[row] = entry._replace(start=self._end)
            self._end += entry.length
        self._last = rows[-1] if rows else 0
        self._tidy, self._dropped = True, False

    def _line(self, row: int) -> bytes:
        assert self._reader is not None, "a journal with entries has a file"
        entry = self._entries[row]
        self._reader.seek(entry.start)
        return self._reader.read(entry.length) or b""

    def _read(self) -> None:
        """Note every line that is there."""
        bad = 0
        self._reader.seek(0)
        for number, (line, length) in enumerate(bounded_lines(self._reader), start=1):
            if not line.endswith(b"\n"):
                self._tidy = False
                break
            checksum = line_checksum(line)
            if (known := self._index.lines.get(checksum)) is not None and self._recall(known, length):
                continue
            self.as_it_was = False
            where = f"{self._path}, line {number}"
            try:
                self._note(Record.from_json(line, where=where), length, checksum)
            except LaterVersionError:
                raise
            except SchemaError as error:
                bad += 1
                if bad <= _MOST_WARNINGS:
                    _log.warning("diptych: %s: the line counts as not there", error)
                self._tidy = False
                self._end += length
        if bad > _MOST_WARNINGS:
            _log.warning("diptych: %s: %d lines count as not there", self._path, bad)

    def _recall(self, known: bytes, length: int) -> bool:
        """Note a line by what the index knows of it; false if it knows nothing."""
        try:
            line = decoded(known)
        except Exception:  # whatever somebody wrote into the index
            return False
        if line.row < 1:
            return False
        self._place(line, length, known)
        return True

    def _note(
        self,
        record: Record,
        length: int,
        checksum: str,
        files: tuple[FileFacts, ...] | None = None,
        asked: str | None = None,
    ) -> None:
        done = record.status == "done"
        seen = (record.id, done, record.accepted, bool(record.left_out), record.older)
        line = IndexLine(checksum, record.row, *seen, record.source, record.number, asked, files)
        self._place(line, length, encoded(line))

    def _place(self, line: IndexLine, length: int, index: bytes) -> None:
        self._tidy = self._tidy and line.row > self._last
        self._last = max(self._last, line.row)
        source = None if line.source is None else sys.intern(line.source)
        seen = (line.id, line.done, line.accepted, line.partial, line.older)
        self._entries[line.row] = Entry(self._end, length, *seen, source, line.number, index)
        self._end += length


class _Beginning:
    """The first bytes of a file, as a file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(data)
        return data
