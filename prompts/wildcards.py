"""The folder that wildcards are read from: `__birds/tropical__` is a line of `birds/tropical.txt` in it.

YAML and JSON files, as Dynamic Prompts and the Impact Pack have them, hold many: `__birds/tropical__` is one of
the list `tropical` in the table `birds`, whatever the file is called. Names are looked up in a listing of the
folder, so none can lead out of it; links that do are not listed.
"""

import fnmatch
import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..engine.guards.links import lies_in
from ..engine.messages import first_line, nearest, shown
from .formats.yaml_file import yaml_values
from .plain_files import open_plain, read_plain
from .row import PromptFileError
from .template import Choice, Node, TemplateError, parse
from .text import Text

TEXT, TABLES = ".txt", (".yaml", ".yml", ".json")
MAX_FILES = 10_000
MAX_TABLE_BYTES = 16 * 2**20
MAX_TABLE_DEPTH = 20
_WEIGHTED = re.compile(r"(\d{1,9}(?:\.\d{0,9})?)::", re.ASCII)
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
        listed = {} if folder is None else _listing(folder)
        self._files = {name: path for name, path in listed.items() if path.suffix.lower() == TEXT}
        self._tables = [path for path in listed.values() if path.suffix.lower() != TEXT]
        self._unread = ""  # why a table could not be read
        self._lines: dict[str, tuple[Node, ...]] = {}  # by file
        self._matches: dict[str, tuple[Node, ...]] = {}  # by pattern

    def lines(self, name: str) -> tuple[Node, ...]:
        """The lines that `name` stands for, each a template; blank lines and `#` comments are left out.

        Args:
            name: of a file, without its ending; `*`, `?` and `[...]` match as in a shell, and match several.

        Raises:
            TemplateError: there is none, or it cannot be read.
        """
        if name in self._files or name in self._lines:
            return self._read(name)
        self._read_tables()
        if name in self._lines:
            return self._lines[name]
        if name not in self._matches:
            names = sorted(fnmatch.filter({**self._files, **self._lines}, name))
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
                with open_plain(path) as stream:
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

    def _read_tables(self) -> None:
        """Read the YAML and JSON files, if they have not been; one that cannot be is left out."""
        assert self._folder is not None or not self._tables, "without a folder there are no tables"
        while self._tables:
            path = self._tables.pop(0)
            try:
                for name, lines in _lists(path, self._folder or path.parent):
                    if name not in self._files:
                        self._lines.setdefault(name, lines)
            except (PromptFileError, TemplateError) as error:
                self._unread = self._unread or str(error)

    def _missing(self, name: str) -> TemplateError:
        called = f"no such wildcard: __{_short(name)}__"
        if self._folder is None:
            return TemplateError(rf"{called}: name a folder of them with --wildcards (\__ for underscores)")
        if self._unread:
            return TemplateError(f"{called}: {self._unread}")
        near = nearest(name, {**self._files, **self._lines}, cutoff=0.0)
        hint = f": did you mean __{near}__?" if near else f": {self._folder} holds no .txt file"
        return TemplateError(called + hint)


def _lists(path: Path, folder: Path) -> Iterator[tuple[str, tuple[Node, ...]]]:
    """The lists of a YAML or JSON file by their names; a list that is the whole file has the file's name.

    Raises:
        PromptFileError, TemplateError: it cannot be read.
    """
    parent = path.parent.relative_to(folder).as_posix()
    base = "" if parent == "." else f"{parent}/"
    for value in _values(path):
        if isinstance(value, list):
            value = {path.stem: value}
        yield from _within(value, base, str(path))


def _values(path: Path) -> list[object]:
    try:
        data = read_plain(path, MAX_TABLE_BYTES)
        if path.suffix.lower() != ".json":
            return list(yaml_values(Text(io.BytesIO(data), str(path))))
        return [json.loads(data)]
    except OSError as error:
        raise PromptFileError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, PromptFileError):
            raise
        raise PromptFileError(f"{path}: is no JSON that can be read ({first_line(error)})") from None


def _within(value: object, base: str, place: str, depth: int = 0) -> Iterator[tuple[str, tuple[Node, ...]]]:
    if not isinstance(value, Mapping) or depth > MAX_TABLE_DEPTH:
        return
    for key, inner in value.items():
        name = f"{base}{str(key).strip('/')}"
        if isinstance(inner, Mapping) and "weight" not in inner:
            yield from _within(inner, f"{name}/", place, depth + 1)
        elif items := [inner] if isinstance(inner, str) else inner if isinstance(inner, list) else []:
            yield name, _options(items[:MAX_LINES], f"{place}: {name}")


def _options(items: list[Any], place: str) -> tuple[Node, ...]:
    """The items as templates; with weights (`3::red`, or a text and its weight) they are one choice."""
    options: list[Node] = []
    weights: list[float] = []
    for item in items:
        weight, text = 1.0, item
        if isinstance(item, Mapping):
            text, weight = item.get("text", item.get("content")), _weight(item.get("weight", 1))
        elif isinstance(item, str) and (found := _WEIGHTED.match(item)):
            text, weight = item[found.end() :], float(found[1])
        if isinstance(text, (int, float)):
            text = str(text)
        if isinstance(text, str) and text.strip():
            options.append(_parse(text.strip(), place))
            weights.append(weight)
    if any(weight != 1 for weight in weights):
        return (Choice(tuple(options), tuple(weights)),)
    return tuple(options)


def _weight(value: object) -> float:
    try:
        weight = float(str(value))
    except ValueError:
        return 1.0
    return weight if 0 <= weight < 1e9 else 1.0


def _parse(line: str, place: str) -> Node:
    try:
        return parse(line)
    except TemplateError as error:
        raise TemplateError(f"{place}: {error}") from None


def _listing(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    try:
        found = folder.is_dir()
    except (OSError, ValueError):  # a name too long, or a NUL in it
        found = False
    if not found:
        said = shown(str(folder), quoted=False, most=100)
        raise PromptFileError(f"{said}: is no folder: name one that holds wildcards as .txt files")
    for at, folders, names in os.walk(folder):  # does not follow links to folders
        folders[:] = sorted(name for name in folders if _is_named(name))
        for name in sorted(filter(_is_named, names)):
            path = Path(at, name)
            if path.suffix.lower() not in (TEXT, *TABLES) or not (path.is_file() and lies_in(path, folder)):
                continue
            relative = path.relative_to(folder)
            is_text = path.suffix.lower() == TEXT
            files[(relative.with_suffix("") if is_text else relative).as_posix()] = path
            if len(files) > MAX_FILES:
                raise PromptFileError(f"{folder}: holds more than {MAX_FILES} wildcards")
    return files


def _is_named(name: str) -> bool:
    """Whether it is no hidden file, and its name fits on the one line of a message."""
    return name.isprintable() and not name.startswith(".")


def _short(name: str) -> str:
    plain = "".join(character if character.isprintable() else "?" for character in name)
    return plain if len(plain) <= 60 else f"{plain[:57]}..."
