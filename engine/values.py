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
import math
import operator
import re
from typing import TYPE_CHECKING, Any

from .errors import InputError
from .fact import Fact as Fact
from .fact import FactKind as FactKind
from .start import Start

if TYPE_CHECKING:
    import PIL.Image
    import torch

MAX_SEED = 2**63 - 1
MAX_SIDE = 4096  # pixels; larger pictures are made by tiling, not in one go
MAX_PROMPT_CHARACTERS = 20_000

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")  # and half surrogate pairs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """How a request is to be carried out; `None` means 'what the recipe says'.

    Args:
        num_inference_steps: denoising steps, 1 to 1000.
        guidance_scale: classifier-free guidance of the refiner, 0 to 50; 1 is none.
        temperature: of the draft's tokens, 0 (greedy) to 5.
        top_k: the draft keeps the k likeliest tokens; 0 keeps all.
        top_p: the draft keeps the smallest set of tokens of this probability, 0 to 1.
        draft_guidance_scale: classifier-free guidance of the drafter, 0 to 50; 1 is none.
        candidates: drafts made in a round.
        keep: drafts of a round that are painted (the others are thrown out by their previews' scores).
        rounds: how often a request may be planned anew.
        accept: the score, 0 to 1, at which a picture is taken at once.
        seconds: no new round is begun after this much time on the request's batch.

    Raises:
        InputError: a value is of the wrong kind, or lies outside its range.
    """

    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    draft_guidance_scale: float | None = None
    candidates: int | None = None
    keep: int | None = None
    rounds: int | None = None
    accept: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name, (low, high) in _SETTING_RANGES.items():
            value = getattr(self, name)
            if value is None:
                continue
            value = _whole(name, value) if type(low) is int else _number(name, value)
            if not low <= value <= high:  # also false for NaN
                raise InputError(f"{name} = {value}: must lie between {low} and {high}")
            object.__setattr__(self, name, value)

    def over(self, defaults: "Settings") -> "Settings":
        """These settings where they say something, `defaults` where they do not."""
        mine = {k: v for k, v in dataclasses.asdict(self).items() if v is not None}
        return dataclasses.replace(defaults, **mine)


_SETTING_RANGES: dict[str, tuple[float, float]] = {
    "num_inference_steps": (1, 1000),
    "guidance_scale": (0.0, 50.0),
    "temperature": (0.0, 5.0),
    "top_k": (0, 1_000_000),
    "top_p": (0.0, 1.0),
    "draft_guidance_scale": (0.0, 50.0),
    "candidates": (1, 4096),
    "keep": (1, 4096),
    "rounds": (1, 100),
    "accept": (0.0, 1.0),
    "seconds": (0.0, math.inf),
}


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
    settings: Settings = Settings()
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
            object.__setattr__(self, name, _whole(name, getattr(self, name)))
        if not 0 <= self.seed <= MAX_SEED:
            raise InputError(f"seed = {self.seed}: must lie between 0 and {MAX_SEED}")
        for name, side in (("height", self.height), ("width", self.width)):
            if not 8 <= side <= MAX_SIDE:
                raise InputError(f"{name} = {side}: must lie between 8 and {MAX_SIDE} pixels")
        if self.start is not None:
            self.start.check_size(self.height, self.width)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What the planner made of a request: the wording for the models, and the facts to be checked."""

    request: Request
    prompt: str
    facts: tuple[Fact, ...]


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
        score: probability in [0, 1] that the picture shows what was asked.
        answers: one for each fact asked about.
    """

    caption: str
    score: float
    answers: tuple[FactAnswer, ...] = ()

    def __post_init__(self) -> None:
        assert 0.0 <= self.score <= 1.0, f"score {self.score} outside [0, 1]"

    @property
    def missed(self) -> tuple[Fact, ...]:
        return tuple(answer.fact for answer in self.answers if not answer.shown)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Candidate:
    """One line of descent of a request, as far as it got, and why it won or lost.

    `preview_verdict` is the judgement of the draft's preview, where drafts were judged; `picture` and `verdict`
    are `None` for a draft that was thrown out before painting. A chain without a drafter has no `draft`.
    """

    plan: Plan
    draft: Draft | None = None
    preview_verdict: Verdict | None = None
    picture: Picture | None = None
    verdict: Verdict | None = None
    reason: str = ""

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
    def image(self) -> "PIL.Image.Image":
        return self.picture.image


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """A request that could not be carried out: at which stage, and why, in one line."""

    request: Request
    stage: str
    reason: str


def _whole(name: str, value: Any) -> int:
    """The value as an int, whoever made it (numpy, say), but a fraction or a bool is none."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InputError(f"{name} = {_shown(value)}: must be a whole number")
    return operator.index(value)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not (hasattr(value, "__float__") or hasattr(value, "__index__")):
        raise InputError(f"{name} = {_shown(value)}: must be a number")
    try:
        return float(value)
    except (OverflowError, TypeError, ValueError):
        raise InputError(f"{name} = {_shown(value)}: must be a number") from None


def _check_text(name: str, text: Any) -> None:
    if not isinstance(text, str):
        raise InputError(f"the {name} is {_shown(text)}: must be text")
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise InputError(f"the {name} has {len(text)} characters: at most {MAX_PROMPT_CHARACTERS} are read")
    if found := _CONTROL.search(text):
        code = f"U+{ord(found[0]):04X}"
        raise InputError(
            f"the {name} has a control character ({code}) at place {found.start() + 1}: take it out"
        )


def _shown(value: Any) -> str:
    """The value as a message shows it: on one line, and not too long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _check_pixels(pixels: "torch.Tensor") -> None:
    shape = tuple(pixels.shape)
    assert pixels.ndim == 3 and shape[2] == 3, f"pixels are (h, w, 3), not {shape}"
    assert str(pixels.dtype) == "torch.uint8", f"pixels are uint8, not {pixels.dtype}"


def _to_image(pixels: "torch.Tensor") -> "PIL.Image.Image":
    import PIL.Image

    return PIL.Image.fromarray(pixels.numpy())
