"""`results.jsonl`: a line for each row, on disk as soon as the row's picture is, and in order at the end.

This file knows lines and the disk. Lines are appended while a run lasts; a later line of the same row replaces
an earlier. In memory is only where each row's line stands (see `positions`), so that a batch may be of any
length. A last line that was cut off by a crash, and any other that is none of ours, counts as not there. A file
that is as the last run left it is not read at all: the index says where its lines stand.

From its first record on, a run has a copy of its own, which has no name and goes with the run. What others do
to the file meanwhile is undone: where it is not as it was left, it is written again.
"""

import contextlib
import errno
import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import msgspec

from ...files import RESULTS, opened, replacing
from ..schema import SchemaError, bounded_lines
from .folder import OutputFolder
from .index import Ended, FileFacts, Index, IndexLine, Settled, decoded, encoded, file_mark, line_checksum
from .positions import Placed, Positions
from .record import LaterVersionError, Record

_MOST_WARNINGS = 5  # of lines that count as not there

_log = logging.getLogger(__name__)


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
        self._rows = Positions()
        self._held: dict[int, bytes] = {}  # of the index, by row, that could not be written there
        self._last = 0  # the highest row
        self._end = 0  # of the whole lines
        self._tidy = True  # one line for each row, in order, and nothing else
        self._dropped = False  # rows whose lines are still there
        self._reader: Any = None  # of the file or, once there is one, of the copy
        self._has_copy = False
        self.undecided = False
        self._writer: Any = None
        self._index = Index(folder.path)
        self.ended = self._index.ended
        self.as_it_was = False
        if self._path.exists():
            self._reader = opened(self._path, follow=False)
            if not self._recall_all():
                self._read()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def last(self) -> int:
        """The highest row."""
        return max((each.row for each in self.placed()), default=0) if self._dropped else self._last

    @property
    def done(self) -> int:
        """Rows with a picture."""
        return self._rows.done

    def entry(self, row: int) -> IndexLine | None:
        """What is known of a row, by its latest line."""
        placed = self._rows.get(row)
        return None if placed is None else self._known(placed)

    def entries(self) -> Iterator[IndexLine]:
        """What is known of each row, by row; read as asked for."""
        return map(self._known, self._rows.in_order())

    def place(self, row: int) -> Placed | None:
        """What is kept of a row, which is much quicker."""
        return self._rows.get(row)

    def placed(self) -> Iterator[Placed]:
        """What is kept of each row, by row."""
        return self._rows.in_order()

    def groups(self) -> Counter[tuple[str | None, int]]:
        """See `Positions.groups`."""
        return self._rows.groups()

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
        for placed in self._rows.in_order():
            if placed.done or not done:
                try:
                    yield self.record(placed.row)
                except SchemaError as error:
                    _log.warning("%s: row %d: %s", self._path, placed.row, str(error))

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
        self._place(self._line_of(record, line)._replace(files=files, asked=asked))

    def note(self, row: int, files: tuple[FileFacts, ...] | None, asked: str | None) -> None:
        """A row is known better than its entry says."""
        placed = self._rows.get(row)
        assert placed is not None, row
        at, size = self._kept(self._known(placed)._replace(files=files, asked=asked))
        self._rows.put(placed._replace(at=at, size=size))
        self.as_it_was = False

    def drop(self, rows: Iterable[int], *, with_first: bool = False) -> None:
        """Forget rows; their lines go with the next `add` or `close`.

        Args:
            with_first: with the next `add`; if there is none, they stay.
        """
        for row in rows:
            self._rows.drop(row)
            self._tidy, self._dropped = False, True
            self.undecided = self.undecided or with_first

    def close(self, *, parts: list[int] | None = None, title: str = "", settled: Settled | None = None) -> None:
        """Put the lines in the order of their rows; they can still be read. Closing twice is closing once.

        Args:
            parts, title: of the gallery; see `Ended`.
            settled: the source of the run, if all of it is.

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
        if settled is None and self.as_it_was and self.ended is not None:
            settled = self.ended.settled  # of an earlier run; nothing was changed since
        times, mark = self._folder.times(), file_mark(self._path)
        ended = Ended(len(self), times, parts or [], title, results=mark, settled=settled)
        if not self.as_it_was or ended != self.ended:
            self._index.rewrite((encoded(self._known(each)) for each in self._rows.in_order()), ended)
            self.as_it_was, self.ended = True, ended

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
        rows = Positions()
        with replacing(self._path) as file:
            if tidied:
                self._write_tidied(file, rows)
            else:
                self._reader.seek(0)
                shutil.copyfileobj(_Beginning(self._reader, self._end), file, 1 << 20)
        if not tidied:
            return
        self._reader.close()
        self._reader, self._has_copy = opened(self._path, follow=False), False
        self._rows = rows
        self._end = sum(each.length for each in rows.in_order())
        self._last = self.last
        self._tidy, self._dropped = True, False

    def _write_tidied(self, file: BinaryIO, rows: Positions) -> None:
        """Write each row's latest line, by row, and note in `rows` where it stands."""
        end = 0
        for placed in self._rows.in_order():
            file.write(self._read_line(placed))
            rows.put(placed._replace(start=end))
            end += placed.length

    def _line(self, row: int) -> bytes:
        placed = self._rows.get(row)
        assert placed is not None, row
        return self._read_line(placed)

    def _read_line(self, placed: Placed) -> bytes:
        assert self._reader is not None, "a journal with entries has a file"
        self._reader.seek(placed.start)
        return self._reader.read(placed.length) or b""

    def _recall_all(self) -> bool:
        """Note every line by what the index knows, without a look at the file; false where it is not as the
        last run left it, or the index is not."""
        ended = self.ended
        if ended is None or ended.results is None or ended.results != file_mark(self._path):
            return False
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            for raw, at in self._index.lines():
                line = decoded(raw)
                if line.row <= self._last or line.length < 1:
                    break
                self._put(line, at, len(raw))
            else:
                self.as_it_was = len(self) == ended.rows and self._end == ended.results[1]
        if not self.as_it_was:
            self._rows, self._last, self._end, self._tidy = Positions(), 0, 0, True
        return self.as_it_was

    def _read(self) -> None:
        """Note every line that is there."""
        bad = unknown = 0
        known = self._index.places()
        self._reader.seek(0)
        for number, (line, length) in enumerate(bounded_lines(self._reader), start=1):
            if not line.endswith(b"\n"):
                self._tidy = False
                break
            place = known.get(int(line_checksum(line), 16))
            if place is not None and self._recall(line, place):
                continue
            unknown += 1
            try:
                self._place(self._line_of(Record.from_json(line, where=f"{self._path}, line {number}"), line))
            except LaterVersionError:
                raise
            except SchemaError as error:
                bad += 1
                if bad <= _MOST_WARNINGS:
                    _log.warning("diptych: %s: the line counts as not there", str(error))  # not its frames
                self._tidy = False
                self._end += length
        if bad > _MOST_WARNINGS:
            _log.warning("diptych: %s: %d lines count as not there", self._path, bad)
        self.as_it_was = self.ended is not None and not unknown and len(known) == len(self) and self._tidy

    def _recall(self, line: bytes, place: tuple[int, int]) -> bool:
        """Note a line by what the index knows of it; false if it knows nothing."""
        try:
            known = decoded(self._index.line(*place))
        except Exception:  # whatever somebody wrote into the index
            return False
        if known.row < 1:
            return False
        if known.length == len(line):
            self._put(known, *place)
        else:  # an earlier version did not say it
            self._place(known._replace(length=len(line)))
        return True

    def _known(self, placed: Placed) -> IndexLine:
        """What is known of a row."""
        try:
            known = decoded(self._held.get(placed.row) or self._index.line(placed.at, placed.size))
            if known.row == placed.row:
                return known
        except Exception:  # somebody has written over the index
            pass
        line = self._read_line(placed)
        return self._line_of(Record.from_json(line), line)

    def _line_of(self, record: Record, line: bytes) -> IndexLine:
        """What a line of results says, for the index."""
        done = record.status == "done"
        seen = (record.id, done, record.accepted, bool(record.left_out), record.older)
        place = (record.source, record.number)
        return IndexLine(line_checksum(line), record.row, *seen, *place, length=len(line))

    def _place(self, line: IndexLine) -> None:
        """Note a line that the index does not know, there too."""
        self._put(line, *self._kept(line))

    def _kept(self, line: IndexLine) -> tuple[int, int]:
        """Put a line into the index; returns its place and size there."""
        raw = encoded(line)
        at = self._index.add(raw)
        self._held.pop(line.row, None)
        if at < 0:
            self._held[line.row] = raw
        return at, len(raw)

    def _put(self, line: IndexLine, at: int, size: int) -> None:
        """The next line of the file is this row's."""
        self._tidy = self._tidy and line.row > self._last
        self._last = max(self._last, line.row)
        seen = (line.done, line.id is not None, line.source, line.number)
        self._rows.put(Placed(line.row, self._end, line.length, at, size, *seen))
        self._end += line.length


class _Beginning:
    """The first bytes of a file, as a file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(data)
        return data
