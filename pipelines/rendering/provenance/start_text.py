"""What a request started from, as text: a picture's file carries it, so that the picture can be made again from
that file alone. Pictures and masks are in it as PNG files, in base64."""

import base64
import contextlib
import dataclasses
import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import PIL.Image

from ....engine.errors import InputError
from ....engine.values.fact import Fact, FactKind, Span
from ....engine.values.start import Start, Wording

if TYPE_CHECKING:
    import torch


def start_text(start: Start) -> str:
    """The start as JSON. What `parse_start` makes of it is equal to it."""
    redraw = start.redraw if isinstance(start.redraw, (int, float)) else start.redraw.int().tolist()
    values: dict[str, Any] = {
        "picture": None if start.picture is None else _png(PIL.Image.fromarray(start.picture.numpy())),
        "mask": None if start.mask is None else _png(PIL.Image.fromarray(start.mask.byte().numpy() * 255)),
        "strength": start.strength,
        "tokens": None if start.tokens is None else start.tokens.tolist(),
        "redraw": redraw,
        "former": start.former,
        "shows": start.shows,
        "wording": None if start.wording is None else dataclasses.asdict(start.wording),
    }
    return json.dumps(values, allow_nan=False)


def parse_start(text: str, where: str) -> Start:
    """The start that `start_text` wrote.

    Raises:
        InputError: the text is of no start; `where` it stands is named.
    """
    import torch

    damaged = (ValueError, TypeError, KeyError, AttributeError, AssertionError)
    with contextlib.suppress(*damaged, OSError, RuntimeError, RecursionError):
        values = json.loads(text)
        mask, redraw, tokens = _pixels(values["mask"], "L"), values["redraw"], values["tokens"]
        return Start(
            picture=_pixels(values["picture"], "RGB"),
            mask=None if mask is None else mask > 127,
            strength=values["strength"],
            tokens=None if tokens is None else torch.tensor(tokens, dtype=torch.long),
            redraw=torch.tensor(redraw, dtype=torch.bool) if isinstance(redraw, list) else redraw,
            former=values["former"],
            shows=_text(values.get("shows", "")),
            wording=None if values["wording"] is None else parse_wording(values["wording"]),
        )
    raise InputError(f"{where}: what it started from is damaged, or of another version of diptych")


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
    with PIL.Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=["PNG"]) as image:
        return torch.from_numpy(np.array(image.convert(mode)))


def parse_wording(values: Mapping[str, Any]) -> Wording:
    """The wording that `dataclasses.asdict` made `values` of, also before facts knew who asked for them.

    Raises:
        KeyError, TypeError, AttributeError, AssertionError: they are of no wording.
    """
    return Wording(
        prompt=_text(values["prompt"]),
        facts=tuple(_fact(each) for each in values["facts"]),
        left_out=tuple(_span(each) for each in values.get("left_out", ())),
    )


def _fact(values: Mapping[str, Any]) -> Fact:
    span, asked = values.get("span"), values.get("asked", True)
    if not isinstance(asked, bool):
        raise TypeError(f"asked is {asked!r}")
    kind, text = _text(values["kind"]), _text(values["text"])
    return Fact(kind=cast(FactKind, kind), text=text, asked=asked, span=None if span is None else _span(span))


def _span(values: Mapping[str, Any]) -> Span:
    return Span(start=_place(values["start"]), end=_place(values["end"]), text=_text(values["text"]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _place(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r} is no place in a text")
    return value
