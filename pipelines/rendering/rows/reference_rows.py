"""Rows with reference pictures: which files a row names, and how closely they count.

    reference           a file, or several: a list, or text with commas between them; `NAME=FILE` says what the
                        file shows
    reference_weight    0 to 2, for all of them; or as many, in the same way

Files that a row names are looked for beside the prompt file and below, nowhere else.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ....engine.values import Reference
from ....engine.values.reference import check_count
from ....prompts.settings import REFERENCE_COLUMNS
from ...pictures.references import check_weights, named, references_of
from .control_rows import has_controls
from .image_rows import beside, has_image_input


def has_references(names: Iterable[str]) -> bool:
    """Whether a row has reference pictures, by the names of its settings."""
    return not REFERENCE_COLUMNS.keys().isdisjoint(names)


def names_pictures(names: Iterable[str]) -> bool:
    """Whether a row is made of pictures, by the names of its settings: to start from, take after or follow."""
    said = list(names)
    return has_image_input(said) or has_references(said) or has_controls(said)


def without_references(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a row but for its references."""
    return {name: value for name, value in settings.items() if name not in REFERENCE_COLUMNS}


def references_in(settings: Mapping[str, Any], folder: Path) -> tuple[Reference, ...]:
    """The references of a row.

    Args:
        settings: of the row.
        folder: of the prompt file.

    Raises:
        InputError: a file is not there, or no picture; weights that are none, or of another number.
    """
    paths = check_references(settings, folder)
    names = [named(each, folder)[0] for each in _files(settings.get("reference"), folder)]
    found = references_of(paths, settings.get("reference_weight"))
    return tuple(
        dataclasses.replace(each, name=name) if name else each for each, name in zip(found, names, strict=True)
    )


def check_references(settings: Mapping[str, Any], folder: Path) -> list[Path]:
    """The files that a row names, unopened; errors as `references_in`, but for what is in the files."""
    paths = [beside(named(each, folder)[1], folder) for each in _files(settings.get("reference"), folder)]
    check_count(len(paths))
    check_weights(settings.get("reference_weight"), len(paths))
    return paths


def _files(said: Any, folder: Path) -> list[str | Path]:
    if said is None:
        return []
    if isinstance(said, list | tuple):
        return list(said)
    if isinstance(said, Path) or "," not in said or (folder / said).is_file():
        return [said]
    return [each.strip() for each in said.split(",") if each.strip()]
