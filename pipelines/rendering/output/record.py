"""What `results.jsonl` says of one row: the contract that other tools read."""

import dataclasses
import json
import math
import re
from typing import Annotated, Any, Literal, cast

import msgspec

from ....engine.loop import Policy
from ....engine.messages import AGAIN, shown
from ....engine.values import Failure, Outcome, Request
from ...files import picture_name, preview_name
from ...sheets.thumbnails import given_to
from ..schema import SchemaError, fit, parse_json
from .lines import CandidateLine, FactLine, candidate_lines, fact_line

VERSION = 5
"""Of the lines that are written. 1 did not tell what was asked for from what was added, nor what was left out;
2 did not say its number; 3 did not say the row's in its source; 4 did not say which words were misspelt."""
MOST_ROWS = 10**12
_HIGHEST = 1000  # version that may ever be written

GIVEN = "given"
"""Among a record's settings: which pictures the row was given. No setting that a row may have."""


class LaterVersionError(SchemaError):
    """A line of results was written by a later version of this engine."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """One row of a batch, done or failed. The fields, in this order, are its line's keys. `docs/results.md`
    says more of each, and must name a new one.

    Args:
        version: of the line: see `VERSION`.
        row: from 1.
        prompt: as it was carried out.
        resolved_prompt: what the planner made of the prompt.
        picture: file name in the output folder.
        score: probability in [0, 1] that the picture shows all that was asked.
        accepted: the score reaches what was asked for, and nothing was left out (or that is ignored).
        facts: of the plan, with what the judge said to each.
        left_out: words of the prompt, as they stand there, that ask for something which no fact carries.
        read_as: misspelt words of the prompt, and what they were taken for.
        candidates: all that were made, in order.
        timings: seconds by stage.
        error: why the row failed.
        settings: what the row was carried out with, beside prompt and seed; a row of a prompt file may set it.
        source, line: where the row stands, as it was named.
        number: of the row in its source, from 1; rows that others made in the folder do not count.
        template: the prompt as written there, if it was filled in (wildcards, say).
        notes: what else the row said there.
        id: names all that the row's picture depends on (see `identity`); `None` for what was no request at all.
    """

    version: int = dataclasses.field(default=VERSION, compare=False)
    row: Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS)]
    prompt: str
    resolved_prompt: str | None = None
    seed: int
    status: Literal["done", "failed"]
    picture: str | None = None
    caption: str | None = None
    score: float | None = None
    accepted: bool = False
    facts: tuple[FactLine, ...] = ()
    left_out: tuple[str, ...] = ()
    read_as: dict[str, str] = dataclasses.field(default_factory=dict)
    candidates: tuple[CandidateLine, ...] = ()
    timings: dict[str, float] = dataclasses.field(default_factory=dict)
    error: str | None = None
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    source: str | None = None
    line: int | None = None
    number: Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS)] | None = None
    template: str | None = None
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)
    id: str | None = None

    @property
    def older(self) -> bool:
        """It is of the first version, whose score is of the whole plan: it did not tell what was asked for from
        what was added, nor what was left out. All its facts count as asked, and nothing as left out."""
        return self.version < 2

    @property
    def asked(self) -> tuple[FactLine, ...]:
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
        accept = self.settings.get("accept")
        return self.score >= (accept if isinstance(accept, (int, float)) else Policy().accept)

    @property
    def unjudged(self) -> bool:
        """It has its picture, and nobody scored it: the recipe has no judge."""
        return self.status == "done" and self.score is None

    @property
    def preview(self) -> str | None:
        """File name of the chosen draft's preview in the output folder."""
        drafted = any(candidate["chosen"] and candidate["tokens"] for candidate in self.candidates)
        return preview_name(self.row) if drafted else None

    def to_json(self) -> str:
        """One JSON object, without a line end."""
        return json.dumps(dataclasses.asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str = "") -> "Record":
        """The record that a line holds, also one of an earlier version.

        Args:
            where: the line stands, for the message: its file and number.

        Raises:
            SchemaError: it holds none, or one that says what cannot be.
            LaterVersionError: a later version wrote it.
        """
        try:
            values = parse_json(text)
            if not isinstance(values, dict):
                raise SchemaError("is no line of results: must be a table")
            version = _version_of(values)
            if unknown := values.keys() - _KEYS:
                raise SchemaError(f"{shown(min(unknown))}: is no key of results")
            record = fit({**values, "version": version}, cls)
            if any("asked" not in fact or "span" not in fact for fact in record.facts):
                facts = tuple(cast(FactLine, _told_apart({**fact})) for fact in record.facts)
                record = dataclasses.replace(record, facts=facts)
            _check(record)
        except SchemaError as error:
            raise type(error)(f"{where}: {error}" if where else str(error)) from None
        return record


