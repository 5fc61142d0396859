"""Opens a prompt file, decodes it line by line, and hands the lines to the format that they are in.

This file knows files and bytes; each format has a file of its own that knows only lines (`plain`). Nothing is
held in memory but the line at hand.
"""

import codecs
import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from .plain import read_plain
from .row import PromptFileError, Row

_OTHER_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_prompts(source: Path | str | BinaryIO, *, name: str | None = None) -> Iterator[Row]:
    """The rows of a prompt file, read as they are asked for.

    Args:
        source: a path, or a stream of bytes such as `sys.stdin.buffer`.
        name: what rows and messages call the source; its path, or `-` for a stream, if not given.

    Raises:
        PromptFileError: the file cannot be opened, is not UTF-8 text, or holds no prompt.
    """
    if isinstance(source, (str, Path)):
        label = name or str(source)
        stream: contextlib.AbstractContextManager[BinaryIO] = _open(Path(source), label)
    else:
        label = name or "-"
        stream = contextlib.nullcontext(source)
    empty = True
    with stream as data:
        for row in read_plain(_decoded(data, label), label):
            empty = False
            yield row
    if empty:
        raise PromptFileError(f"{label}: holds no prompt: write one a line (# begins a comment)")


def _open(path: Path, label: str) -> BinaryIO:
    try:
        if path.is_dir():
            raise PromptFileError(f"{label}: is a folder: name a prompt file in it")
        return path.open("rb")
    except FileNotFoundError:
        raise PromptFileError(f"{label}: no such file: check the path, or give text with -p") from None
    except OSError as error:
        reason = error.strerror or str(error)
        short = label if len(label) <= 80 else f"{label[:77]}..."
        raise PromptFileError(
            f"{short}: cannot be read ({reason}): check its rights; text to render goes behind -p"
        ) from None


def _decoded(data: Iterable[bytes], label: str) -> Iterator[str]:
    """The lines as text, without line ends and without a byte order mark."""
    lines = iter(data)
    number = 0
    while True:
        number += 1
        try:
            line = next(lines, None)
        except OSError as error:
            raise PromptFileError(f"{label}:{number}: reading stopped ({error.strerror or error})") from None
        if line is None:
            return
        if number == 1:
            if line.startswith(_OTHER_MARKS):
                raise PromptFileError(f"{label}:1: is UTF-16 or UTF-32 text, not UTF-8: save it as UTF-8")
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            yield line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            byte = f"byte 0x{line[error.start]:02x} at column {error.start + 1}"
            raise PromptFileError(f"{label}:{number}: is not UTF-8 ({byte}): save it as UTF-8 text") from None
