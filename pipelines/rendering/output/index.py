"""`.diptych.index`: what earlier runs found out about lines and files, so that a run need not find it out
again.

For each row: which line of `results.jsonl` it is known by, what is asked of it most, and the size, time of
change and checksum of each of its files. The first line says what the file is, the last how the run was ended.
Nothing is lost with it: without it, lines are parsed and files are read whole. A line of it counts only beside
the line of results that it speaks of, which it knows by its checksum, and is none of it is trusted after an
edit by hand.

This file knows bytes. What a row is, `record` and `journal` know.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ...files import created, opened, replacing

INDEX = ".diptych.index"
_HEAD = b'["diptych index",1]\n'
_MOST_LINE = 1 << 16  # bytes


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
        row, id, done, accepted, partial, older, source, number: as `journal.Entry` has them.
        asked: the checksum of what the row asked for when it was found to be settled.
        files: its own; `None` where they were not looked at.
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


class Ended(msgspec.Struct):
    """How a run was ended that ended well.

    Args:
        rows: in the journal.
        times: of the folders; see `OutputFolder.times`.
        parts: of the gallery, the rows in each.
        title: of the gallery.
    """

    rows: int
    times: dict[str, int]
    parts: list[int]
    title: str


_line_of = msgspec.json.Decoder(IndexLine).decode
_ended_of = msgspec.json.Decoder(Ended).decode
_encode = msgspec.json.Encoder().encode


def decoded(raw: bytes) -> IndexLine:
    """A line that `Index.lines` or `encoded` gave."""
    return _line_of(raw)


def encoded(line: IndexLine) -> bytes:
    return _encode(line)


def line_checksum(line: bytes) -> str:
    """By what a line of results is known again."""
    return hashlib.blake2b(line, digest_size=8).hexdigest()


class Index:
    """The index in an output folder. Nothing in it is ever a reason to stop: what cannot be read is not known,
    and what cannot be written is found out again by the next run.

    Attributes:
        lines: the rows, by the checksums of their lines, as they are written; `take` empties it.
        ended: how the last run was ended; `None` where it was broken off.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / INDEX
        self.lines: dict[str, bytes] = {}
        self.ended: Ended | None = None
        self._file: FileIO | Any = None
        with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._read()

    def add(self, line: bytes) -> None:
        """One more row, or one that is known better."""
        with contextlib.suppress(OSError):
            if self._file is None:
                self._file = self._opened()
            self._file.write(line + b"\n")
            self._file.flush()

    def rewrite(self, lines: Iterable[bytes], ended: Ended) -> None:
        """These rows and no others; the run is at its end."""
        self.close()
        with contextlib.suppress(OSError), replacing(self._path, sync=False) as file:
            file.write(_HEAD)
            file.writelines(line + b"\n" for line in lines)
            file.write(_encode(ended) + b"\n")

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def _opened(self) -> Any:
        if not self._path.exists():
            file = created(self._path)
            file.write(_HEAD)
            return file
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0))
        file = os.fdopen(descriptor, "ab")
        file.write(b"\n")  # behind a line that a crash cut off
        return file

    def _read(self) -> None:
        with opened(self._path, follow=False) as file:
            if file.readline(_MOST_LINE) != _HEAD:
                return
            for line in iter(lambda: file.readline(_MOST_LINE), b""):
                self.ended = None
                if line.startswith(b'["') and line.endswith(b"]\n"):
                    self.lines[line[2:18].decode("ascii", "replace")] = line[:-1]
                elif line.startswith(b"{"):
                    self.ended = _ended_of(line)
