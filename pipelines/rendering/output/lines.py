"""What a line of `results.jsonl` says of facts and candidates; a picture's history says the same of them."""

from typing import Annotated, NotRequired, TypedDict

import msgspec

from ....engine.values import Candidate, FactAnswer, Outcome

Place = Annotated[int, msgspec.Meta(ge=0)]
Places = Annotated[list[Place], msgspec.Meta(min_length=2, max_length=2)]


class FactLine(TypedDict):
    """What the judge said to one fact.

    Args:
        kind: thing, colour, size, place, setting, count, style, relation or other.
        text: what the picture must show, in words.
        probability: that the picture shows it, 0 to 1.
        shown: the probability is at least a half.
        asked: the user asked for it; else the planner added it. Since version 2.
        span: where the words that ask for it stand in the prompt, start and end, in characters from 0; null
            where that is not known, and for what was added. Since version 2.
    """

    kind: str
    text: str
    probability: float
    shown: bool
    asked: NotRequired[bool]
    span: NotRequired[Places | None]


class CandidateLine(TypedDict):
    """What became of one candidate.

    Args:
        index: from 0, in the order in which they were made.
        chosen: its picture is the row's.
        resolved_prompt: what the planner made of the prompt.
        tokens: a hash of the draft's tokens; null without a draft.
        preview_score: the score of the draft's preview; null where previews were not judged.
        caption: what the captioner sees; null for one that was not painted.
        score: of the painted picture; null for one that was not painted.
        missed: facts that were asked for and that it does not show; null for one that was not painted. Since
            version 2.
        left_out: words of the prompt that its plan left out. Since version 2.
        repairs: the index of the candidate whose picture this one mends; null without one. Since version 2.
        reason: why it won or lost.
    """

    index: int
    chosen: bool
    resolved_prompt: str
    tokens: str | None
    preview_score: float | None
    caption: str | None
    score: float | None
    missed: NotRequired[list[str] | None]
    left_out: NotRequired[list[str]]
    repairs: NotRequired[int | None]
    reason: str


def fact_line(answer: FactAnswer) -> FactLine:
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


def candidate_lines(outcome: Outcome) -> tuple[CandidateLine, ...]:
    """What became of each candidate of an outcome."""
    return tuple(_candidate(each, chosen=each.index == outcome.best.index) for each in outcome.trail)


def _candidate(candidate: Candidate, *, chosen: bool) -> CandidateLine:
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
