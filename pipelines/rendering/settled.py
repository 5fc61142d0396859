"""What need not be found out row by row: that all rows of a source were settled when the last run ended.

The index says so of a source (see `output.index.Settled`), with a checksum of the source's bytes and one of all
else that decides its rows. Where both are as they were, every row is as it was, and its files alone are looked
at; where bytes were added behind, so are the rows before these. Nothing is believed that was not looked at in
the usual way once, and whatever is not just as it was is left to the usual way.
"""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from ...engine.errors import DiptychError
from ...engine.version import __version__
from ...prompts.reader import Mark, can_go_on
from ...prompts.row import PromptFileError
from ..files import RESULTS, opened
from ..recipes.environment import revisions, versions
from ..recipes.lora_table import loras_state
from ..recipes.reader import Recipe, read_recipe
from ..recipes.writer import recipe_table
from .output.folder import OutputFolder
from .output.index import Ended, Index, Settled, decoded, file_mark, last_end
from .output.journal import Journal
from .output.places import is_of
from .output.tally import Tally
from .pages import are_as_left, shown_title
from .row_files import look_untouched
from .rows.earlier_rows import is_known_by_content
from .rows.prompt_source import ReadOptions, is_results, wildcards_of
from .rows.tasks import Task
from .source import Source

MOST_WILDCARDS = 10_000  # files and folders, behind which it is left to the usual way
_CHUNK = 1 << 20


class Found(NamedTuple):
    """What the index says of a source, and where more rows may stand; `None` where no bytes were added."""

    settled: Settled
    behind: Mark | None


class Bytes(NamedTuple):
    """What a file holds.

    Args:
        size: in bytes.
        lines: line ends.
        changed: when, in nanoseconds.
    """

    size: int
    checksum: str
    lines: int
    changed: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statement:
    """What decides the rows of a source, told without reading them.

    Args:
        path: the file.
        format: as the user named it.
        asked: the checksum of all else.
        held: what the file held when the run began.
        notes: what a run with nothing to do says of settings that are not used; lines by names.
        told: what a run says of the rows as they are read.
    """

    path: Path
    format: str | None
    asked: str
    held: Bytes
    notes: dict[str, str] = dataclasses.field(default_factory=dict)
    told: dict[str, str] = dataclasses.field(default_factory=dict)

    def holds_still(self) -> bool:
        """Whether the file is as it was when the run began."""
        return bytes_of(self.path) == self.held

    def found(self, out: Path) -> "Found | None":
        """What the index in a folder says of this source; `None`, if not that its rows were settled."""
        ended = last_end(out)
        settled = None if ended is None else ended.settled
        if settled is None or settled.asked != self.asked or settled.size > self.held.size:
            return None
        if settled.size == self.held.size:
            return Found(settled, None) if settled.checksum == self.held.checksum else None
        before = bytes_of(self.path, settled.size)
        if before is None or before.checksum != settled.checksum or is_results(self.path):
            return None
        mark = Mark(size=settled.size, lines=settled.lines)
        try:
            return Found(settled, mark) if can_go_on(self.path, mark, format=self.format) else None
        except (OSError, PromptFileError):
            return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shortcut:
    """The rows of a source that were settled, as the index says, and the tasks of those behind."""

    settled: Settled
    rest: Iterator[Task]


def said_of_pipe(recipe: str | Path | Recipe, options: object) -> str:
    """What a pipeline that is not made yet would make pictures with: recipe, weights, versions.

    Raises:
        InputError, CheckpointError: there is no such recipe, or a checkpoint cannot be read.
    """
    read = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    said = (__version__, versions(), read.name, recipe_table(read), revisions(read), loras_state(read), options)
    return repr(said)


def statement_of(
    source: str | None, out: Path, pipe: Callable[[], str], *, reading: ReadOptions | None, said: object
) -> Statement | None:
    """The statement for a source that is a file; `None` for what cannot be told so.

    Args:
        pipe: says what makes the pictures.
        said: all else that decides the rows, whose `repr` says all of it.
    """
    if source is None or source == "-" or is_known_by_content(source, out):
        return None
    try:
        held = bytes_of(Path(source))
        wildcards = _wildcards(wildcards_of(source, reading))
        if held is None or wildcards is None:
            return None
        words = repr((pipe(), source, reading, said, wildcards))
    except (DiptychError, OSError, ValueError):  # the usual way says what is the matter
        return None
    asked = hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return Statement(path=Path(source), format=reading.format if reading else None, asked=asked, held=held)


