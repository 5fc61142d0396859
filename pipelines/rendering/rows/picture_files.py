"""Which pictures a command is given: files, folders of them, and tables that say what each should show.

This file knows names, and what stands beside them. It opens no picture, but for what a file says of itself.
"""

import dataclasses
import glob
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from ....engine.errors import InputError
from ....engine.guards.links import lies_in
from ....engine.messages import reason_of
from ....engine.values import Request
from ....prompts.reader import read_prompts
from ....prompts.row import PromptFileError, Row
from ....prompts.settings import plain_name
from ...files import SHEET, is_file, is_folder, why_no_file

MAX_PICTURES = 100_000  # of a command
KINDS = (".png", ".jpg", ".jpeg", ".webp")  # of a folder's files
TABLES = (".csv", ".tsv", ".tab")
PICTURE_NAMES = ("picture", "image", "file", "path", "file_name", "img", "image_path", "file_path")

Named = TypeVar("Named")
Opened = TypeVar("Opened")
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PictureFile:
    """A picture, and what it should show.

    Args:
        path: where it lies; of a row that names none, its table.
        prompt: `None` where the file itself may say (see `prompt_in`).
        fault: why it cannot be looked at, in one line that names the place.
    """

    path: Path
    prompt: str | None = None
    fault: str | None = None

    @property
    def sound_path(self) -> Path:
        """Where it lies.

        Raises:
            InputError: it has a fault.
        """
        if self.fault is not None:
            raise InputError(self.fault)
        return self.path


def pictures_of(sources: Sequence[Path]) -> list[PictureFile]:
    """The files among `sources` as they are, and the pictures in the folders, by name, `2` before `10`.

    Of a folder those files count that lie in it themselves: not what is in folders below, nor hidden files, nor
    the contact sheet of a run. A link that is broken, or leads out of it, has a fault.

    Raises:
        InputError: a folder cannot be read or holds no picture, or there are more than `MAX_PICTURES`.
    """
    found = _expanded(sources)
    return list(_bounded(file for source in found for file in _pictures_at(source, alone=len(found) == 1)))


def picture_files(sources: Sequence[Path], prompt: str | None = None) -> list[PictureFile]:
    """The pictures of files, folders and tables, with what they should show.

    Args:
        prompt: what all of them should show; without, tables say it row by row, and pictures in their files.

    Raises:
        InputError, PromptFileError: as `pictures_of`; a table cannot be read, or names no pictures.
    """
    found = _expanded(sources)
    return list(_bounded(file for source in found for file in _files_at(source, prompt, alone=len(found) == 1)))


def _expanded(sources: Sequence[Path]) -> list[Path]:
    """With the files in place of a pattern such as `*.png`, where the shell left that to us."""
    expanded: list[Path] = []
    for source in sources:
        found = sorted(glob.glob(str(source), recursive=True), key=_natural) if _is_pattern(source) else []
        expanded += map(Path, found) if found else [source]
    return expanded


def _is_pattern(source: Path) -> bool:
    return (
        glob.has_magic(str(source))
        and "\0" not in str(source)
        and not is_file(source)
        and not is_folder(source)
    )


def _files_at(source: Path, prompt: str | None, *, alone: bool) -> Iterator[PictureFile]:
    if source.suffix.lower() not in TABLES or is_folder(source):
        for file in _pictures_at(source, alone=alone):
            yield dataclasses.replace(file, prompt=prompt)
        return
    try:
        yield from _of_table(source, prompt)
    except (InputError, PromptFileError) as error:
        if alone:
            raise
        yield PictureFile(path=source, fault=str(error))


def prompt_in(path: Path) -> str:
    """The prompt that a picture was made of, by this engine or another tool, as its file says; of one that came
    of an edit, the plan that the edit made of it.

    Raises:
        InputError: it does not say so.
    """
    from ...pictures.texts import texts_of
    from ..provenance.other_tools import said_in_picture
    from ..provenance.provenance import CHUNK, read_history

    texts = texts_of(path)
    try:
        if CHUNK in texts:
            request = read_history(path)["request"]
            return str(request.get("start", {}).get("plan") or request["prompt"])
        if prompt := said_in_picture(path, texts).prompt:
            return prompt
    except InputError:
        pass
    raise InputError(f"{path}: does not say what it should show: give a prompt with -p")


