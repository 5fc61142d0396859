"""A user's own folder of pictures, SVG or PNG, as kinds and drawings of one more hand.

A file's name is the kind's ('hot-air-balloon.png' is 'hot air balloon'). A `tags.csv` or `tags.jsonl` beside
them may say more, a row a picture: `name`, and any of `plural`, `category`, `colours` ('all', or some of the
world's ten), `own`, `turns`, `stands`, `size`, `carries`, and for a language's code its words; in a CSV, lists
are parted by semicolons. The folder may come from anybody: all is bounded, and no link is followed.
"""

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from ....engine.errors import InputError
from ....engine.messages import reason_of
from ..world import COLOURS
from .colours import PARTS
from .hands import DRAWN_SIDE, FINER
from .svg import LARGEST_SIDE_PX, LARGEST_SVG_BYTES, Pixels, draw_svg, trimmed
from .things import LANGUAGES, SIZES_BY_NATURE, STANDS, Kind, Kinds, Said

MOST_PICTURES = 5000
LARGEST_PNG_BYTES = 8 * 2**20
LARGEST_TAGS_BYTES = 8 * 2**20
LONGEST_NAME = 60
MOST_WORDS = 40  # of a kind in one language
_NAME = re.compile(r"[\w'][\w' .-]*")
_FIELDS = ("name", "plural", "category", "colours", "own", "turns", "stands", "size", "carries", *LANGUAGES)
_TAG_FILES = ("tags.csv", "tags.jsonl")


def read_kinds(folder: Path) -> Kinds:
    """The kinds of a folder's pictures, by name, in the order of names.

    Raises:
        InputError: there is no picture, too many, a link, a name or a tag that is not one, or a word for two
            kinds.
    """
    tags = _tags(folder)
    kinds: dict[str, Kind] = {}
    for path in _pictures(folder):
        name = _name_of(path)
        if name in kinds:
            raise InputError(f"{path}: a second picture called {name!r}: a kind has one in a folder")
        kinds[name] = _kind(name, tags.pop(name, {}), folder)
    if tags:
        raise InputError(f"{folder}: tags tell of {next(iter(tags))!r}, of which there is no picture")
    _check_words(kinds, folder)
    return kinds


def draw_folder(folder: Path) -> Iterator[tuple[str, Pixels]]:
    """Each picture's kind and its drawing, cut to what is not clear, for `write_hand`.

    Raises:
        InputError: a picture is too large, damaged, shows nothing, or is an SVG that reaches outside of itself.
    """
    for path in _pictures(folder):
        where = str(path)
        if path.suffix.lower() == ".svg":
            text = _read(path, LARGEST_SVG_BYTES).decode("utf-8", errors="replace")
            yield _name_of(path), draw_svg(text, DRAWN_SIDE * FINER, where=where)
        else:
            yield _name_of(path), trimmed(_png(path), where=where)


