"""What `results.jsonl` says of one row: the contract that other tools read."""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, Literal

from ...engine.values import Candidate, FactAnswer, Failure, Outcome, Request
from .output import picture_name, preview_name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """One row of a batch, done or failed. The fields, in this order, are the keys of its line.

    Args:
        row: from 1.
        prompt: as it was carried out.
        resolved_prompt: what the planner made of the prompt.
        picture: file name in the output folder.
        score: probability in [0, 1] that the picture shows what was asked.
        facts: of the plan: kind, text, probability, shown.
        candidates: all that were made, in order: index, chosen, resolved_prompt, tokens (a hash),
            preview_score, caption, score, reason.
        timings: seconds by stage.
        error: why the row failed.
        settings: what the row was carried out with, beside prompt and seed; a row of a prompt file may set it.
        source, line: where the row stands, as it was named.
        template: the prompt as written there, if it was filled in (wildcards, say).
        notes: what else the row said there.
        id: names all that the row's picture depends on (see `identity`); `None` for what was no request at all.
    """

    row: int
    prompt: str
    resolved_prompt: str | None = None
    seed: int
    status: Literal["done", "failed"]
    picture: str | None = None
    caption: str | None = None
    score: float | None = None
    accepted: bool = False
    facts: tuple[dict[str, Any], ...] = ()
    candidates: tuple[dict[str, Any], ...] = ()
    timings: dict[str, float] = dataclasses.field(default_factory=dict)
    error: str | None = None
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    source: str | None = None
    line: int | None = None
    template: str | None = None
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)
    id: str | None = None

    @property
    def preview(self) -> str | None:
        """File name of the chosen draft's preview in the output folder."""
        drafted = any(candidate["chosen"] and candidate["tokens"] for candidate in self.candidates)
        return preview_name(self.row) if drafted else None

    def to_json(self) -> str:
        """One JSON object, without a line end."""
        return json.dumps(dataclasses.asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Record":
        """The record that a line holds.

        Raises:
            ValueError: it holds none, or one that says what cannot be.
        """
        try:
            values = json.loads(text)
            record = cls(
                **{**values, "facts": tuple(values["facts"]), "candidates": tuple(values["candidates"])}
            )
            _check(record)
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"no line of results: {error}") from None
        return record


def done(outcome: Outcome, **place: Any) -> Record:
    """The record of a row that has its picture; `place` is where the row stands and its id."""
    request, verdict = outcome.request, outcome.verdict
    return Record(
        row=request.row,
        prompt=request.prompt,
        resolved_prompt=outcome.plan.prompt,
        seed=request.seed,
        status="done",
        picture=picture_name(request.row, request.prompt),
        caption=verdict.caption,
        score=round(verdict.score, 6),
        accepted=outcome.accepted,
        facts=tuple(fact_line(answer) for answer in verdict.answers),
        candidates=candidate_lines(outcome),
        timings={stage: round(seconds, 4) for stage, seconds in outcome.timings.items()},
        settings=settings_line(request) | _start_line(request),
        **place,
    )


def failed(failure: Failure, **place: Any) -> Record:
    """The record of a row that a stage could not carry out."""
    request = failure.request
    return refused(
        request.row,
        request.prompt,
        request.seed,
        f"{failure.stage}: {failure.reason}",
        settings=settings_line(request) | _start_line(request),
        **place,
    )


def refused(row: int, prompt: str, seed: int, error: str, **place: Any) -> Record:
    """The record of a row that failed, or was no request at all; `error` is put on one line."""
    prompt = prompt.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be written
    return Record(row=row, prompt=prompt, seed=seed, status="failed", error=" ".join(error.split()), **place)


def settings_line(request: Request) -> dict[str, Any]:
    """What a request asks for beside prompt and seed, as a row of a prompt file would say it."""
    frame: dict[str, Any] = {"height": request.height, "width": request.width}
    if request.negative_prompt:
        frame["negative_prompt"] = request.negative_prompt
    settings = dataclasses.asdict(request.settings)
    return frame | {name: value for name, value in settings.items() if _sayable(value)}


def _start_line(request: Request) -> dict[str, Any]:
    """Where what a request starts from is kept: in the row's own picture."""
    return {"starts_from": picture_name(request.row, request.prompt)} if request.start else {}


def fact_line(answer: FactAnswer) -> dict[str, Any]:
    """What the judge said to one fact."""
    return {
        "kind": answer.fact.kind,
        "text": answer.fact.text,
        "probability": round(answer.probability, 6),
        "shown": answer.shown,
    }


def candidate_lines(outcome: Outcome) -> tuple[dict[str, Any], ...]:
    """What became of each candidate of an outcome."""
    return tuple(_candidate(each, chosen=each.index == outcome.best.index) for each in outcome.trail)


def _candidate(candidate: Candidate, *, chosen: bool) -> dict[str, Any]:
    preview, verdict = candidate.preview_verdict, candidate.verdict
    return {
        "index": candidate.index,
        "chosen": chosen,
        "resolved_prompt": candidate.plan.prompt,
        "tokens": candidate.draft.token_hash if candidate.draft else None,
        "preview_score": round(preview.score, 6) if preview else None,
        "caption": verdict.caption if verdict else None,
        "score": round(verdict.score, 6) if verdict else None,
        "reason": candidate.reason,
    }


def _sayable(value: Any) -> bool:
    """Not so where the recipe is silent, nor for no limit at all, which JSON has no number for."""
    return value is not None and not (isinstance(value, float) and math.isinf(value))


_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "row": int,
    "prompt": str,
    "resolved_prompt": (str, type(None)),
    "seed": int,
    "picture": (str, type(None)),
    "caption": (str, type(None)),
    "score": (int, float, type(None)),
    "accepted": bool,
    "timings": dict,
    "error": (str, type(None)),
    "settings": dict,
    "source": (str, type(None)),
    "line": (int, type(None)),
    "template": (str, type(None)),
    "notes": dict,
    "id": (str, type(None)),
}


def _check(record: Record) -> None:
    """Raises if a line that was read says what no run writes; a name that leads out of the folder, say."""
    for name, kind in _KINDS.items():
        if not isinstance(getattr(record, name), kind):
            raise ValueError(f"{name} is {getattr(record, name)!r}")
    picture = picture_name(record.row, record.prompt) if record.status == "done" else None
    if record.row < 1 or record.status not in ("done", "failed") or record.picture != picture:
        raise ValueError(f"row {record.row} is {record.status}, its picture {record.picture!r}")
    for fact in record.facts:
        _ = (fact["kind"], fact["text"] + "", fact["probability"] + 0.0, fact["shown"])
    for candidate in record.candidates:
        _ = (candidate["index"] + 0, candidate["chosen"], candidate["tokens"], candidate["reason"] + "")
    if not all(isinstance(seconds, (int, float)) for seconds in record.timings.values()):
        raise ValueError("timings are no numbers")
