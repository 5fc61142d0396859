"""What travels through the chain: one frozen value for each boundary between two stages.

This file knows shapes, ranges and who descends from whom. It knows nothing of models, devices or files, and
imports nothing of the rest of the engine but its errors. A stage returns the *next* value; every value keeps
the one that it was made from, so the last of them carries the whole line of descent.

Axis glossary, for the whole project:
    b  rows of a batch          t  text tokens             h, w  rows and columns of a grid or picture
    s  positions of a sequence  v  vocabulary or codebook  c     channels
    d  features of a model      n  steps
"""

import dataclasses
import hashlib
import re
from typing import TYPE_CHECKING, Any

from .errors import InputError
from .fact import Fact as Fact
from .fact import FactKind as FactKind
from .fact import Span as Span
from .settings import NO_SETTINGS, shown, whole_number
from .settings import Settings as Settings
from .start import Start

if TYPE_CHECKING:
    import PIL.Image
    import torch

MAX_SEED = 2**63 - 1
MAX_SIDE = 4096  # pixels; larger pictures are made by tiling, not in one go
MAX_PROMPT_CHARACTERS = 20_000

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")  # and half surrogate pairs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """One picture wished for.

    Args:
        prompt: what the picture should show, in words.
        seed: 0 to 2**63 - 1; with `candidate` it decides every random draw (see `randomness`).
        height, width: of the finished picture, in pixels.
        settings: resolved settings; what is `None` here was left to the stages' own defaults.
        row: where the request stands in its prompt file, from 1; 0 if it has no place there.
        candidate: which attempt at the same wish this is, from 0.
        missed: facts that earlier attempts missed, for the planner to stress.
        start: what it begins with beside the prompt: a picture, tokens, a plan; `None` for the prompt alone.

    Raises:
        InputError: an empty or overlong prompt, or one with control characters (but line ends and tabs) or half
            surrogate pairs; a value of the wrong kind, or a number outside its range.
    """

    prompt: str
    seed: int = 0
    height: int = 256
    width: int = 256
    negative_prompt: str = ""
    settings: Settings = NO_SETTINGS
    row: int = 0
    candidate: int = 0
    missed: tuple[Fact, ...] = ()
    start: Start | None = None

    def __post_init__(self) -> None:
        _check_text("prompt", self.prompt)
        _check_text("negative prompt", self.negative_prompt)
        if not self.prompt.strip():
            raise InputError("the prompt is empty: say what the picture should show")
        for name in ("seed", "height", "width", "row", "candidate"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        if not 0 <= self.seed <= MAX_SEED:
            raise InputError(f"seed = {self.seed}: must lie between 0 and {MAX_SEED}")
        for name, side in (("height", self.height), ("width", self.width)):
            if not 8 <= side <= MAX_SIDE:
                raise InputError(f"{name} = {side}: must lie between 8 and {MAX_SIDE} pixels")
        if self.start is not None:
            self.start.check_size(self.height, self.width)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What the planner made of a request: the wording for the models, and the facts to be checked.

    Args:
        facts: asked or added; what the prompt of the plan says agrees with them.
        left_out: words of the request's prompt that ask for something which no fact carries; words of an
            instruction or of an earlier prompt have no place in it.
    """

    request: Request
    prompt: str
    facts: tuple[Fact, ...]
    left_out: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        prompt = self.request.prompt
        placed = [fact.span for fact in self.facts if fact.span is not None]
        for span in (*placed, *(each for each in self.left_out if each.has_place)):
            assert span.stands_in(prompt), f"{span!r} does not stand in {prompt!r}"

    @property
    def asked(self) -> tuple[Fact, ...]:
        """The facts that the user asked for."""
        return tuple(fact for fact in self.facts if fact.asked)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Codebook:
    """The codebook that a draft's tokens belong to: its name and how many legal ids it has."""

    name: str
    size: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Draft:
    """A grid of discrete image tokens.

    Args:
        tokens: int64 on the CPU, (h, w), each in [0, codebook.size).
        preview: uint8 on the CPU, (h', w', 3): what the tokens alone look like.
        begun: int64 (h, w): the tokens that it began with, where the request had any; `tokens` are these where
            they were kept.
    """

    plan: Plan
    tokens: "torch.Tensor"
    codebook: Codebook
    preview: "torch.Tensor"
    begun: "torch.Tensor | None" = None

    def __post_init__(self) -> None:
        assert self.tokens.ndim == 2, f"tokens of a draft are (h, w), not {tuple(self.tokens.shape)}"
        low, high = int(self.tokens.min()), int(self.tokens.max())
        assert low >= 0 and high < self.codebook.size, f"token ids {low}..{high} outside {self.codebook}"
        _check_pixels(self.preview)

    @property
    def grid(self) -> tuple[int, int]:
        return int(self.tokens.shape[0]), int(self.tokens.shape[1])

    @property
    def token_hash(self) -> str:
        """Sixteen hex digits that name the tokens, for provenance."""
        return hashlib.sha256(self.tokens.numpy().tobytes()).hexdigest()[:16]

    @property
    def image(self) -> "PIL.Image.Image":
        """The preview as a PIL picture."""
        return _to_image(self.preview)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """Finished pixels.

    Args:
        pixels: uint8 on the CPU, (h, w, 3), RGB.
        plan: what it should show; `None` for a picture that came from outside.
        draft: the tokens it was painted from; `None` where there were none.
        is_preview: it shows what the tokens alone show, to be judged before anything is painted.
    """

    pixels: "torch.Tensor"
    plan: Plan | None = None
    draft: Draft | None = None
    is_preview: bool = False

    def __post_init__(self) -> None:
        _check_pixels(self.pixels)

    @property
    def image(self) -> "PIL.Image.Image":
        """The picture as a PIL picture."""
        return _to_image(self.pixels)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FactAnswer:
    """The captioner's answer to one fact: the probability that the picture shows it."""

    fact: Fact
    probability: float

    @property
    def shown(self) -> bool:
        return self.probability >= 0.5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """The captioner's judgement of one picture.

    Args:
        caption: what the captioner sees, in its own words; empty for a preview, of which nobody reads one.
        score: probability in [0, 1] that the picture shows all that was asked: of the asked facts alone.
        answers: one for each fact of the plan, asked or added.
        fit: how well the picture fits the whole plan, wording and additions too: log-odds, up to a constant
            that is the plan's; `None` where the judge cannot say. It tells equal scores apart, no more.
        likelihood: where it was wished for, how much likelier the picture makes the prompt: nats a token (a
            pointwise mutual information); it takes no part in the score.
    """

    caption: str
    score: float
    answers: tuple[FactAnswer, ...] = ()
    likelihood: float | None = None
    fit: float | None = None

    def __post_init__(self) -> None:
        assert 0.0 <= self.score <= 1.0, f"score {self.score} outside [0, 1]"

    @property
    def missed(self) -> tuple[Fact, ...]:
        """The asked facts that the picture does not show."""
        return tuple(answer.fact for answer in self.answers if answer.fact.asked and not answer.shown)

    @property
    def weakest_addition(self) -> float:
        """The probability of the least sure of the added facts: what tells equal scores apart; 1 of none."""
        return min((a.probability for a in self.answers if not a.fact.asked), default=1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Candidate:
    """One line of descent of a request, as far as it got, and why it won or lost.

    `preview_verdict` is the judgement of the draft's preview, where drafts were judged; `picture` and `verdict`
    are `None` for a draft that was thrown out before painting. A chain without a drafter has no `draft`.
    `repairs` is the index of the candidate whose picture this one mends, if it is such a repair, and `mends`
    the facts that the other one misses.
    """

    plan: Plan
    draft: Draft | None = None
    preview_verdict: Verdict | None = None
    picture: Picture | None = None
    verdict: Verdict | None = None
    reason: str = ""
    repairs: int | None = None
    mends: tuple[Fact, ...] = ()

    @property
    def index(self) -> int:
        return self.plan.request.candidate


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """A request's best candidate, and the trail of all of them in the order they were made."""

    request: Request
    best: Candidate
    accepted: bool
    trail: tuple[Candidate, ...]
    timings: dict[str, float]  # seconds by stage, this row's share of its batches

    @property
    def plan(self) -> Plan:
        return self.best.plan

    @property
    def draft(self) -> Draft | None:
        return self.best.draft

    @property
    def picture(self) -> Picture:
        assert self.best.picture is not None, "an outcome's best candidate has a picture"
        return self.best.picture

    @property
    def verdict(self) -> Verdict:
        assert self.best.verdict is not None, "an outcome's best candidate has a verdict"
        return self.best.verdict

    @property
    def left_out(self) -> tuple[Span, ...]:
        """Words of the prompt that ask for something which the picture was not made to show."""
        return self.plan.left_out

    @property
    def image(self) -> "PIL.Image.Image":
        return self.picture.image


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """A request that could not be carried out: at which stage, and why, in one line."""

    request: Request
    stage: str
    reason: str


def _check_text(name: str, text: Any) -> None:
    if not isinstance(text, str):
        raise InputError(f"the {name} is {shown(text)}: must be text")
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise InputError(f"the {name} has {len(text)} characters: at most {MAX_PROMPT_CHARACTERS} are read")
    if found := _CONTROL.search(text):
        code = f"U+{ord(found[0]):04X}"
        raise InputError(
            f"the {name} has a control character ({code}) at place {found.start() + 1}: take it out"
        )


def _check_pixels(pixels: "torch.Tensor") -> None:
    shape = tuple(pixels.shape)
    assert pixels.ndim == 3 and shape[2] == 3, f"pixels are (h, w, 3), not {shape}"
    assert str(pixels.dtype) == "torch.uint8", f"pixels are uint8, not {pixels.dtype}"


def _to_image(pixels: "torch.Tensor") -> "PIL.Image.Image":
    import PIL.Image

    return PIL.Image.fromarray(pixels.numpy())