def one_by_one(
    named: Iterable[Named],
    opened: Callable[[Named], Opened],
    work: Callable[[Iterator[Opened]], Iterator[Result]],
    refused: Callable[[InputError], None],
) -> Iterator[tuple[Named, Result]]:
    """What comes of `work`, which is given what is opened as it asks for it, beside what it was made of.

    Args:
        opened: raises InputError for one that cannot be; `refused` is told, and the others go on.
        work: gives one result for each, in the same order.
    """
    waiting: deque[Named] = deque()

    def each() -> Iterator[Opened]:
        for name in named:
            try:
                value = opened(name)
            except InputError as error:
                refused(error)
            else:
                waiting.append(name)
                yield value

    for result in work(each()):
        yield waiting.popleft(), result


def _pictures_at(source: Path, *, alone: bool) -> list[PictureFile]:
    """The pictures of a folder, or the file itself. A folder that has none is an error where nothing else was
    named; else it is its own, that is no picture."""
    try:
        return _listed(source)
    except InputError:
        if alone:
            raise
        return [PictureFile(path=source)]


def _listed(source: Path) -> list[PictureFile]:
    try:
        if not source.is_dir():
            return [PictureFile(path=source)]
        paths = [path for path in _bounded(source.iterdir()) if _is_picture(path)]
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        raise InputError(f"{source}: cannot be read ({reason}): check its rights") from None
    if not paths:
        raise InputError(f"{source}: is a folder without pictures ({', '.join(KINDS)}): name one with some")
    paths.sort(key=lambda path: _natural(path.name))
    return [PictureFile(path=path, fault=_fault_of_link(path, source)) for path in paths]


def _is_picture(path: Path) -> bool:
    """Whether it is called as pictures are."""
    if path.suffix.lower() not in KINDS or path.name.startswith(".") or path.name == SHEET:
        return False
    return not is_folder(path)


def _fault_of_link(path: Path, folder: Path) -> str | None:
    if not path.is_symlink():
        return None
    if not is_file(path):
        return f"{path}: {why_no_file(path)}: mend it, or take it away"
    return (
        None if lies_in(path, folder) else f"{path}: is a link that leads out of its folder: name it by itself"
    )


def _natural(name: str) -> list[tuple[int, str]]:
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), part) if index % 2 else (0, part) for index, part in enumerate(parts)]


def _bounded(found: Iterable[Named]) -> Iterator[Named]:
    for number, each in enumerate(found):
        if number == MAX_PICTURES:
            raise InputError(f"more than {MAX_PICTURES} files: name fewer at a time")
        yield each


def _of_table(table: Path, prompt: str | None) -> Iterator[PictureFile]:
    named = False
    for row in read_prompts(table, format="table"):
        name = _picture_name(row)
        named = named or name is not None or row.fault is not None
        try:
            yield _of_row(table, row, name, prompt)
        except InputError as error:
            yield PictureFile(path=table, fault=f"{row.place}: {error}")
    if not named:
        columns = ", ".join(PICTURE_NAMES[:4])
        raise InputError(f"{table}: names no pictures: call the column of their files one of {columns}")


def _of_row(table: Path, row: Row, name: str | None, prompt: str | None) -> PictureFile:
    from .image_rows import beside

    if row.fault is not None:
        raise InputError(row.fault)
    if name is None:
        raise InputError("names no picture")
    said = prompt or row.prompt
    Request(prompt=said)  # raises for one that cannot be asked about
    return PictureFile(path=beside(name, table.parent), prompt=said)


def _picture_name(row: Row) -> str | None:
    said = {plain_name(name): value for name, value in {**row.notes, **row.settings}.items()}
    values = (said.get(plain_name(name)) for name in PICTURE_NAMES)
    return next((value for value in values if isinstance(value, str) and value), None)
