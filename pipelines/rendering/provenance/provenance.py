"""A picture's history, carried in its PNG file: all that it was made of, as JSON in the text chunk `diptych`.

Beside it stands the `parameters` chunk, which other tools read. No clock goes into a file, nor the place of its
row: the same picture made again is the same bytes.
"""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import PIL.PngImagePlugin

from ....engine.errors import InputError
from ....engine.messages import shown
from ....engine.values import Control, Outcome, Plan, Reference, Request
from ....engine.values.pixels import pixels_digest
from ....engine.values.start import Start
from ...files import png_bytes
from ...pictures.texts import texts_of
from ...recipes.environment import Environment
from ...recipes.lora_table import lora_revisions
from ..output.lines import candidate_lines, fact_line
from ..output.record import settings_line
from ..schema import SchemaError, fit, parse_json
from .control_text import control_summary, controls_text, parse_controls
from .history import FORMAT, History, OriginText, PlanFact, SpanText, format_of
from .identity import identity
from .infotext import infotext
from .reference_text import parse_references, reference_summary, references_text
from .start_text import parse_start, parse_wording, start_summary, start_text

if TYPE_CHECKING:
    import torch

CHUNK = "diptych"
START_CHUNK = "diptych-start"
REFERENCES_CHUNK = "diptych-references"
CONTROLS_CHUNK = "diptych-controls"
FORMATS = ("PNG", "JPEG", "WEBP")  # of pictures that are ever opened
MOST_FACTS = 256  # of a plan that is taken over from a file


class MadeOf(NamedTuple):
    """What a picture was made of beside its prompt: what it started from, took after and followed."""

    start: Start | None = None
    references: tuple[Reference, ...] = ()
    controls: tuple[Control, ...] = ()


def history_of(
    outcome: Outcome, environment: Environment, *, template: str | None = None, told: Environment | None = None
) -> History:
    """All that a picture was made of and by; plain values.

    Args:
        template: the prompt as it was written, if it was filled in (wildcards, say).
        told: the environment as others may know it, without folders of this machine, say.
    """
    request, draft, verdict = outcome.request, outcome.draft, outcome.best.verdict
    history: History = {
        "format": format_of(request.start),
        "id": identity(request, environment),
        "request": {
            "prompt": request.prompt,
            "template": template,
            "seed": request.seed,
            "settings": settings_line(request),
        },
        "candidate": outcome.best.index,
        "plan": {
            "prompt": outcome.plan.prompt,
            "facts": [cast(PlanFact, dataclasses.asdict(fact)) for fact in outcome.plan.facts],
            "left_out": [cast(SpanText, dataclasses.asdict(span)) for span in outcome.plan.left_out],
        },
        "draft": None
        if draft is None
        else {
            "tokens": draft.token_hash,
            "grid": list(draft.grid),
            "codebook": dataclasses.asdict(draft.codebook),
        },
        "verdict": None
        if verdict is None
        else {
            "caption": verdict.caption,
            "score": round(verdict.score, 6),
            "accepted": outcome.accepted,
            "facts": [fact_line(answer) for answer in verdict.answers],
        },
        "candidates": list(candidate_lines(outcome)),
        "origin": cast(OriginText, dataclasses.asdict(told or environment)),
    }
    if outcome.plan.read_as:
        history["plan"]["read_as"] = dict(outcome.plan.read_as)
    if retrieved := outcome.plan.request.references[len(request.references) :]:
        history["plan"]["retrieved"] = [reference_summary(each) for each in retrieved]
    if outcome.plan.by:
        history["plan"]["by"] = outcome.plan.by
    if verdict is not None and verdict.by and history["verdict"] is not None:
        history["verdict"]["by"] = verdict.by
    if weights := lora_revisions(environment.table, request.settings.loras):
        history["request"]["lora_weights"] = weights
    if request.start is not None:
        history["request"]["start"] = start_summary(request.start)
    if request.references:
        history["request"]["references"] = [reference_summary(each) for each in request.references]
    if request.controls:
        history["request"]["controls"] = [control_summary(each) for each in request.controls]
    return history


