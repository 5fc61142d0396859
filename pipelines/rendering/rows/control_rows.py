"""Rows with control pictures: which files a row names, and how each counts.

    control             a file, or several: a list, or text with commas between them
    control_type        which of the recipe's controls reads it: edges, depth, pose
    control_weight      0 to 2; control_start, control_stop: shares of the steps
    control_ready       true where it is the control picture itself, and no photograph

Files that a row names are looked for beside the prompt file and below, nowhere else.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ....prompts.settings import CONTROL_COLUMNS
from ...pictures.controls import ControlWish, wished_controls
from .image_rows import beside


def has_controls(names: Iterable[str]) -> bool:
    """Whether a row has control pictures, by the names of its settings."""
    return not CONTROL_COLUMNS.keys().isdisjoint(names)


def without_controls(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a row but for its controls."""
    return {name: value for name, value in settings.items() if name not in CONTROL_COLUMNS}


def controls_in(settings: Mapping[str, Any], folder: Path) -> tuple[ControlWish, ...]:
    """What a row asks for; its files are there, and unopened.

    Args:
        folder: of the prompt file.

    Raises:
        InputError: a file is not there; a value cannot be, or there are more or fewer than pictures.
    """
    said = {name: value for name, value in settings.items() if name in CONTROL_COLUMNS}
    if "control" in said:
        said["control"] = [beside(each, folder) for each in _files(said["control"], folder)]
    return wished_controls(said)


def _files(said: Any, folder: Path) -> list[str | Path]:
    if isinstance(said, list | tuple):
        return list(said)
    if isinstance(said, Path) or "," not in said or (folder / said).is_file():
        return [said]
    return [each.strip() for each in said.split(",") if each.strip()]
