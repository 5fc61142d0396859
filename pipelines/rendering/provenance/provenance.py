"""A picture's history, carried in its PNG file: all that it was made of, as JSON in the text chunk `diptych`.

Beside it stands the `parameters` chunk, which other tools read. No clock goes into a file, nor the place of its
row: the same picture made again is the same bytes.
"""

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.PngImagePlugin

from ....engine.errors import InputError
from ....engine.values import Outcome, Plan, Request
from ....engine.values.start import Start
from ...files import png_bytes
from ..output.record import candidate_lines, fact_line, settings_line
from .environment import Environment
from .identity import identity
from .infotext import infotext
from .start_text import parse_start, parse_wording, start_summary, start_text

CHUNK = "diptych"
START_CHUNK = "diptych-start"
FORMAT = 2  # 1 did not tell what was asked from what was added; it is read, too


def history_of(outcome: Outcome, environment: Environment, *, template: str | None = None) -> dict[str, Any]:
    """All that a picture was made of and by; plain values.

    Args:
        template: the prompt as it was written, if it was filled in (wildcards, say).
    """
    request, draft, verdict = outcome.request, outcome.draft, outcome.verdict
    return {
        "format": FORMAT,
        "id": identity(request, environment),
        "request": {
            "prompt": request.prompt,
            "template": template,
            "seed": request.seed,
            "settings": settings_line(request),
            **({"start": start_summary(request.start)} if request.start else {}),
        },
        "candidate": outcome.best.index,
        "plan": {
            "prompt": outcome.plan.prompt,
            "facts": [dataclasses.asdict(fact) for fact in outcome.plan.facts],
            "left_out": [dataclasses.asdict(span) for span in outcome.plan.left_out],
        },
        "draft": None
        if draft is None
        else {
            "tokens": draft.token_hash,
            "grid": list(draft.grid),
            "codebook": dataclasses.asdict(draft.codebook),
        },
        "verdict": {
            "caption": verdict.caption,
            "score": round(verdict.score, 6),
            "accepted": outcome.accepted,
            "facts": [fact_line(answer) for answer in verdict.answers],
        },
        "candidates": list(candidate_lines(outcome)),
        "origin": dataclasses.asdict(environment),
    }


def plan_of(history: dict[str, Any], request: Request) -> Plan:
    """The plan that a picture was made by, as its history has it, for a request of its own prompt.

    Raises:
        InputError: it is damaged.
    """
    with contextlib.suppress(KeyError, TypeError, AttributeError, AssertionError):
        wording = parse_wording(history["plan"])
        return Plan(request=request, prompt=wording.prompt, facts=wording.facts, left_out=wording.left_out)
    raise InputError("the plan in its history is damaged, or of another version of diptych")


def picture_bytes(outcome: Outcome, environment: Environment, *, template: str | None = None) -> bytes:
    """The picture as a PNG file that carries its history."""
    history = history_of(outcome, environment, template=template)
    chunks = PIL.PngImagePlugin.PngInfo()
    chunks.add_text("parameters", infotext(outcome.request, environment))
    chunks.add_text(CHUNK, json.dumps(history, allow_nan=False))
    if outcome.request.start is not None:
        chunks.add_text(START_CHUNK, start_text(outcome.request.start))
    return png_bytes(outcome.image, chunks)


def read_chunks(path: Path) -> dict[str, str]:
    """The text chunks of a PNG file; of a picture of another kind, none. Decodes no pixels.

    Raises:
        InputError: it cannot be read, or is no picture.
    """
    try:
        with PIL.Image.open(path) as image:
            return {str(key): value for key, value in image.info.items() if isinstance(value, str)}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: check the path") from None
    except PIL.UnidentifiedImageError:
        raise InputError(f"{path}: is no picture: name a PNG file made by diptych") from None
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise InputError(f"{path}: cannot be read ({error}): name a sound PNG file made by diptych") from None


def read_history(path: Path) -> dict[str, Any]:
    """The history in a PNG file, as `history_of` made it.

    Raises:
        InputError: it cannot be read, is no picture, or carries no history that is understood.
    """
    chunks = read_chunks(path)
    if CHUNK not in chunks:
        raise InputError(f"{path}: carries no history: only PNG files made by diptych do, and copies of them")
    with contextlib.suppress(ValueError, RecursionError):
        history = json.loads(chunks[CHUNK])
        if _fits(history, _SHAPE):
            return history
    raise InputError(f"{path}: its history is damaged, or of another version of diptych")


def read_start(path: Path) -> Start:
    """What a picture of this engine was started from.

    Raises:
        InputError: it cannot be read, or was made of its prompt alone.
    """
    text = read_chunks(path).get(START_CHUNK)
    if text is None:
        raise InputError(f"{path}: does not say what it started from: only pictures do that started from one")
    return parse_start(text, str(path))


def starts_from(path: Path) -> Start | None:
    """What a picture was started from; `None` where it was made of its prompt alone. Errors as `read_start`."""
    return read_start(path) if START_CHUNK in read_chunks(path) else None


def picture_id(path: Path) -> str | None:
    """The id of the row whose picture a file is; `None` if there is no such file, or it is none of ours."""
    try:
        return read_history(path)["id"]
    except InputError:
        return None


_SHAPE: dict[str, Any] = {
    "format": int,
    "id": str,
    "request": {"prompt": str, "seed": int, "settings": dict},
    "candidate": int,
    "plan": {"prompt": str, "facts": list},
    "draft": (dict, type(None)),
    "verdict": {"caption": str, "score": (int, float), "accepted": bool, "facts": list},
    "candidates": list,
    "origin": {
        "recipe": str,
        "table": dict,
        "revisions": dict,
        "deterministic": bool,
        "micro_batch": int,
        "memory_bytes": (int, type(None)),
        "device": str,
        "versions": dict,
    },
}


def _fits(value: Any, shape: Any) -> bool:
    """Whether a value that was read has all that the shape names, each of its kind."""
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(
            name in value and _fits(value[name], each) for name, each in shape.items()
        )
    return isinstance(value, shape)