def _pictures(folder: Path) -> list[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({reason_of(error)})") from None
    found = []
    for entry in entries:
        if Path(entry.name).suffix.lower() not in (".svg", ".png") or entry.name.startswith("."):
            continue
        if not entry.is_file(follow_symlinks=False):
            raise InputError(
                f"{entry.path}: a link or no file: links are not followed, so put the picture itself there"
            )
        found.append(Path(entry.path))
    if not found:
        raise InputError(f"{folder}: no .svg or .png picture lies in it")
    if len(found) > MOST_PICTURES:
        raise InputError(
            f"{folder}: {len(found)} pictures, and at most {MOST_PICTURES} are read: part them in folders"
        )
    return found


def _name_of(path: Path) -> str:
    name = " ".join(re.sub(r"[-_]+", " ", path.stem).lower().split())
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise InputError(
            f"{path}: {name!r} is no name for a kind: letters, figures and hyphens, at most {LONGEST_NAME}"
        )
    return name


def _tags(folder: Path) -> dict[str, Mapping[str, Any]]:
    """The rows of the tag files, by the kind's name."""
    rows: dict[str, Mapping[str, Any]] = {}
    for file in _TAG_FILES:
        path = folder / file
        if path.is_symlink():
            raise InputError(f"{path}: a link: links are not followed, so put the file itself there")
        if not path.is_file():
            continue
        text = _read(path, LARGEST_TAGS_BYTES).decode("utf-8-sig", errors="replace")
        for number, row in _rows(path, text):
            if unknown := [str(key) for key in row if key not in _FIELDS]:
                raise InputError(f"{path}:{number}: unknown column {unknown[0]!r}; known: {', '.join(_FIELDS)}")
            name = " ".join(re.sub(r"[-_]+", " ", Path(str(row.get("name", ""))).stem).lower().split())
            if not name or name in rows:
                raise InputError(f"{path}:{number}: {'a second row for ' + repr(name) if name else 'no name'}")
            rows[name] = row
    return rows


def _rows(path: Path, text: str) -> Iterable[tuple[int, Mapping[str, Any]]]:
    try:
        if path.suffix == ".csv":
            for number, row in enumerate(csv.DictReader(io.StringIO(text), strict=True), 2):
                yield number, {key: value for key, value in row.items() if value}
            return
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError("a row is an object")
                yield number, row
    except (csv.Error, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a table of tags ({error})") from None


def _kind(name: str, row: Mapping[str, Any], folder: Path) -> Kind:
    where = f"{folder}: tags of {name!r}"
    colours = _list(row.get("colours"), where)
    colours = list(COLOURS) if colours == ["all"] else colours
    for colour in (*colours, str(row.get("own", ""))):
        _one_of(colour, ("", *COLOURS), "colour", where)
    words = {language: _list(row.get(language), where) for language in LANGUAGES}
    english = [name, *(word.lower() for word in words.pop("en") if word.lower() != name)]
    said = {language: Said(words=tuple(ways)) for language, ways in words.items() if ways}
    plural = str(row.get("plural") or f"{name}s")
    plurals = (plural, *(f"{word}s" for word in english[1:]))
    return Kind(
        name=name,
        said={"en": Said(words=tuple(english), plurals=plurals), **said},
        icon=name,
        category=str(row.get("category", "")),
        colours=tuple(colours),
        own=str(row.get("own", "")),
        turns=_one_of(str(row.get("turns", "")), PARTS, "part", where),
        stands=_one_of(str(row.get("stands", "ground")), STANDS, "way to stand", where),
        size=_one_of(str(row.get("size", "middling")), SIZES_BY_NATURE, "size", where),
        carries=str(row.get("carries", "")).lower() in ("true", "yes", "1"),
    )


def _list(value: Any, where: str) -> list[str]:
    if value is None:
        return []
    listed = value if isinstance(value, list) else str(value).split(";")
    words = [" ".join(str(word).split()) for word in listed]
    if len(words) > MOST_WORDS or any(len(word) > LONGEST_NAME for word in words):
        raise InputError(f"{where}: more than {MOST_WORDS} words, or one of more than {LONGEST_NAME} letters")
    return [word for word in words if word]


def _one_of(value: str, known: Iterable[str], what: str, where: str) -> str:
    if value not in (listed := list(known)):
        raise InputError(f"{where}: unknown {what} {value!r}; known: {', '.join(filter(None, listed))}")
    return value


def _check_words(kinds: Kinds, folder: Path) -> None:
    named: dict[tuple[str, str], str] = {}
    for kind in kinds.values():
        for language, said in kind.said.items():
            for word in (*said.words, *said.plurals):
                other = named.setdefault((language, word.lower()), kind.name)
                if other != kind.name:
                    raise InputError(f"{folder}: {word!r} ({language}) names both {other!r} and {kind.name!r}")


def _png(path: Path) -> Pixels:
    content = _read(path, LARGEST_PNG_BYTES)
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
            if max(picture.size) > LARGEST_SIDE_PX:
                raise InputError(
                    f"{path}: {picture.width} x {picture.height} px, and at most {LARGEST_SIDE_PX} a side"
                )
            return np.asarray(picture.convert("RGBA"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: not a whole PNG ({error})") from None


def _read(path: Path, limit: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({reason_of(error)})") from None
    if len(content) > limit:
        raise InputError(f"{path}: more than {limit >> 10:,} KiB; make it smaller")
    return content