_PASSING = re.compile(r"^writing: |memory|no numbers|(?:^|: )\w*(?:Error|Exception|Exit|Interrupt)\b")
_KEYS = {field.name for field in dataclasses.fields(Record)}


def done(outcome: Outcome, **place: Any) -> Record:
    """The record of a row that has its picture; `place` is where the row stands and its id."""
    request, verdict = outcome.request, outcome.best.verdict
    return Record(
        row=request.row,
        prompt=request.prompt,
        resolved_prompt=outcome.plan.prompt,
        seed=request.seed,
        status="done",
        picture=picture_name(request.row, request.prompt),
        caption=verdict.caption if verdict else None,
        score=round(verdict.score, 6) if verdict else None,
        accepted=outcome.accepted,
        facts=tuple(fact_line(answer) for answer in verdict.answers) if verdict else (),
        left_out=tuple(span.text for span in outcome.left_out),
        read_as=dict(outcome.plan.read_as),
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


def may_pass(error: str) -> bool:
    """Whether a row that failed so may succeed if the very same is tried again: for want of memory or room, or
    by an exception of a library; what a stage refuses, it refuses again."""
    return _PASSING.search(error) is not None or goes_on(error)


def goes_on(error: str) -> bool:
    """Whether a row that failed so is tried again by the same command: what it failed for lies elsewhere, in a
    server that was down say, and its message says so."""
    return error.endswith(AGAIN)


def settings_line(request: Request) -> dict[str, Any]:
    """What a request asks for beside prompt and seed, as a row of a prompt file would say it."""
    frame: dict[str, Any] = {"height": request.height, "width": request.width}
    if request.negative_prompt:
        frame["negative_prompt"] = request.negative_prompt
    settings = dataclasses.asdict(request.settings)
    return frame | {name: value for name, value in settings.items() if _sayable(value)}


def _start_line(request: Request) -> dict[str, Any]:
    """Where what a request starts from, takes after and follows is kept: in the row's own picture; and which
    pictures these are."""
    kept = request.start is not None or bool(request.references or request.controls)
    given = list(given_to(request))
    return ({"starts_from": picture_name(request.row, request.prompt)} if kept else {}) | (
        {GIVEN: given} if given else {}
    )


def _sayable(value: Any) -> bool:
    """Not so where the recipe is silent, nor for no limit at all, which JSON has no number for."""
    return value is not None and not (isinstance(value, float) and math.isinf(value))


def _check(record: Record) -> None:
    """Raises `SchemaError` where a line says what no run writes; a name that leads out of the folder, say."""
    picture = picture_name(record.row, record.prompt) if record.status == "done" else None
    if record.picture != picture:
        raise SchemaError(f"picture: must be {shown(picture)}, is {shown(record.picture)}")
    for place, fact in enumerate(record.facts):
        start, end = fact.get("span") or (0, 0)
        if not start <= end <= len(record.prompt):
            raise SchemaError(
                f"facts[{place}].span: must be a place in the prompt, is {shown(start)} to {shown(end)}"
            )


def _version_of(values: dict[str, Any]) -> int:
    """The version that a line is of; the first two did not say so."""
    version = values.get("version", 2 if "left_out" in values else 1)
    if type(version) is not int or not 1 <= version <= _HIGHEST:
        raise SchemaError(f"version: must be a whole number from 1 on, is {shown(version)}")
    if version > VERSION:
        raise LaterVersionError(f"version {version} is later than {VERSION}, the last one read: update diptych")
    return version


def _told_apart(values: dict[str, Any]) -> dict[str, Any]:
    """A fact as a line has it today; the first version did not say who asked for it."""
    return {**values, "asked": values.get("asked", True), "span": values.get("span")}
