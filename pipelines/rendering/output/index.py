"""`.diptych.index`: what earlier runs found out about lines and files, so that a run need not find it out
again.

For each row: which line of `results.jsonl` it is known by, what is asked of it most, and the size, time of
change and checksum of each of its files. The first line says what the file is, the last how the run was ended,
with a checksum of that. Nothing is lost with it: without it, lines are parsed and files are read whole. A line
of it counts only beside the line of results that it speaks of, which it knows by its checksum, and none of it
is trusted after an edit by hand.

This file knows bytes. What a row is, `record` and `journal` know.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from ...files import created, opened, replacing

INDEX = ".diptych.index"
_HEAD = b'["diptych index",1]\n'
_CHECKSUM = re.compile(rb"[0-9a-f]{16}")
_MOST_LINE = 1 << 20  # bytes


class FileFacts(NamedTuple):
    """By what a file is known again.

    Args:
        name: in the output folder.
        size: in bytes.
        changed: when, in nanoseconds.
        checksum: see `folder.checksum_of`.
    """

    name: str
    size: int
    changed: int
    checksum: str


class IndexLine(NamedTuple):
    """What is known of a row.

    Args:
        line: the checksum of its line in `results.jsonl`.
        row, id, accepted, source, number: as that says; `number` is the row's in its source.
        done: there is a picture.
        partial: something was left out.
        older: of an earlier version; see `Record`.
        asked: the checksum of what the row asked for when it was found to be settled.
        files: its own; `None` where they were not looked at.
        length: of its line in `results.jsonl`, in bytes.
    """

    line: str
    row: int
    id: str | None
    done: bool
    accepted: bool
    partial: bool
    older: bool
    source: str | None
    number: int | None
    asked: str | None = None
    files: tuple[FileFacts, ...] | None = None
    length: int = 0


class Settled(msgspec.Struct, frozen=True):
    """That all rows of a source were settled when a run ended: with the same beginning of the source, and asked
    in the same way, it need not be found out row by row again; see `rendering.settled`.

    Args:
        asked: the checksum of what decides the rows beside the source's bytes.
        size, checksum, lines: of these bytes.
        rows: that were read from them.
        offset: row i of the source is row `offset + i` of the folder.
        done, failed, accepted, partial, older: so many of them are; see `Tally`.
        judged: pictures were.
        kept, may_pass: see `Tally`.
        failures: prompts of the first that failed, each with the reason.
        notes, told: see `rendering.settled.Statement`.
    """

    asked: str
    size: int
    checksum: str
    lines: int
    rows: int
    offset: int
    done: int
    failed: int
    accepted: int
    partial: int
    older: int
    judged: bool
    kept: int
    may_pass: int
    failures: list[tuple[str, str]]
    notes: dict[str, str]
    told: dict[str, str]


class Ended(msgspec.Struct):
    """How a run was ended that ended well.

    Args:
        rows: in the journal.
        times: of the folders; see `OutputFolder.times`.
        parts: of the gallery, the rows in each.
        title: of the gallery.
        results: by what the journal's file is known again without being read; see `file_mark`.
        settled: the source of the run, if all of it was.
    """

    rows: int
    times: dict[str, int]
    parts: list[int]
    title: str
    results: tuple[int, int, int, int] | None = None
    settled: Settled | None = None


_line_of = msgspec.json.Decoder(IndexLine).decode
_ended_of = msgspec.json.Decoder(Ended).decode
_encode = msgspec.json.Encoder().encode


def decoded(raw: bytes) -> IndexLine:
    """A line that `Index` or `encoded` gave."""
    return _line_of(raw)


def encoded(line: IndexLine) -> bytes:
    return _encode(line)


def line_checksum(line: bytes) -> str:
    """By what a line of results is known again."""
    return hashlib.blake2b(line, digest_size=8).hexdigest()


def file_mark(path: Path) -> tuple[int, int, int, int] | None:
    """Which file it is, its size, and when it was changed last, by two clocks, one of which nobody can put
    back; `None` if it is not there. Of a copy it is another."""
    try:
        seen = path.lstat()
    except OSError:
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def last_end(folder: Path) -> Ended | None:
    """How the last run into a folder was ended, by its index alone; `None` where it was broken off."""
    return Index(folder).ended


class Index:
    """The index in an output folder. Nothing in it is ever a reason to stop: what cannot be read is not known,
    and what cannot be written is found out again by the next run. Lines stay in the file: what is held of them
    is where they stand.

    Attributes:
        ended: how the last run was ended; `None` where it was broken off.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / INDEX
        self.ended: Ended | None = None
        self._file: BinaryIO | None = None
        self._appending = False
        self._closed = False
        with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._file = opened(self._path, follow=False)
            self.ended = self._last()

    def lines(self) -> Iterator[tuple[bytes, int]]:
        """The rows' lines as they are written, each with its place in the file."""
        with contextlib.suppress(OSError):
            if self._file is None:
                return
            self._file.seek(0)
            if (at := len(self._file.readline(_MOST_LINE))) != len(_HEAD):
                return
            while line := self._file.readline(_MOST_LINE):
                if line.startswith(b'["') and line.endswith(b"]\n"):
                    yield line[:-1], at
                at += len(line)

    def places(self) -> dict[int, tuple[int, int]]:
        """Places and sizes of the rows' lines, by the checksums of their lines in the results; the latest of
        each."""
        lines = ((raw[2:18], at, len(raw)) for raw, at in self.lines())
        return {int(sum, 16): (at, size) for sum, at, size in lines if _CHECKSUM.fullmatch(sum)}

    def line(self, at: int, size: int) -> bytes:
        """The line that stands there; whatever is there, if somebody has written over it."""
        if self._file is None or at < 0:
            return b""
        try:
            return _read_at(self._file.fileno(), size, at)
        except OSError:
            return b""

    def add(self, line: bytes) -> int:
        """One more row, or one that is known better. Returns its place, which is negative where it could not be
        written."""
        if self._closed:
            return -1
        try:
            if not self._appending:
                self._file, self._appending = self._appendable(), True
            assert self._file is not None
            at = os.fstat(self._file.fileno()).st_size
            self._file.write(line + b"\n")
            self._file.flush()
        except OSError:
            return -1
        return at

    def rewrite(self, lines: Iterable[bytes], ended: Ended) -> None:
        """These rows and no others; the run is at its end. Nothing is added any more; what was can be read."""
        with contextlib.suppress(OSError), replacing(self._path, sync=False) as file:
            file.write(_HEAD)
            file.writelines(line + b"\n" for line in lines)
            line = _encode(ended)
            file.write(b"%s %s\n" % (line, line_checksum(line).encode()))
        self._closed = True

    def _appendable(self) -> BinaryIO:
        """The file, to be read and written at its end."""
        if not self._path.exists():
            file = created(self._path)
            file.write(_HEAD)
            file.flush()
            return file
        flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        file = os.fdopen(os.open(self._path, flags), "ab")
        file.write(b"\n")  # behind a line that a crash cut off
        file.flush()
        return file

    def _last(self) -> Ended | None:
        """What the last line says, if it is an end."""
        assert self._file is not None
        if self._file.readline(_MOST_LINE) != _HEAD:
            return None
        start = max(len(_HEAD), self._file.seek(0, os.SEEK_END) - _MOST_LINE)
        self._file.seek(start)
        _, _, line = (b"\n" + self._file.read(_MOST_LINE)).rstrip(b"\n").rpartition(b"\n")
        line, _, sum = line.rpartition(b" ")
        return _ended_of(line) if line.startswith(b"{") and line_checksum(line).encode() == sum else None


def _read_at(descriptor: int, size: int, at: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, size, at)
    before = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, at, os.SEEK_SET)
    try:
        return os.read(descriptor, size)
    finally:
        os.lseek(descriptor, before, os.SEEK_SET)
