"""The folder that wildcards are read from: `__birds/tropical__` is a line of `birds/tropical.txt` in it.

Names are looked up in a listing of the folder, so none can lead out of it; links that do are not listed.
"""

import fnmatch
import os
from pathlib import Path

from ..engine.messages import nearest, shown
from .row import PromptFileError
from .template import Node, TemplateError, parse
from .text import Text

MAX_FILES = 10_000
MAX_LINES = 100_000  # of a file
MAX_PATTERNS = 100  # whose lines are kept at hand


class Wildcards:
    """The wildcards of a folder; a file is read when it is first asked for.

    Args:
        folder: `None` for no wildcards at all.

    Raises:
        PromptFileError: it is no folder, cannot be read, or holds too many files.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._files = {} if folder is None else _listing(folder)
        self._lines: dict[str, tuple[Node, ...]] = {}  # by file
        self._matches: dict[str, tuple[Node, ...]] = {}  # by pattern

    def lines(self, name: str) -> tuple[Node, ...]:
        """The lines that `name` stands for, each a template; blank lines and `#` comments are left out.

        Args:
            name: of a file, without its ending; `*`, `?` and `[...]` match as in a shell, and match several.

        Raises:
            TemplateError: there is none, or it cannot be read.
        """
        if name in self._files:
            return self._read(name)
        if name not in self._matches:
            names = sorted(fnmatch.filter(self._files, name))
            if not names:
                raise self._missing(name)
            if len(self._matches) >= MAX_PATTERNS:
                self._matches.clear()
            self._matches[name] = tuple(line for each in names for line in self._read(each))
        return self._matches[name]

    def _read(self, name: str) -> tuple[Node, ...]:
        if name not in self._lines:
            path = self._files[name]
            lines: list[Node] = []
            try:
                with path.open("rb") as stream:
                    text = Text(stream, str(path))
                    for raw in text.lines():
                        if (line := raw.strip()) and not line.startswith("#"):
                            lines.append(_parse(line, f"{path}:{text.line}"))
                        if text.line > MAX_LINES:
                            raise TemplateError(f"wildcard __{name}__: {path} has more than {MAX_LINES} lines")
            except OSError as error:
                raise TemplateError(f"wildcard __{name}__: {path}: {error.strerror or error}") from None
            except PromptFileError as error:
                raise TemplateError(f"wildcard __{name}__: {error}") from None
            if not lines:
                raise TemplateError(f"wildcard __{name}__: {path} holds no line")
            self._lines[name] = tuple(lines)
        return self._lines[name]

    def _missing(self, name: str) -> TemplateError:
        called = f"no such wildcard: __{_short(name)}__"
        if self._folder is None:
            return TemplateError(rf"{called}: name a folder of them with --wildcards (\__ for underscores)")
        near = nearest(name, self._files, cutoff=0.0)
        hint = f": did you mean __{near}__?" if near else f": {self._folder} holds no .txt file"
        return TemplateError(called + hint)


def _parse(line: str, place: str) -> Node:
    try:
        return parse(line)
    except TemplateError as error:
        raise TemplateError(f"{place}: {error}") from None


def _listing(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    try:
        found, root = folder.is_dir(), folder.resolve()
    except (OSError, ValueError):  # a name too long, or a NUL in it
        found, root = False, folder
    if not found:
        said = shown(str(folder), quoted=False, most=100)
        raise PromptFileError(f"{said}: is no folder: name one that holds wildcards as .txt files")
    for at, folders, names in os.walk(folder):  # does not follow links to folders
        folders[:] = sorted(name for name in folders if _is_named(name))
        for name in sorted(filter(_is_named, names)):
            path = Path(at, name)
            if path.suffix.lower() != ".txt" or not path.is_file():
                continue
            if path.resolve().is_relative_to(root):
                files[path.relative_to(folder).with_suffix("").as_posix()] = path
            if len(files) > MAX_FILES:
                raise PromptFileError(f"{folder}: holds more than {MAX_FILES} wildcards")
    return files


def _is_named(name: str) -> bool:
    """Whether it is no hidden file, and its name fits on the one line of a message."""
    return name.isprintable() and not name.startswith(".")


def _short(name: str) -> str:
    plain = "".join(character if character.isprintable() else "?" for character in name)
    return plain if len(plain) <= 60 else f"{plain[:57]}..."