def plan_of(history: History, request: Request) -> Plan:
    """The plan that a picture was made by, as its history has it, for a request of its own prompt.

    Raises:
        InputError: it is damaged.
    """
    try:
        wording = parse_wording(history["plan"])
    except SchemaError as error:
        raise InputError(f"the plan in its history is damaged, or of another version: {error}") from None
    spans = (*(fact.span for fact in wording.facts if fact.span is not None), *wording.left_out)
    if not all(span.stands_in(request.prompt) for span in spans if span.has_place):
        raise InputError("the plan in its history is damaged: it names words that its prompt does not have")
    return Plan(
        request=request,
        prompt=wording.prompt,
        facts=wording.facts,
        left_out=wording.left_out,
        read_as=history["plan"].get("read_as", {}),
    )


def picture_bytes(
    outcome: Outcome,
    environment: Environment,
    *,
    template: str | None = None,
    told: Environment | None = None,
    pixels: bool = True,
) -> bytes:
    """The picture as a PNG file that carries its history; other arguments as `history_of`.

    Args:
        pixels: whether the history names the pixels, as files of earlier versions do not.
    """
    history = history_of(outcome, environment, template=template, told=told)
    if pixels:
        history["pixels"] = pixels_digest(outcome.picture.pixels)
    chunks = PIL.PngImagePlugin.PngInfo()
    chunks.add_text("parameters", infotext(outcome.request, environment))
    chunks.add_text(CHUNK, json.dumps(history, allow_nan=False))
    if outcome.request.start is not None:
        chunks.add_text(START_CHUNK, start_text(outcome.request.start))
    if outcome.request.references:
        chunks.add_text(REFERENCES_CHUNK, references_text(outcome.request.references))
    if outcome.request.controls:
        chunks.add_text(CONTROLS_CHUNK, controls_text(outcome.request.controls))
    return png_bytes(outcome.image, chunks)


def read_history(path: Path) -> History:
    """The history in a PNG file, as `history_of` made it.

    Raises:
        InputError: it cannot be read, is no picture, or carries no history that is understood.
    """
    chunks = texts_of(path)
    if CHUNK not in chunks:
        raise InputError(f"{path}: carries no history: only PNG files made by diptych do, and copies of them")
    try:
        history = parse_json(chunks[CHUNK])
        found = history.get("format") if isinstance(history, dict) else None
        if isinstance(found, int) and found > FORMAT:
            later = f"is of format {shown(found)}, and {FORMAT} is the latest known here"
            raise InputError(f"{path}: its history {later}: update diptych")
        fit(history, History)
    except SchemaError as error:
        raise InputError(f"{path}: its history is damaged, or of another version of diptych: {error}") from None
    return cast(History, history)  # as it was read, with all that it says beside


def known_history(path: Path, pixels: "torch.Tensor") -> History | None:
    """The history in a file, where it is still that of its picture, uint8 (h, w, 3), and says in plain words
    what that shows; else `None`: who knows what another tool has done to it."""
    try:
        history = read_history(path)
        if history.get("pixels") != pixels_digest(pixels) or len(history["plan"]["facts"]) > MOST_FACTS:
            return None
        request = history["request"]
        plan = plan_of(history, Request(prompt=request["prompt"]))
        for text in (plan.prompt, *(fact.text for fact in plan.facts)):
            Request(prompt=text)  # raises for one that is empty, too long, or no text
    except (InputError, SchemaError):
        return None
    is_instruction = bool(request.get("references")) and bool(request.get("start", {}).get("plan"))
    return None if is_instruction else history


def read_made_of(path: Path) -> MadeOf:
    """What a picture of this engine was made of beside its prompt.

    Raises:
        InputError: it cannot be read, or was made of its prompt alone.
    """
    made = made_of(path)
    if made == MadeOf():
        raise InputError(f"{path}: does not say what it started from: only pictures do that started from one")
    return made


def made_of(path: Path) -> MadeOf:
    """As `read_made_of`, of any picture: it may hold nothing."""
    texts = texts_of(path)
    start, references = texts.get(START_CHUNK), texts.get(REFERENCES_CHUNK)
    controls = texts.get(CONTROLS_CHUNK)
    return MadeOf(
        start=None if start is None else parse_start(start, str(path)),
        references=() if references is None else parse_references(references, str(path)),
        controls=() if controls is None else parse_controls(controls, str(path)),
    )


def picture_id(path: Path) -> str | None:
    """The id of the row whose picture a file is; `None` if there is no such file, or it is none of ours."""
    try:
        return read_history(path)["id"]
    except InputError:
        return None
