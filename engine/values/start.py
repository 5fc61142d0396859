"""What a request starts from besides its prompt: a picture, tokens, a plan; and how much of them may change.

A request without a start is made from its prompt alone. This file knows shapes and ranges. The draft stage
turns a picture into tokens; the refine stage paints over a picture.
"""

import dataclasses
import functools
import hashlib
import math
from collections.abc import Hashable
from typing import TYPE_CHECKING

from ..errors import InputError
from ..messages import shown
from .contents import Contents, short, size
from .fact import Fact, Span

if TYPE_CHECKING:
    import torch


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wording:
    """A plan that is given instead of made by the planner; see `values.Plan`. Spans may belong to a prompt
    other than that of the request."""

    prompt: str
    facts: tuple[Fact, ...] = ()
    left_out: tuple[Span, ...] = ()

    def seen_from(self, prompt: str) -> tuple[tuple[Fact, ...], tuple[Span, ...]]:
        """Facts and what is left out, without the places of words that do not stand there in `prompt`."""
        facts = (
            fact if fact.span is None or fact.span.stands_in(prompt) else dataclasses.replace(fact, span=None)
            for fact in self.facts
        )
        return tuple(facts), tuple(span.seen_from(prompt) for span in self.left_out)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Start(Contents):
    """What a picture is made from besides its prompt. Two starts are equal if their contents are.

    Args:
        picture: the init image: uint8 (h, w, 3) on the CPU, of the request's size. Its tokens are the initial
            tokens of the draft, if no others are given.
        mask: bool (h, w), true where pixels may change; everywhere, if `None`. All others stay byte for byte.
        strength: 0 to 1: how much noise is added before painting. At 1 there is nothing but noise, and
            `picture` counts only through its tokens and outside the mask; at 0 nothing is painted.
        tokens: the initial tokens: int64 (h, w) on the CPU, from the drafter's codebook.
        redraw: which tokens are drafted again: bool (h, w), or a share from 0 to 1; then the tokens that the
            drafter finds least likely for the plan go first. With a mask, none outside it.
        former: what the tokens show, in words. Tokens that are about as likely for the plan as for these words
            are kept. Empty: not used.
        wording: the plan; the planner is then not called.
        shows: what the picture shows, in words, if that is known. The plan keeps from it what the prompt leaves
            open.
        blend: whether tokens that are drafted again are to fit, edge to edge, those around them that stay.
        lean: how closely tokens that are drafted again keep to the initial ones, 0 (not at all) or more: by so
            many nats a patch is less likely that differs from the initial one by all there is, beside tokens
            that stay; by less further off.

    Raises:
        InputError: neither a picture nor tokens nor a wording; a number outside of its range; tensors whose
            shapes do not fit each other.
    """

    picture: "torch.Tensor | None" = None
    mask: "torch.Tensor | None" = None
    strength: float = 1.0
    tokens: "torch.Tensor | None" = None
    redraw: "torch.Tensor | float" = 1.0
    former: str = ""
    wording: Wording | None = None
    shows: str = ""
    blend: bool = False
    lean: float = 0.0

    def __post_init__(self) -> None:
        if self.picture is None and self.tokens is None and self.wording is None:
            raise InputError("there is nothing to start from: give a picture, tokens or a plan")
        object.__setattr__(self, "strength", check_share("strength", self.strength))
        if not 0 <= self.lean < math.inf:
            raise InputError(f"lean = {shown(self.lean)}: must be 0 or more")
        if isinstance(self.redraw, (int, float)):
            object.__setattr__(self, "redraw", check_share("redraw", self.redraw))
        elif self.tokens is not None and self.redraw.shape != self.tokens.shape:
            raise InputError(
                f"redraw is {size(self.redraw)} tokens, the draft {size(self.tokens)}: make them alike"
            )
        if self.mask is None:
            return
        if self.picture is None:
            raise InputError("there is a mask, but no picture that it belongs to: give the picture, too")
        if self.mask.shape != self.picture.shape[:2]:
            sizes = f"the mask is {size(self.mask)} pixels, the picture {size(self.picture)}"
            raise InputError(f"{sizes}: give a mask of the picture's size")

    def __repr__(self) -> str:
        parts = [
            f"{name} {size(value)}"
            for name in ("picture", "mask", "tokens", "redraw")
            if hasattr(value := getattr(self, name), "shape")
        ]
        parts += [f"strength={self.strength}"] if self.picture is not None else []
        parts += [f"redraw={self.redraw}"] if isinstance(self.redraw, float) and self.redraw < 1 else []
        parts += [f"plan {short(self.wording.prompt)}"] if self.wording else []
        return f"Start({', '.join(parts)})"

    def check_size(self, height: int, width: int) -> None:
        """Raises InputError where the picture is not of this size."""
        if self.picture is not None and tuple(self.picture.shape[:2]) != (height, width):
            sizes = f"the picture to start from is {size(self.picture)} pixels, the request {width}x{height}"
            raise InputError(f"{sizes}: scale it first")

    @property
    def likeness(self) -> Hashable:
        """What rows must have in common to be run in one batch: which parts they have, and the strength."""
        parts = (self.picture, self.mask, self.tokens, self.wording)
        return (*(part is not None for part in parts), self.strength, self.former != "")

    @property
    def keeps_something(self) -> bool:
        """Whether anything of the picture or the tokens is kept."""
        some_tokens = self.redraw < 1 if isinstance(self.redraw, (int, float)) else not bool(self.redraw.all())
        some_pixels = self.mask is not None and not bool(self.mask.all())
        return self.strength < 1 or some_tokens or some_pixels

    @property
    def may_redraw(self) -> bool:
        """Whether any tokens (or, without tokens, any of the picture) may be made again."""
        return self.redraw > 0 if isinstance(self.redraw, (int, float)) else bool(self.redraw.any())

    @functools.cached_property
    def digest(self) -> str:
        """Sixteen hex digits that name all that it holds."""
        more = [each for each in (self.shows, self.blend, self.lean) if each]
        parts = (self.strength, self.former, self.wording, *more)
        whole = hashlib.sha256(repr(parts).encode())
        for part in (self.picture, self.mask, self.tokens, self.redraw):
            if part is None or isinstance(part, (int, float)):
                whole.update(repr(part).encode())
            else:
                whole.update(f"{part.dtype}{tuple(part.shape)}".encode())
                whole.update(part.contiguous().numpy().tobytes())
        return whole.hexdigest()[:16]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Start) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


def check_share(name: str, value: object) -> float:
    """`value` as a number from 0 to 1.

    Raises:
        InputError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise InputError(f"{name} = {shown(value)}: must lie between 0 and 1")
    return float(value)
