"""Rows with an image input: which of their fields ask for which pipeline.

    image                     image to image; `strength` says how much of it may go
    image, mask_image         inpainting: the mask is a file, a box as in 10,20,90,120, or a thing's name
    image, margins            outpainting: one number, or left,top,right,bottom
    image, variation          a variation of it
    image, edit               an instruction, the prompt saying what the picture shows
    sketch                    a drawing as the draft
    starts_from               what that picture, which this engine made, started from and took after

Files that a row names are looked for beside the prompt file and below, nowhere else.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ....engine.errors import DiptychError, InputError
from ....engine.guards.links import lies_in
from ....engine.values import Request
from ....engine.values.start import check_share
from ....prompts.settings import START_COLUMNS
from ...files import PICTURE_ENDINGS, why_no_file
from ...text_to_image import TextToImage
from ..provenance.provenance import read_made_of

FIELDS = tuple(START_COLUMNS)
_WAYS: tuple[tuple[str, ...], ...] = (
    ("image", "strength"),
    ("image", "mask_image", "strength"),
    ("image", "margins"),
    ("image", "variation"),
    ("image", "edit"),
    ("sketch", "strength"),
    ("starts_from",),
)


def has_image_input(names: Iterable[str]) -> bool:
    """Whether a row has an image input, by the names of its settings."""
    return not START_COLUMNS.keys().isdisjoint(names)


def with_wishes(wishes: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a command under those of a row, which come first. What the command wishes of a picture
    to start from is left out where the row starts from none, or from something that it does not go with."""
    fields = {name for name in own if name in FIELDS}
    start = {name for name in wishes if name in FIELDS}
    if fields:
        for name in sorted(start - fields, key=FIELDS.index):
            if _goes(fields | {name}):
                fields.add(name)
    elif any(way[0] in start for way in _WAYS):
        fields = start
    return {name: value for name, value in wishes.items() if name not in FIELDS or name in fields} | dict(own)


def _goes(fields: set[str]) -> bool:
    return any(way[0] in fields and fields <= set(way) for way in _WAYS)


def check_fields(settings: Mapping[str, Any], folder: Path) -> None:
    """Raises InputError where the fields of a row do not go together, name a file that is not there, or a share
    that is none."""
    fields = [name for name in FIELDS if name in settings]
    if not _goes(set(fields)):
        typed = any(isinstance(settings[name], Path) for name in fields)  # on the command line
        called = {name: _option(name) if typed else name for name in FIELDS}
        ways = "; ".join(", ".join(called[name] for name in way) for way in _WAYS)
        fault = "do not go together" if len(fields) > 1 else "cannot stand alone"
        said = ", ".join(called[name] for name in fields)
        raise InputError(f"{said} {fault}: a {'picture' if typed else 'row'} may have {ways}")
    for name in ("image", "sketch", "starts_from"):
        if name in settings:
            beside(settings[name], folder)
    for name in ("strength", "variation"):
        if name in settings:
            check_share(name, settings[name])


def _option(name: str) -> str:
    return f"--{(*START_COLUMNS[name].short, name)[0].replace('_', '-')}"


def image_request(
    pipe: TextToImage, prompt: str, settings: Mapping[str, Any], folder: Path, *, seed: int, row: int
) -> Request:
    """The request of a row with an image input.

    Args:
        settings: of the row, with its image input among them.
        folder: of the prompt file.

    Raises:
        InputError: fields do not go together; a file is not there, or no picture; a thing is not in it.
    """
    check_fields(settings, folder)
    fields = {name: settings[name] for name in FIELDS if name in settings}
    wishes: dict[str, Any] = {name: value for name, value in settings.items() if name not in FIELDS}
    wishes |= {"seed": seed, "row": row}
    try:
        request = _request(pipe, prompt, fields, folder, wishes)
    except InputError:
        raise
    except DiptychError as error:  # of a stage that looked at the picture
        raise InputError(str(error)) from None
    return dataclasses.replace(request, prompt=prompt)


def beside(name: str | Path, folder: Path) -> Path:
    """The file of this name in a prompt file's folder, or below; in the Hub's cache, where a snapshot's files
    are links, also one that lies where the cache keeps them. A `Path` is the command's own, and lies wherever
    the user says.

    Raises:
        InputError: it is not there, or lies elsewhere.
    """
    if isinstance(name, Path):
        return name
    path = folder / name
    try:
        broken = path.is_symlink() and not path.exists()
        inside = not Path(name).is_absolute() and (broken or lies_in(path, folder))
        found = inside and path.is_file()
    except (OSError, ValueError, RuntimeError):
        inside, found = True, False
    if not inside:
        raise InputError(f"{name!r} lies outside of the prompt file's folder: put it beside the prompt file")
    if not found:
        raise InputError(f"{path}: {why_no_file(path)}: paths are relative to the prompt file")
    return path


def _request(
    pipe: TextToImage, prompt: str, fields: Mapping[str, Any], folder: Path, wishes: dict[str, Any]
) -> Request:
    from ...editing.edit import Edit
    from ...editing.image_to_image import ImageToImage
    from ...editing.inpaint import Inpaint
    from ...editing.outpaint import Outpaint
    from ...editing.sketch import Sketch
    from ...editing.variations import Variations

    if "starts_from" in fields:
        made = read_made_of(beside(fields["starts_from"], folder))
        wishes.setdefault("references", made.references)
        wishes.setdefault("controls", made.controls)
        return pipe.request(prompt, start=made.start, **wishes)
    more = {name: fields[name] for name in ("strength", "variation") if name in fields}
    if "sketch" in fields:
        return Sketch.from_pipe(pipe).request(prompt, image=beside(fields["sketch"], folder), **more, **wishes)
    image = beside(fields["image"], folder)
    if "edit" in fields:
        return Edit.from_pipe(pipe).request(fields["edit"], image=image, shows=prompt, **wishes)
    if "margins" in fields:
        margins = _numbers("margins", fields["margins"])
        return Outpaint.from_pipe(pipe).request(prompt, image=image, margins=margins, **wishes)
    if "variation" in fields:
        return Variations.from_pipe(pipe).request(prompt, image=image, **more, **wishes)
    if "mask_image" not in fields:
        return ImageToImage.from_pipe(pipe).request(prompt, image=image, **more, **wishes)
    mask: Any = fields["mask_image"]
    if isinstance(mask, Path) or mask.lower().endswith(PICTURE_ENDINGS):
        mask = beside(mask, folder)
    elif "," in mask:
        mask = _numbers("mask_image", mask)
    return Inpaint.from_pipe(pipe).request(prompt, image=image, mask_image=mask, **more, **wishes)


def _numbers(name: str, text: str) -> Any:
    """One whole number, or four of them."""
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 4):
        raise InputError(f"{name} = {text!r}: write left,top,right,bottom in pixels")
    return numbers if len(numbers) == 4 else numbers * 4
