"""Bytes become text: line by line, or in chunks, never more than that at a time.

This file knows encodings and how much may be held in memory. It knows no format.
"""

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from .row import PromptFileError, place_of

MAX_LINE_BYTES = 4 * 2**20
CHUNK_BYTES = 65_536
_OTHER_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_OTHER_FILES = {  # by what they begin with
    "a picture": (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF", b"GIF8"),
    "a web page": (b"<!DOCTYPE html", b"<!doctype html", b"<html"),
    "a PDF": (b"%PDF-",),
    "an archive or an office document": (b"PK\x03\x04",),
}


class Mark(NamedTuple):
    """A place in a file, behind a line end: so many bytes and lines lie before it."""

    size: int
    lines: int


class Text:
    """A stream of UTF-8 text, read once: by lines, or by chunks.

    Args:
        stream: the bytes.
        source: what messages call the file.
        behind: the stream is at this mark of it.

    Raises:
        PromptFileError: it is UTF-16, UTF-32, a picture or the like; it cannot be read.
    """

    def __init__(self, stream: BinaryIO, source: str, *, behind: Mark | None = None) -> None:
        self.source = source
        self.line = 0  # the line last given, from 1
        self._stream = stream
        if behind is not None:
            self.line, self._head = behind.lines, b""
            return
        self._head = self._read_some()
        if self._head.startswith(_OTHER_MARKS):
            raise PromptFileError(
                f"{place_of(source, 1)}: is UTF-16 or UTF-32 text, not UTF-8: save it as UTF-8"
            )
        for what, beginnings in _OTHER_FILES.items():
            if self._head.lstrip().startswith(beginnings):
                raise PromptFileError(f"{place_of(source, 1)}: is {what}, not a prompt file")
        self._head = self._head.removeprefix(codecs.BOM_UTF8)

    @property
    def head(self) -> str:
        """The beginning of the text, as much as came at once, for a guess at its format."""
        return self._head.decode("utf-8", "ignore")

    def lines(self) -> Iterator[str]:
        """Each line, with its line end.

        Raises:
            PromptFileError: a line is not UTF-8, or longer than `MAX_LINE_BYTES`; lines end with CR alone; the
                disk fails.
        """
        if self._head.count(b"\r") > 1 and b"\n" not in self._head:
            raise PromptFileError(
                f"{place_of(self.source, 1)}: has old Macintosh line ends (CR): save it with LF or CR LF"
            )
        for line in io.BytesIO(self._head):
            yield self._line(line if line.endswith(b"\n") else line + self._read_line())
        while line := self._read_line():
            yield self._line(line)

    def chunks(self) -> Iterator[str]:
        """The text in pieces of at most 64 KiB, cut anywhere; for formats that do not go by lines.

        Raises:
            PromptFileError: it is not UTF-8; the disk fails.
        """
        decoder = codecs.getincrementaldecoder("utf-8")()
        chunk = self._head
        self.line = 1
        while chunk:
            try:
                yield decoder.decode(chunk)
            except UnicodeDecodeError as error:
                raise self._not_utf8(error, self.line + error.object.count(b"\n", 0, error.start)) from None
            self.line += chunk.count(b"\n")
            chunk = self._read_some()
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise self._not_utf8(error, self.line) from None

    def _line(self, line: bytes) -> str:
        self.line += 1
        if len(line) > MAX_LINE_BYTES:
            limit = f"{MAX_LINE_BYTES // 2**20} MiB"
            place = place_of(self.source, self.line)
            raise PromptFileError(f"{place}: is longer than {limit}: is this a prompt file?")
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._not_utf8(error, self.line) from None

    def _not_utf8(self, error: UnicodeDecodeError, line: int) -> PromptFileError:
        data, start = error.object, error.start
        column = start - (data.rfind(b"\n", 0, start) + 1) + 1
        byte = f"byte 0x{data[start]:02x} at column {column}"
        return PromptFileError(f"{place_of(self.source, line)}: is not UTF-8 ({byte}): save it as UTF-8 text")

    def _read_some(self) -> bytes:
        """What is there, at most a chunk; waits only where nothing is there yet."""
        read = getattr(self._stream, "read1", self._stream.read)
        try:
            return read(CHUNK_BYTES)
        except OSError as error:
            raise self._stopped(error) from None

    def _read_line(self) -> bytes:
        try:
            return self._stream.readline(MAX_LINE_BYTES + 1)
        except OSError as error:
            raise self._stopped(error) from None

    def _stopped(self, error: OSError) -> PromptFileError:
        return PromptFileError(
            f"{place_of(self.source, self.line + 1)}: reading stopped ({error.strerror or error})"
        )
