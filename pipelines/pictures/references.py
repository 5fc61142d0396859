"""Reference pictures as callers hand them over: one or several, with one weight for all or one for each."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.errors import InputError
from ...engine.messages import shown
from ...engine.values import Outcome, Reference
from ...engine.values.reference import check_count, check_weight
from .pixels import alpha_of, upright

if TYPE_CHECKING:
    import torch

KEYWORDS = ("reference", "reference_weight")
"""What calls, columns and options say of references."""
LARGEST = 1536  # pixels a side; models look at no more, and each picture that is made carries its references


def references_of(pictures: Any, weights: Any = None) -> tuple[Reference, ...]:
    """The references that these pictures are.

    Args:
        pictures: a picture of any kind (see `pixels`), an outcome or a `Reference`; or a list of them. Of a
            file, `NAME=FILE` says what it shows.
        weights: 0 to 2, for all; or a list with one for each. 1, if not given.

    Raises:
        InputError: one cannot be read or is no picture; there are more or fewer weights than pictures, or one
            is out of range.
    """
    given = _listed(pictures)
    check_count(len(given))
    each = _weights(weights, len(given))
    return tuple(_reference(picture, weight) for picture, weight in zip(given, each, strict=True))


def check_weights(weights: Any, count: int) -> None:
    """Raises InputError where these are no weights of so many references."""
    _weights(weights, count)


def _listed(pictures: Any) -> list[Any]:
    if pictures is None:
        return []
    return list(pictures) if isinstance(pictures, list | tuple) else [pictures]


def _weights(weights: Any, count: int) -> list[float | None]:
    """One for each; `None` where nothing is said."""
    if weights is None:
        return [None] * count
    if not count:
        raise InputError("reference_weight: is for reference pictures: name them (reference), or leave it out")
    if not isinstance(weights, list | tuple):
        return [check_weight(weights)] * count
    said = [check_weight(weight) for weight in weights]
    if len(said) == 1:
        return [*said] * count
    if len(said) != count:
        raise InputError(
            f"reference_weight: {len(said)} weights for {count} pictures: give one, or one for each"
        )
    return [*said]


def _reference(picture: Any, weight: float | None) -> Reference:
    if isinstance(picture, Reference):
        return (
            picture if weight is None else Reference(picture=picture.picture, weight=weight, name=picture.name)
        )
    name = ""
    if isinstance(picture, str | Path):
        name, picture = named(picture, Path())
    return Reference(picture=_pixels(picture), weight=1.0 if weight is None else weight, name=name)


def _pixels(picture: Any) -> "torch.Tensor":
    """uint8 (h, w, 3); (h, w, 4) of one that is transparent anywhere; reduced to `LARGEST`."""
    import numpy as np
    import PIL.Image
    import torch

    if isinstance(picture, Outcome):
        return picture.picture.pixels
    if isinstance(picture, Mapping | set | frozenset | list | tuple):
        raise InputError(f"reference = {shown(picture)}: give a picture, or a list of them")
    image = upright(picture)
    kept = image.convert("RGB" if alpha_of(image) is None else "RGBA")
    kept.thumbnail((LARGEST, LARGEST), PIL.Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(kept))


def named(said: str | Path, folder: Path) -> tuple[str, str | Path]:
    """What a file shows, where `NAME=FILE` says so, and the file. The name stands behind the folders, if a path
    has some: `/pictures/cat=tom.png`.

    Args:
        folder: that the path is seen from: a file whose own name has such a sign is that file.
    """
    before, sign, file = str(said).partition("=")
    if not sign or (folder / said).is_file():
        return "", said
    where, slash, name = before.rpartition("/")
    found = Path(where + slash) / file.strip()
    return name.strip(), found if isinstance(said, Path) else str(found)
