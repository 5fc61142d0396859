"""Control pictures as callers hand them over: one or several, each of a kind that the recipe knows."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...engine.errors import InputError
from ...engine.messages import did_you_mean, shown
from ...engine.values import Control, Outcome
from ...engine.values.control import MOST, check_weight
from ...engine.values.start import check_share
from .pixels import rgb_of

if TYPE_CHECKING:
    import torch

    from ...engine.models.diffusion.control.key import ControlKey

KEYWORDS = ("control", "control_type", "control_weight", "control_start", "control_stop", "control_ready")
"""What calls, columns and options say of controls."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ControlWish:
    """A control as somebody asked for it, before its picture is opened.

    Args:
        picture: of any kind (see `pixels`), or an outcome.
        kind: of the recipe's controls; empty for the only one.
        weight: `None` for the recipe's.
        start, stop, ready: see `values.Control`.
    """

    picture: Any
    kind: str = ""
    weight: float | None = None
    start: float = 0.0
    stop: float = 1.0
    ready: bool | None = None


def wished_controls(said: Mapping[str, Any]) -> "tuple[ControlWish, ...]":
    """What is asked for by `KEYWORDS`: one control, or lists of several; the rest of the names is passed over.

    Raises:
        InputError: lists of different lengths, or a value that cannot be.
    """
    given = {name: said[name] for name in KEYWORDS if said.get(name) is not None}
    if not given:
        return ()
    if "control" not in given:
        raise InputError(f"{next(iter(given))}: is for a control picture: name it (control), or leave it out")
    pictures = _listed(given["control"])
    if len(pictures) > MOST:
        raise InputError(f"{len(pictures)} control pictures: at most {MOST} at once")
    kinds = given.get("control_type", "")
    given["control_type"] = [each.strip() for each in kinds.split(",")] if isinstance(kinds, str) else kinds
    each = {name: _for_each(name, given.get(name), len(pictures)) for name in KEYWORDS[1:]}
    return tuple(
        _wish(picture, {name: values[i] for name, values in each.items()}) for i, picture in enumerate(pictures)
    )


def controls_for(
    wished: "Sequence[ControlWish | Control]",
    offered: "Sequence[ControlKey]",
    *,
    recipe: str,
    height: int,
    width: int,
) -> tuple[Control, ...]:
    """The controls that were asked for, their pictures fitted to what is painted.

    Args:
        offered: by the recipe.
        recipe: its name.

    Raises:
        InputError: the recipe has none of that name; a picture cannot be read.
    """
    found: list[Control] = []
    for each in wished:
        if isinstance(each, Control):
            found.append(each)
            continue
        key = _key_of(each, offered, recipe)
        found.append(
            Control(
                kind=key.name,
                picture=_pixels(each.picture, height, width),
                weight=key.weight if each.weight is None else each.weight,
                start=each.start,
                stop=each.stop,
                ready=each.ready,
            )
        )
    return tuple(found)


def _key_of(wish: ControlWish, offered: "Sequence[ControlKey]", recipe: str) -> "ControlKey":
    names = [key.name for key in offered]
    if not names:
        raise InputError(
            f"recipe {recipe} follows no control pictures: leave control out, or add"
            f" [stages.paint.controls.{wish.kind or 'edges'}] to the recipe"
        )
    if not wish.kind and len(names) > 1:
        raise InputError(f"control_type is missing: recipe {recipe} has {', '.join(names)}: say which")
    kind = wish.kind or names[0]
    if kind not in names:
        hint = did_you_mean(kind, names)
        raise InputError(f"control_type {shown(kind)}: recipe {recipe} has {', '.join(names)}{hint}")
    return offered[names.index(kind)]


def _wish(picture: Any, said: Mapping[str, Any]) -> ControlWish:
    kind, ready = said["control_type"], said["control_ready"]
    if kind is not None and not isinstance(kind, str):
        raise InputError(f"control_type = {shown(kind)}: must be a name, such as edges")
    if ready is not None and not isinstance(ready, bool):
        raise InputError(f"control_ready = {shown(ready)}: must be true or false")
    weight, start, stop = (said[name] for name in ("control_weight", "control_start", "control_stop"))
    return ControlWish(
        picture=picture,
        kind=kind or "",
        weight=None if weight is None else check_weight(weight),
        start=0.0 if start is None else check_share("control_start", start),
        stop=1.0 if stop is None else check_share("control_stop", stop),
        ready=ready,
    )


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _for_each(name: str, value: Any, count: int) -> list[Any]:
    """The value for each picture: of one that is said once the same."""
    said = _listed(value)
    if len(said) == 1:
        return said * count
    if len(said) != count:
        raise InputError(f"{name}: {len(said)} for {count} control pictures: give one, or one for each")
    return said


def _pixels(picture: Any, height: int, width: int) -> "torch.Tensor":
    """uint8 (height, width, 3): cut at its longer sides where it is of another shape."""
    import numpy as np
    import PIL.Image
    import PIL.ImageOps
    import torch

    if isinstance(picture, Mapping | set | frozenset):
        raise InputError(f"control = {shown(picture)}: give a picture, or a list of them")
    image = picture.image if isinstance(picture, Outcome) else rgb_of(picture)
    if image.size != (width, height):
        image = PIL.ImageOps.fit(image, (width, height), PIL.Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(image))
