"""What a request started from, as text: a picture's file carries it, so that the picture can be made again from
that file alone. Pictures and masks are in it as PNG files, in base64."""

import base64
import dataclasses
import io
import json
from typing import TYPE_CHECKING, Any, cast

import PIL.Image

from ....engine.errors import InputError
from ....engine.messages import first_line, shown
from ....engine.values.fact import Fact, FactKind, Span
from ....engine.values.request import MAX_SIDE
from ....engine.values.start import Start, Wording
from ...pictures.opening import opened
from ..schema import SchemaError, fit, parse_json
from .history import PlanFact, PlanText, StartText

if TYPE_CHECKING:
    import torch


def start_text(start: Start) -> str:
    """The start as JSON. What `parse_start` makes of it is equal to it."""
    redraw = start.redraw if isinstance(start.redraw, (int, float)) else start.redraw.int().tolist()
    values: StartText = {
        "picture": None if start.picture is None else _png(PIL.Image.fromarray(start.picture.numpy())),
        "mask": None if start.mask is None else _png(PIL.Image.fromarray(start.mask.byte().numpy() * 255)),
        "strength": start.strength,
        "tokens": None if start.tokens is None else start.tokens.tolist(),
        "redraw": redraw,
        "former": start.former,
        "shows": start.shows,
        "wording": None if start.wording is None else cast(PlanText, dataclasses.asdict(start.wording)),
    }
    if start.blend:
        values["blend"] = True
    if start.lean:
        values["lean"] = start.lean
    return json.dumps(values, allow_nan=False)


def parse_start(text: str, where: str) -> Start:
    """The start that `start_text` wrote.

    Raises:
        InputError: the text is of no start; `where` it stands is named.
    """
    try:
        return _start(fit(parse_json(text), StartText))
    except Exception as error:  # whatever a picture library, or torch, makes of damaged text
        damaged = "what it started from is damaged, or of another version of diptych"
        raise InputError(f"{where}: {damaged}: {first_line(error)}") from None


def _start(values: StartText) -> Start:
    import torch

    mask, redraw, tokens = _pixels(values["mask"], "L"), values["redraw"], values["tokens"]
    return Start(
        picture=_pixels(values["picture"], "RGB"),
        mask=None if mask is None else mask > 127,
        strength=values["strength"],
        tokens=None if tokens is None else torch.tensor(tokens, dtype=torch.long),
        redraw=torch.tensor(redraw, dtype=torch.bool) if isinstance(redraw, list) else redraw,
        former=values["former"],
        shows=values.get("shows", ""),
        blend=values.get("blend", False),
        lean=values.get("lean", 0.0),
        wording=None if values["wording"] is None else parse_wording(values["wording"]),
    )


def start_summary(start: Start) -> dict[str, Any]:
    """What there is to say of a start, for a reader; `id` names all of it."""
    return {
        "id": start.digest,
        "picture": start.picture is not None,
        "strength": start.strength,
        "may_change": 1.0 if start.mask is None else round(float(start.mask.float().mean()), 4),
        "tokens": start.tokens is not None,
        "plan": start.wording.prompt if start.wording else None,
    }


def _png(image: PIL.Image.Image) -> str:
    data = io.BytesIO()
    image.save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


def _pixels(text: str | None, mode: str) -> "torch.Tensor | None":
    import numpy as np
    import torch

    if text is None:
        return None
    with opened(base64.b64decode(text, validate=True), name="its picture") as image:
        if max(image.size) > MAX_SIDE:
            raise SchemaError(f"a picture of {image.width} x {image.height} pixels: at most {MAX_SIDE} a side")
        return torch.from_numpy(np.array(image.convert(mode)))


def parse_wording(values: PlanText) -> Wording:
    """The wording that `dataclasses.asdict` made `values` of, also before facts knew who asked for them.

    Raises:
        SchemaError: they are of no wording.
    """
    read = fit(values, PlanText)
    return Wording(
        prompt=read["prompt"],
        facts=tuple(_fact(each) for each in read["facts"]),
        left_out=tuple(Span(**each) for each in read.get("left_out", ())),
    )


def _fact(values: PlanFact) -> Fact:
    span, asked = values.get("span"), values.get("asked", True)
    if span is not None and not asked:
        raise SchemaError(f"the fact {shown(values['text'])} was added, and yet has words of the prompt")
    kind = cast(FactKind, values["kind"])
    return Fact(kind=kind, text=values["text"], asked=asked, span=None if span is None else Span(**span))
