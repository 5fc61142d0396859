"""Reads which pictures a user's folder holds, and their captions. Opens no picture.

Two forms are known: the "imagefolder" convention of the datasets library (`metadata.jsonl` or `metadata.csv`,
with a `file_name` and a `text` in each row), and pairs of files (`boat.png` beside `boat.txt`, one caption a
line).
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ....engine.errors import InputError
from ....engine.guards.links import lies_in
from ....engine.messages import first_line, reason_of
from ....prompts.plain_files import open_plain, read_plain
from ...files import PICTURE_ENDINGS

METADATA = ("metadata.jsonl", "metadata.csv")
CAPTION_KEYS = ("text", "caption", "captions", "prompt")
MOST_BYTES = 2**20  # of a text file beside a picture
MAX_WORDS = 40  # of a caption; what follows is cut off

Captioned = tuple[Path, tuple[str, ...]]
"""A picture's path and its captions, at least one."""


def read_captions(folder: Path) -> list[Captioned]:
    """The pictures of `folder` with their captions, in the order of the metadata, or else of their names.

    Raises:
        InputError: the folder is none or holds no pictures; a row is malformed, names a picture that is not
            there or outside the folder, or says nothing. One line, with three of the faults and how many more.
    """
    if not folder.is_dir():
        raise InputError(
            f"--data {folder}: there is no such folder: name one with pictures and captions, or world"
        )
    for name in METADATA:
        if (folder / name).is_file():
            return _checked(folder, _of_metadata(folder, folder / name))
    pictures = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_ENDINGS)
    if not pictures:
        raise InputError(f"{folder}: holds no pictures ({', '.join(PICTURE_ENDINGS)})")
    if not any(path.with_suffix(".txt").is_file() for path in pictures):
        raise InputError(
            f"{folder}: holds no captions: write metadata.jsonl with a line such as"
            f' {{"file_name": "{pictures[0].name}", "text": "..."}} for each picture, or'
            f" {pictures[0].stem}.txt beside it"
        )
    return _checked(folder, _of_pairs(pictures))


def refuse(folder: Path, faults: list[str], what: str = "cannot be trained on") -> None:
    """Raises `InputError` in one line if there are faults."""
    if faults:
        more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise InputError(f"{folder}: {what}: {'; '.join(faults[:3])}{more}")


def _checked(folder: Path, found: Iterable[tuple[str, Path, list[str]]]) -> list[Captioned]:
    faults, rows, seen = [], [], set[Path]()
    for where, path, said in found:
        captions = tuple(filter(None, map(_tidy, said)))
        if not lies_in(path, folder):
            faults.append(f"{where}: {path} lies outside the folder")
        elif not path.is_file():
            faults.append(f"{where}: {path.name} is not there")
        elif not captions:
            faults.append(f"{where}: {path.name} has no caption")
        elif path in seen:
            faults.append(f"{where}: {path.name} is named twice")
        seen.add(path)
        rows.append((path, captions))
    refuse(folder, faults)
    return rows


def _of_metadata(folder: Path, path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    try:
        with io.TextIOWrapper(open_plain(path), encoding="utf-8-sig", newline="") as file:
            rows = list(_lines(path, file) if path.suffix == ".jsonl" else csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    for number, row in enumerate(rows, 1 if path.suffix == ".jsonl" else 2):
        where = f"{path.name}, line {row.pop('', number) if path.suffix == '.jsonl' else number}"
        name = row.get("file_name")
        if not isinstance(name, str) or not name:
            known = ", ".join(map(str, row)) or "nothing"
            raise InputError(f"{folder}: {where}: has no file_name (it has {known})")
        said = next((row[key] for key in CAPTION_KEYS if row.get(key)), [])
        yield where, folder / name, [said] if isinstance(said, str) else list(said)


def _lines(path: Path, file: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines file, each with its line's number under the empty name."""
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}, line {number}: is no JSON ({first_line(error)})") from None
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number}: must be an object with file_name and text")
        yield {**row, "": number}


def _of_pairs(pictures: list[Path]) -> Iterator[tuple[str, Path, list[str]]]:
    for path in pictures:
        beside = path.with_suffix(".txt")
        try:
            there = beside.is_file() and lies_in(beside, path.parent)
            said = read_plain(beside, MOST_BYTES).decode("utf-8-sig").splitlines() if there else []
        except UnicodeDecodeError:
            raise InputError(f"{beside}: is not UTF-8 text") from None
        except OSError as error:
            raise InputError(f"{beside}: cannot be read ({reason_of(error)})") from None
        yield beside.name, path, said


def _tidy(caption: Any) -> str:
    """On one line, without quotes, backslashes and angle brackets, which have a meaning in plans and texts."""
    if not isinstance(caption, str):
        return ""
    plain = re.sub(r"[\x00-\x1f\x7f\\<>\s]+", " ", caption.replace('"', "'"))
    return " ".join(plain.split()[:MAX_WORDS]).strip(" .,:;")
