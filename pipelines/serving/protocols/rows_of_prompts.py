"""Rows of a job that come as JSON: what a row of a prompt file says, with pictures in base64."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ....engine.errors import InputError
from ....engine.messages import shown
from ....engine.values.control import MOST
from ....engine.values.reference import check_count
from ....prompts.entry import Place, rows_of
from ....prompts.row import Row
from ....prompts.settings import (
    CONTROL_COLUMNS,
    REFERENCE_COLUMNS,
    START_COLUMNS,
    FieldError,
    column_of,
    refuse_misspelt,
    setting,
)
from ..pictures import decoded
from ..queue.jobs import TooLargeError
from ..runtime import Intake

_PICTURES = ("image", "mask_image", "sketch")
_HOW = ("strength", "variation", "edit", "margins")
_LISTS = ("reference", "control")
_APART = {*START_COLUMNS, *REFERENCE_COLUMNS, *CONTROL_COLUMNS, "region", "way"}
"""What is read here; all else is read as in a prompt file."""

_ELSEWHERE = {"n": "num_images", "model": "recipe, of the whole job", "recipe": "it of the whole job"}


def rows_of_prompts(prompts: Sequence[str | Mapping[str, Any]], keep: Intake) -> Iterator[Row]:
    """The rows of each prompt: one, or as many copies as it asks for.

    Args:
        keep: puts a picture among the server's inputs, and gives its name there.

    Raises:
        InputError: what one says is wrong, or not known.
    """
    for line, each in enumerate(prompts, 1):
        try:
            yield from _rows({"prompt": each} if isinstance(each, str) else each, keep, line)
        except (InputError, FieldError) as error:
            raise of_row(line, error) from None


def of_row(line: int, error: Exception) -> InputError:
    """What is wrong with a row, by its number."""
    kind = TooLargeError if isinstance(error, TooLargeError) else InputError
    return kind(f"row {line}: {error}")


def _rows(said: Mapping[str, Any], keep: Intake, line: int) -> Iterator[Row]:
    apart, plain = dict[str, Any](), dict[str, Any]()
    for name, value in said.items():
        if (ours := column_of(name) or name) not in _APART:
            plain[name] = value
        elif ours in apart:
            raise InputError(f"{ours}: is given twice: keep one of its names")
        elif value is not None:
            apart[ours] = value
    if "starts_from" in apart:
        raise InputError("starts_from: names a picture of another run: send it as image, in base64")
    settings: Mapping[str, Any] | None = None
    for row in rows_of(plain, Place(source="prompts", line=line)):
        if row.fault is not None:
            raise InputError(row.fault)
        if settings is None:
            _refuse_unknown(row.notes)
            settings = _of_pictures(apart, keep)
        yield dataclasses.replace(row, settings={**row.settings, **settings})


def _refuse_unknown(names: Mapping[str, Any]) -> None:
    refuse_misspelt(names)
    for name in names:
        hint = f": say {_ELSEWHERE[name]}" if name in _ELSEWHERE else ""
        raise InputError(f"{shown(name)}: no such setting{hint}")


def _of_pictures(said: Mapping[str, Any], keep: Intake) -> dict[str, Any]:
    """What is said of pictures, as settings that name those that were kept."""
    settings: dict[str, Any] = {}
    for name in _PICTURES:
        if name in said:
            settings[name] = keep(_decoded(name, said[name]), called=name)
    settings |= _of_start(said)
    if len(pictures := _listed(said.get("reference"))):
        check_count(len(pictures))
    if len(_listed(said.get("control"))) > MOST:
        raise InputError(f"{len(_listed(said['control']))} control pictures: at most {MOST} at once")
    for name in _LISTS:
        data = [_decoded(name, each, listed=True) for each in _listed(said.get(name))]
        if data:
            settings[name] = [keep(each, called=name) for each in data]
    for name in ("reference_weight", *CONTROL_COLUMNS):
        if name in said and name not in _LISTS:
            settings[name] = setting(name, said[name])
    return settings


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else () if value is None else (value,)


def _decoded(name: str, text: Any, *, listed: bool = False) -> bytes:
    if not isinstance(text, str):
        raise InputError(f"{name}: must be base64" + (", or a list of it" if listed else ""))
    return decoded(text, called=name)


def _of_start(said: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of how a picture is started from: `region` names a thing, or a box, to be painted anew; by
    `way`, the prompt is an instruction."""
    settings = {name: setting(name, said[name]) for name in _HOW if name in said}
    if "region" in said:
        if settings.keys() & {"edit", "margins", "variation"} or "mask_image" in said:
            raise InputError("region: goes with an image and a prompt, and with no mask or other way to start")
        settings["mask_image"] = setting("mask_image", said["region"], called="region")
    way = said.get("way")
    if way not in (None, "make", "edit") or (way == "edit" and not said.get("image")):
        raise InputError("way: must be 'make', or 'edit' beside an image: the prompt is then the instruction")
    return settings if way != "edit" else settings | {"way": "edit"}
