"""The control pictures of a request as text: a picture's file carries them, so that it can be made again from
that file alone."""

import base64
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import PIL.Image

from ....engine.errors import InputError
from ....engine.messages import first_line
from ....engine.values import Control
from ....engine.values.request import MAX_SIDE
from ...pictures.opening import opened
from ..schema import SchemaError, fit, parse_json
from .history import ControlText

if TYPE_CHECKING:
    import torch


def controls_text(controls: Sequence[Control]) -> str:
    """The controls as JSON. What `parse_controls` makes of it is equal to them."""
    return json.dumps([_said(each) for each in controls], allow_nan=False)


def parse_controls(text: str, where: str) -> tuple[Control, ...]:
    """The controls that `controls_text` wrote.

    Raises:
        InputError: the text is of none; `where` it stands is named.
    """
    try:
        return tuple(_control(each) for each in fit(parse_json(text), list[ControlText]))
    except Exception as error:  # whatever a picture library, or torch, makes of damaged text
        damaged = "what it followed is damaged, or of another version of diptych"
        raise InputError(f"{where}: {damaged}: {first_line(error)}") from None


def control_summary(control: Control) -> dict[str, Any]:
    """What there is to say of a control, for a reader; `picture` names its pixels by their SHA-256."""
    said = {"type": control.kind, "picture": control.picture_hash, "weight": control.weight}
    said |= {"start": control.start, "stop": control.stop}
    return said | ({} if control.ready is None else {"ready": control.ready})


def _said(control: Control) -> ControlText:
    data = io.BytesIO()
    PIL.Image.fromarray(control.picture.numpy()).save(data, "PNG")
    return {
        "type": control.kind,
        "picture": base64.b64encode(data.getvalue()).decode(),
        "weight": control.weight,
        "start": control.start,
        "stop": control.stop,
        "ready": control.ready,
    }


def _control(said: ControlText) -> Control:
    return Control(
        kind=said["type"],
        picture=_pixels(said["picture"]),
        weight=said["weight"],
        start=said["start"],
        stop=said["stop"],
        ready=said["ready"],
    )


def _pixels(text: str) -> "torch.Tensor":
    import numpy as np
    import torch

    with opened(base64.b64decode(text, validate=True), name="its picture") as image:
        if max(image.size) > MAX_SIDE:
            raise SchemaError(f"a picture of {image.width} x {image.height} pixels: at most {MAX_SIDE} a side")
        return torch.from_numpy(np.array(image.convert("RGB")))
