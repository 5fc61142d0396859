"""The pictures that a request was to take after, as text: a picture's file carries them, so that it can be made
again from that file alone."""

import base64
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import PIL.Image

from ....engine.errors import InputError
from ....engine.messages import first_line
from ....engine.values import Reference
from ....engine.values.reference import check_count
from ...pictures.opening import opened
from ..schema import fit, parse_json
from .history import ReferenceText

if TYPE_CHECKING:
    import torch


def references_text(references: Sequence[Reference]) -> str:
    """The references as JSON. What `parse_references` makes of it is equal to them."""
    return json.dumps([_said(each) for each in references], allow_nan=False)


def parse_references(text: str, where: str) -> tuple[Reference, ...]:
    """The references that `references_text` wrote.

    Raises:
        InputError: the text is of none; `where` it stands is named.
    """
    try:
        values = fit(parse_json(text), list[ReferenceText])
        check_count(len(values))
        return tuple(_reference(each) for each in values)
    except Exception as error:  # whatever a picture library, or torch, makes of damaged text
        damaged = "what it took after is damaged, or of another version of diptych"
        raise InputError(f"{where}: {damaged}: {first_line(error)}") from None


def reference_summary(reference: Reference) -> dict[str, Any]:
    """What there is to say of a reference, for a reader; `picture` names its pixels."""
    height, width = reference.picture.shape[:2]
    return {**reference.identity, "width": width, "height": height}


def _said(reference: Reference) -> ReferenceText:
    data = io.BytesIO()
    PIL.Image.fromarray(reference.picture.numpy()).save(data, "PNG")
    return {
        "picture": base64.b64encode(data.getvalue()).decode(),
        "weight": reference.weight,
        "name": reference.name,
    }


def _reference(said: ReferenceText) -> Reference:
    return Reference(picture=_pixels(said["picture"]), weight=said["weight"], name=said["name"])


def _pixels(text: str) -> "torch.Tensor":
    import numpy as np
    import torch

    with opened(base64.b64decode(text, validate=True), name="its picture") as image:
        return torch.from_numpy(np.array(image.convert("RGBA" if image.mode == "RGBA" else "RGB")))
