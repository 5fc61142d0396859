"""What `results.jsonl` says of one row: the contract that other tools read."""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, Literal

from ....engine.loop import Policy
from ....engine.values import Candidate, FactAnswer, Failure, Outcome, Request
from ...files import picture_name, preview_name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """One row of a batch, done or failed. The fields, in this order and but for the last, are its line's keys.

    Args:
        row: from 1.
        prompt: as it was carried out.
        resolved_prompt: what the planner made of the prompt.
        picture: file name in the output folder.
        score: probability in [0, 1] that the picture shows all that was asked.
        accepted: the score reaches what was asked for, and nothing was left out (or that is ignored).
        facts: of the plan: kind, text, probability, shown; asked (true) or added by the planner (false); span,
            where the words that ask for it stand in the prompt: start and end, or null.
        left_out: words of the prompt, as they stand there, that ask for something which no fact carries.
        candidates: all that were made, in order: index, chosen, resolved_prompt, tokens (a hash),
            preview_score, caption, score, missed (asked facts that it does not show), left_out, reason.
        timings: seconds by stage.
        error: why the row failed.
        settings: what the row was carried out with, beside prompt and seed; a row of a prompt file may set it.
        source, line: where the row stands, as it was named.
        template: the prompt as written there, if it was filled in (wildcards, say).
        notes: what else the row said there.
        id: names all that the row's picture depends on (see `identity`); `None` for what was no request at all.
        older: no key of the line: an earlier version wrote it, whose score is of the whole plan. Its facts
            count as asked, and nothing as left out.
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
    left_out: tuple[str, ...] = ()
    candidates: tuple[dict[str, Any], ...] = ()
    timings: dict[str, float] = dataclasses.field(default_factory=dict)
    error: str | None = None
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    source: str | None = None
    line: int | None = None
    template: str | None = None
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)
    id: str | None = None
    older: bool = dataclasses.field(default=False, compare=False)

    @property
    def asked(self) -> tuple[dict[str, Any], ...]:
        """The facts that the user asked for."""
        return tuple(fact for fact in self.facts if fact.get("asked", True))

    @property
    def not_drawn(self) -> str:
        """What was left out, as people are told of it: `wearing, hat`; empty where nothing was."""
        return ", ".join(" ".join(words.split()) for words in self.left_out)

    @property
    def wants_only_what_was_left_out(self) -> bool:
        """It would be accepted, if nothing had been left out."""
        if self.accepted or not self.left_out or self.score is None:
            return False
        return self.score >= self.settings.get("accept", Policy().accept)

    @property
    def preview(self) -> str | None:
        """File name of the chosen draft's preview in the output folder."""
        drafted = any(candidate["chosen"] and candidate["tokens"] for candidate in self.candidates)
        return preview_name(self.row) if drafted else None

    def to_json(self) -> str:
        """One JSON object, without a line end."""
        values = dataclasses.asdict(self)
        del values["older"]
        return json.dumps(values, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Record":
        """The record that a line holds.

        Raises:
            ValueError: it holds none, or one that says what cannot be.
        """
        try:
            values = json.loads(text)
            values["older"] = "left_out" not in values
            values["facts"] = tuple(_fact(fact) for fact in values["facts"])
            left_out = values.get("left_out", [])
            values["left_out"] = tuple(left_out) if isinstance(left_out, list) else left_out
            values["candidates"] = tuple(values["candidates"])
            record = cls(**values)
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
        left_out=tuple(span.text for span in outcome.left_out),
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
    fact = answer.fact
    return {
        "kind": fact.kind,
        "text": fact.text,
        "probability": round(answer.probability, 6),
        "shown": answer.shown,
        "asked": fact.asked,
        "span": [fact.span.start, fact.span.end] if fact.span else None,
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
        "missed": [fact.text for fact in verdict.missed] if verdict else None,
        "left_out": [span.text for span in candidate.plan.left_out],
        "repairs": candidate.repairs,
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
    "left_out": tuple,
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
        if not isinstance(fact["asked"], bool) or not _is_span(fact["span"], record.prompt):
            raise ValueError(f"fact {fact['text']!r} stands for {fact['span']!r}, asked is {fact['asked']!r}")
    if not all(isinstance(words, str) for words in record.left_out):
        raise ValueError(f"left_out is {list(record.left_out)!r}")
    for candidate in record.candidates:
        _ = (candidate["index"] + 0, candidate["chosen"], candidate["tokens"], candidate["reason"] + "")
    if not all(isinstance(seconds, (int, float)) for seconds in record.timings.values()):
        raise ValueError("timings are no numbers")


def _fact(values: Mapping[str, Any]) -> dict[str, Any]:
    """A fact as a line has it; an earlier version did not say who wished for it."""
    return {**values, "asked": values.get("asked", True), "span": values.get("span")}


def _is_span(span: Any, prompt: str) -> bool:
    """Whether it is the place of some words in a prompt, or none."""
    if span is None:
        return True
    whole = isinstance(span, list) and len(span) == 2 and all(type(place) is int for place in span)
    return whole and 0 <= span[0] <= span[1] <= len(prompt)
