"""Opens a file of prompts, or a folder of them, and hands the text to the format that it is in.

This file knows files; `text` knows bytes, `formats` which format it is, and each format has a file of its own.
Rows are read as they are asked for, so the first of a hundred thousand is there at once.
"""

import contextlib
import errno
import io
import re
import stat
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO

from ..engine.guards.links import lies_in
from .formats.known import BY_LINES, FORMATS, format_of, reader_of
from .plain_files import open_plain
from .row import PromptFileError, Row, place_of
from .text import CHUNK_BYTES, Mark, Text

MAX_FILES = 100_000  # of a folder
_MADE_BY_SHELLS = ("/dev/fd/", "/proc/self/fd/", "/dev/stdin")


def read_prompts(
    source: Path | str | BinaryIO,
    *,
    name: str | None = None,
    format: str | None = None,
    behind: Mark | None = None,
) -> Iterator[Row]:
    """The rows of a prompt file, read as they are asked for.

    A row that cannot be carried out is given, too, with a `fault` that says why.

    Args:
        source: a path, a folder of `.txt` files, or a stream of bytes such as `sys.stdin.buffer`.
        name: what rows and messages call the source; its path, or `-` for a stream, if not given.
        format: one of `formats.known.FORMATS`; recognised by ending and content, if not given.
        behind: of a file, the rows behind this alone, of which there may be none; see `can_go_on`.

    Raises:
        PromptFileError: the file cannot be opened or read on, is not UTF-8 text, or holds no prompt.
    """
    if format is not None and format not in FORMATS:
        raise PromptFileError(f"no such format: {format!r}: there are {', '.join(FORMATS)}")
    label = name or (str(source) if isinstance(source, (str, Path)) else "-")
    label = re.sub(r"[\x00-\x1f\x7f]", "?", label)  # messages are one line
    if behind is not None:
        return _file_rows(Path(str(source)), label, format, behind)
    if isinstance(source, (str, Path)):
        rows = _path_rows(Path(source), label, format)
    else:
        rows = _stream_rows(source, label, "", format)
    return _at_least_one(rows, label)


def _at_least_one(rows: Iterator[Row], label: str) -> Iterator[Row]:
    empty = True
    for row in rows:
        empty = False
        yield row
    if empty:
        raise PromptFileError(f"{place_of(label)}: holds no prompt: write one a line (# begins a comment)")


def _path_rows(path: Path, label: str, format: str | None) -> Iterator[Row]:
    with _refusals(label):
        folder = path.is_dir()
    if folder:
        for file in _text_files(path, label):
            yield from _file_rows(file, str(Path(label) / file.name), format)
    else:
        yield from _file_rows(path, label, format)


def can_go_on(path: Path, mark: Mark, *, format: str | None = None) -> bool:
    """Whether the rows behind a mark can be read without those before it, which are the same whatever comes
    behind: each line of the file is read by itself, and that is so with what lies before the mark alone, too.

    Raises:
        OSError, PromptFileError: the file cannot be read.
    """
    if mark.size < 1:
        return False
    with open_plain(path) as file:
        head = file.read(min(CHUNK_BYTES, mark.size))
        file.seek(mark.size - 1)
        at_line_end = file.read(1) == b"\n"
        file.seek(0)
        known = {format or format_of(Text(each, str(path)), path.suffix) for each in (file, io.BytesIO(head))}
    return at_line_end and len(known) == 1 and known <= BY_LINES


def _file_rows(path: Path, label: str, format: str | None, behind: Mark | None = None) -> Iterator[Row]:
    with _refusals(label):
        file = path.open("rb") if _is_made_by_a_shell(path) else open_plain(path)
    with file:
        if behind is None:
            yield from _stream_rows(file, label, path.suffix, format)
            return
        known = format or format_of(Text(file, label), path.suffix)
        file.seek(behind.size)
        yield from reader_of(known)(Text(file, label, behind=behind))


def _stream_rows(stream: BinaryIO, label: str, ending: str, format: str | None) -> Iterator[Row]:
    text = Text(stream, label)
    yield from reader_of(format or format_of(text, ending))(text)


def _is_made_by_a_shell(path: Path) -> bool:
    """Whether it is a pipe that the shell has made: `<(command)`."""
    return str(path).startswith(_MADE_BY_SHELLS) and stat.S_ISFIFO(path.stat().st_mode)


def _text_files(folder: Path, label: str) -> list[Path]:
    """The `.txt` files of a folder, by name, `2` before `10`; what is no file, a pipe say, is left out, and so
    is a link that leads out of the folder."""
    with _refusals(label):
        entries = [path for path in folder.iterdir() if path.suffix.lower() == ".txt"]
        files = sorted((path for path in entries if _is_file_of(path, folder)), key=_natural)
    if not files:
        raise PromptFileError(f"{label}: is a folder without .txt files: name a prompt file in it")
    if len(files) > MAX_FILES:
        raise PromptFileError(f"{label}: holds {len(files)} files: at most {MAX_FILES} are read")
    return files


def _is_file_of(path: Path, folder: Path) -> bool:
    """Whether it is a file of the folder, itself or by a link; what cannot be looked at is none."""
    return path.is_file() and (not path.is_symlink() or lies_in(path, folder))


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"([0-9]+)", path.name)
    return [(int(part), part) if index % 2 else (0, part) for index, part in enumerate(parts)]


@contextlib.contextmanager
def _refusals(label: str) -> Generator[None]:
    """Says what is the matter with a path that cannot be used."""
    try:
        yield
    except FileNotFoundError:
        raise PromptFileError(f"{label}: no such file: check the path, or give text with -p") from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        short = label if len(label) <= 80 else f"{label[:77]}..."
        if getattr(error, "errno", None) == errno.ENAMETOOLONG:  # text, most likely
            raise PromptFileError(f"{short}: no such file: check the path, or give text with -p") from None
        if "a pipe" in reason or "a device" in reason:
            raise PromptFileError(f"{short}: {reason}: give - and let it be standard input") from None
        raise PromptFileError(
            f"{short}: cannot be read ({reason}): check its rights; text to render goes behind -p"
        ) from None
