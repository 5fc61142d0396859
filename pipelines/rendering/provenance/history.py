"""What a picture's file says of how it came about, as types: its history, and what it started from."""

from typing import Annotated, Any, NotRequired, TypedDict

import msgspec

from ....engine.values.start import Start
from ..output.lines import CandidateLine, FactLine, Place

FORMAT = 3
"""The latest. 1 did not tell what was asked from what was added; 3 is of pictures whose start has `blend` or
`lean`, which earlier versions would draw differently; all others are of format 2."""

Token = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class ControlText(TypedDict):
    """A picture whose structure a request followed: an item of the text chunk `diptych-controls`.

    Args:
        type: which of the recipe's controls read it.
        picture: a PNG file in base64.
        weight: how strongly it counted, 0 to 2.
        start, stop: the shares of the steps from which and up to which it counted, 0 to 1.
        ready: whether it was the control picture itself; null where the recipe decided.
    """

    type: str
    picture: str
    weight: Annotated[float, msgspec.Meta(ge=0, le=2)]
    start: Share
    stop: Share
    ready: bool | None


class ReferenceText(TypedDict):
    """A picture that a request was to take after: an item of the text chunk `diptych-references`.

    Args:
        picture: a PNG file in base64.
        weight: how closely, 0 to 2.
        name: of the thing that it shows; empty for the picture as a whole.
    """

    picture: str
    weight: Annotated[float, msgspec.Meta(ge=0, le=2)]
    name: str


def format_of(start: Start | None) -> int:
    """Of the history of a picture that started so."""
    return 3 if start is not None and (start.blend or start.lean) else 2


class SpanText(TypedDict):
    """Some words of a prompt.

    Args:
        start, end: where they stand in it, in characters from 0; both are 0 for words of another text.
        text: the words.
    """

    start: Place
    end: Place
    text: str


class PlanFact(TypedDict):
    """One thing that the picture must show.

    Args:
        kind: thing, colour, size, place, setting, count, style, relation or other.
        text: in words.
        asked: the user asked for it; else the planner added it. Since format 2.
        span: the words that ask for it; null where they are not known, and for what was added. Since format 2.
    """

    kind: str
    text: str
    asked: NotRequired[bool]
    span: NotRequired[SpanText | None]


class PlanText(TypedDict):
    """What the planner made of the prompt.

    Args:
        prompt: in words.
        facts: what the picture must show.
        left_out: words of the prompt that ask for something which no fact carries. Since format 2.
        read_as: misspelt words of the prompt, and what they were taken for; absent without any.
        retrieved: pictures that were looked up for it in a folder: of each the SHA-256 of its pixels, its
            weight and its name; absent without any.
        by: who wrote it, where that was a server: nobody promises that it writes the same again. Absent for a
            model of the recipe.
    """

    prompt: str
    facts: list[PlanFact]
    left_out: NotRequired[list[SpanText]]
    read_as: NotRequired[dict[str, str]]
    retrieved: NotRequired[list[dict[str, Any]]]
    by: NotRequired[str]


class RequestText(TypedDict):
    """What was asked for.

    Args:
        prompt: as it was carried out.
        template: as it was written, if something was filled in (wildcards, say); else null.
        seed: the row's.
        settings: what it was carried out with beside, as a row of a prompt file would say it.
        start: what there is to say of the picture, tokens or plan that it started from; absent without one. The
            chunk `diptych-start` holds them themselves.
        references: of each picture that it was to take after: the SHA-256 of its pixels, its weight, its
            name if it has one; absent without any. The chunk `diptych-references` holds them themselves.
        controls: of each picture whose structure it followed: type, the SHA-256 of its pixels, weight, start
            and stop; absent without any. The chunk `diptych-controls` holds them themselves.
        lora_weights: a hash of the LoRA weights that the row asked for, by their names; absent without any.
    """

    prompt: str
    template: NotRequired[str | None]
    seed: int
    settings: dict[str, Any]
    start: NotRequired[dict[str, Any]]
    references: NotRequired[list[dict[str, Any]]]
    controls: NotRequired[list[dict[str, Any]]]
    lora_weights: NotRequired[dict[str, str]]


class VerdictText(TypedDict):
    """What the captioner thinks of the picture.

    Args:
        caption: what it sees, in its own words.
        score: the probability, 0 to 1, that the picture shows all that was asked.
        accepted: the score reaches what was asked for, and nothing was left out (or that is ignored).
        facts: what it said to each fact of the plan.
        by: who judged, and how, where that was a server. Absent for a model of the recipe.
    """

    caption: str
    score: float
    accepted: bool
    facts: list[FactLine]
    by: NotRequired[str]


class OriginText(TypedDict):
    """What the picture was made with; see `environment.Environment`.

    Args:
        recipe: its name.
        table: the recipe itself.
        revisions: a hash of each checkpoint's content, by its name.
        deterministic: the same bits whatever else is in the batch.
        micro_batch: rows that a stage works on at once, at most.
        memory_bytes: the memory budget; null for none.
        device: the kind of hardware.
        versions: of diptych, Python and the libraries.
    """

    recipe: str
    table: dict[str, Any]
    revisions: dict[str, str]
    deterministic: bool
    micro_batch: int
    memory_bytes: int | None
    device: str
    versions: dict[str, str]


class History(TypedDict):
    """A picture's history: the text chunk `diptych`.

    Args:
        format: 2, or 3 where what it started from says `blend` or `lean`; 1 for pictures of the first version.
        id: names all that the picture depends on, as in `results.jsonl`.
        request: what was asked for.
        candidate: the index of the one that was chosen.
        plan: what the planner made of the prompt.
        draft: a hash of the draft's tokens, their grid and their codebook; null without a drafter.
        verdict: what the captioner thinks of the picture; `None` where the recipe has no judge.
        candidates: all that were made, in order.
        origin: recipe, weights, mode, device and versions.
        pixels: a SHA-256 of the picture's shape and pixels, which tells whether somebody has changed it since;
            absent in files of earlier versions.
    """

    format: Annotated[int, msgspec.Meta(ge=1)]
    id: str
    request: RequestText
    candidate: int
    plan: PlanText
    draft: dict[str, Any] | None
    verdict: VerdictText | None
    candidates: list[CandidateLine]
    origin: OriginText
    pixels: NotRequired[str]


class StartText(TypedDict):
    """What a request started from: the text chunk `diptych-start`. Pictures are PNG files in base64.

    Args:
        picture: that it started from; null without one.
        mask: white where pixels may change; null for everywhere.
        strength: 0 to 1: the noise that painting began with.
        tokens: of the draft that it started from, row by row; null without them.
        redraw: the share of the tokens that were drawn anew, 0 to 1; or for each token whether it was, 0 or 1.
        former: what the tokens show, in words.
        shows: what the picture shows, in words. Since format 2.
        blend: whether what was drawn anew fits what stayed, edge to edge; else it is not there. Since format 3.
        lean: how closely what was drawn anew keeps to the initial tokens; not there where not at all. Since
            format 3.
        wording: the plan, which was then not asked of the planner; else null.
    """

    picture: str | None
    mask: str | None
    strength: Share
    tokens: list[list[Token]] | None
    redraw: Share | list[list[Annotated[int, msgspec.Meta(ge=0, le=1)]]]
    former: str
    shows: NotRequired[str]
    blend: NotRequired[bool]
    lean: NotRequired[Annotated[float, msgspec.Meta(ge=0)]]
    wording: PlanText | None