def bytes_of(path: Path, size: int | None = None) -> Bytes | None:
    """What a file holds, or its first `size` bytes; `None` for what cannot be read."""
    digest, read, lines = hashlib.blake2b(digest_size=16), 0, 0
    try:
        with opened(path) as file:
            changed = os.fstat(file.fileno()).st_mtime_ns
            while chunk := file.read(_CHUNK if size is None else min(_CHUNK, size - read)):
                digest.update(chunk)
                read += len(chunk)
                lines += chunk.count(b"\n")
    except (OSError, ValueError):
        return None
    return Bytes(read, digest.hexdigest(), lines, changed)


def are_settled(settled: Settled, folder: OutputFolder, journal: Journal, source: Source) -> bool:
    """Whether the rows of a source are in the folder as they were, by the first look at the files of each; see
    `row_files`."""
    ended = journal.ended
    if not journal.as_it_was or ended is None or ended.settled != settled:
        return False
    return _others(folder, Index(folder.path), ended, source) is not None


def nothing_to_do(out: Path, source: Source, settled: Settled) -> Tally | None:
    """What a run says of a source, all rows of which were settled; `None` where that is not so any more, or
    something that people look at must be made again. Changes nothing.

    Raises:
        InputError: the folder cannot be written, or another run holds it.
    """
    with OutputFolder(out) as folder:
        index = Index(out)
        ended = index.ended
        if ended is None or ended.settled != settled or ended.results != file_mark(out / RESULTS):
            return None
        others = _others(folder, index, ended, source)
        if others is None:
            return None
        title, total = shown_title(folder, source, others)
        if not are_as_left(folder, ended, title=title, total=total):
            return None
    tally = Tally(judged=settled.judged, kept=settled.kept)
    count(settled, tally)
    return tally


def _others(folder: OutputFolder, index: Index, ended: Ended, source: Source) -> int | None:
    """How many rows are there of other sources; `None`, if the index does not speak of just the lines that are
    there, or a file of a row of this source is not as it was."""
    small = ended.times != folder.times()
    rows = last = length = others = 0
    try:
        for raw, _ in index.lines():
            line = decoded(raw)
            if line.row <= last:
                return None
            rows, last, length = rows + 1, line.row, length + line.length
            if not is_of(line.source, source.name):
                others += 1
            elif line.done and (line.files is None or not look_untouched(folder, line.files, small=small)):
                return None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    as_left = ended.results is not None and rows == ended.rows and length == ended.results[1]
    return others if as_left else None


def count(settled: Settled, tally: Tally) -> None:
    """Count the rows as some that an earlier run settled."""
    tally.done_before += settled.done
    tally.failed_before += settled.failed
    tally.accepted_before += settled.accepted
    tally.partial_before += settled.partial
    tally.older += settled.older
    tally.may_pass += settled.may_pass
    tally.failures_before += settled.failures


def _wildcards(folder: Path | None) -> list[tuple[str, int, int]] | None:
    """The files that `__name__` may stand for, and when they were changed; `None` where there are too many."""
    found: list[tuple[str, int, int]] = []
    for each, _, names in os.walk(folder, followlinks=True) if folder is not None else ():
        for name in names:
            path = os.path.join(each, name)
            seen = os.stat(path)
            found.append((path, seen.st_size, seen.st_mtime_ns))
            if len(found) > MOST_WILDCARDS:
                return None
    return sorted(found)


def as_settled(
    tally: Tally, statement: Statement, rows: int, offset: int, failures: list[tuple[str, str]]
) -> Settled:
    """What is noted of a source whose rows are all settled now."""
    return Settled(
        asked=statement.asked,
        size=statement.held.size,
        checksum=statement.held.checksum,
        lines=statement.held.lines,
        rows=rows,
        offset=offset,
        done=tally.done + tally.done_before,
        failed=tally.failed + tally.failed_before,
        accepted=tally.accepted + tally.accepted_before,
        partial=tally.partial + tally.partial_before,
        older=tally.older,
        judged=tally.judged,
        kept=tally.kept,
        may_pass=tally.may_pass,
        failures=failures,
        notes=statement.notes,
        told=statement.told,
    )
