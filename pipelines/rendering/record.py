"""What `results.jsonl` says of one row: the contract that other tools read."""

import dataclasses
import json
from typing import Any, Literal

from ...engine.values import Candidate, Failure, Outcome
from .output import picture_name, preview_name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """One row of a batch, done or failed. The fields, in this order, are the keys of its line.

    Args:
        row: from 1.
        resolved_prompt: what the planner made of the prompt.
        picture: file name in the output folder.
        score: probability in [0, 1] that the picture shows what was asked.
        facts: of the plan: kind, text, probability, shown.
        candidates: all that were made, in order: index, chosen, resolved_prompt, tokens (a hash),
            preview_score, caption, score, reason.
        timings: seconds by stage.
        error: why the row failed.
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

    @property
    def preview(self) -> str | None:
        """File name of the chosen draft's preview in the output folder."""
        drafted = any(candidate["chosen"] and candidate["tokens"] for candidate in self.candidates)
        return preview_name(self.row) if drafted else None

    def line(self) -> str:
        """One JSON object, without a line end."""
        return json.dumps(dataclasses.asdict(self), allow_nan=False)


def done(outcome: Outcome) -> Record:
    """The record of a row that has its picture."""
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
        facts=tuple(
            {
                "kind": answer.fact.kind,
                "text": answer.fact.text,
                "probability": round(answer.probability, 6),
                "shown": answer.shown,
            }
            for answer in verdict.answers
        ),
        candidates=tuple(
            _candidate(candidate, chosen=candidate.index == outcome.best.index) for candidate in outcome.trail
        ),
        timings={stage: round(seconds, 4) for stage, seconds in outcome.timings.items()},
    )


def failed(failure: Failure) -> Record:
    """The record of a row that a stage could not carry out."""
    request = failure.request
    return refused(request.row, request.prompt, request.seed, f"{failure.stage}: {failure.reason}")


def refused(row: int, prompt: str, seed: int, error: str) -> Record:
    """The record of a row that failed, or was no request at all; `error` is put on one line."""
    prompt = prompt.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be written
    return Record(row=row, prompt=prompt, seed=seed, status="failed", error=" ".join(error.split()))


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
