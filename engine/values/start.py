"""What a request starts from, beside its words: a picture, tokens, a plan; and what of them may change.

A request without a start is made of its prompt alone. This file knows shapes and ranges. How a picture becomes
tokens is the draft stage's business, how paint begins with a picture the refine stage's.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Hashable
from typing import TYPE_CHECKING

from ..errors import InputError
from .fact import Fact, Span

if TYPE_CHECKING:
    import torch


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wording:
    """What a planner would say, said already; see `values.Plan`. Spans may be of another prompt than the
    request that starts with it has."""

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


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Start:
    """Where a picture begins. Two starts are equal if they hold the same.

    Args:
        picture: uint8 (h, w, 3) on the CPU, of the request's size; the draft begins with its tokens, if no
            others are given.
        mask: bool (h, w), true where pixels may change; everywhere, if `None`. All others stay byte for byte.
        strength: 0 to 1: the noise that painting begins with. 1 is nothing but noise, and then `picture` counts
            through its tokens alone, and around the mask; 0 paints nothing.
        tokens: int64 (h, w) on the CPU, of the drafter's codebook.
        redraw: what of the draft is drawn anew: bool (h, w), or the share, 0 to 1, of its tokens, those first
            that the drafter finds the least likely for the plan. With a mask, none outside of it.
        former: what the tokens show, in words; those that are about as likely after the plan as after these
            words are kept. Empty, where that is not asked.
        wording: the plan, which is then not asked of the planner.
        shows: what the picture shows, in words, where that is known: what the prompt leaves open, the
            plan keeps of it.

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

    def __post_init__(self) -> None:
        if self.picture is None and self.tokens is None and self.wording is None:
            raise InputError("there is nothing to start from: give a picture, tokens or a plan")
        object.__setattr__(self, "strength", check_share("strength", self.strength))
        if isinstance(self.redraw, (int, float)):
            object.__setattr__(self, "redraw", check_share("redraw", self.redraw))
        elif self.tokens is not None and self.redraw.shape != self.tokens.shape:
            raise InputError(
                f"redraw is {_size(self.redraw)} tokens, the draft {_size(self.tokens)}: make them alike"
            )
        if self.mask is None:
            return
        if self.picture is None:
            raise InputError("there is a mask, but no picture that it belongs to: give the picture, too")
        if self.mask.shape != self.picture.shape[:2]:
            sizes = f"the mask is {_size(self.mask)} pixels, the picture {_size(self.picture)}"
            raise InputError(f"{sizes}: give a mask of the picture's size")

    def check_size(self, height: int, width: int) -> None:
        """Raises InputError where the picture is not of this size."""
        if self.picture is not None and tuple(self.picture.shape[:2]) != (height, width):
            sizes = f"the picture to start from is {_size(self.picture)} pixels, the request {width}x{height}"
            raise InputError(f"{sizes}: scale it first")

    @property
    def likeness(self) -> Hashable:
        """What rows must share to be carried out together: which parts there are, and the strength."""
        parts = (self.picture, self.mask, self.tokens, self.wording)
        return (*(part is not None for part in parts), self.strength, self.former != "")

    @property
    def keeps_something(self) -> bool:
        """Whether the picture or the tokens count for anything."""
        some_tokens = self.redraw < 1 if isinstance(self.redraw, (int, float)) else not bool(self.redraw.all())
        some_pixels = self.mask is not None and not bool(self.mask.all())
        return self.strength < 1 or some_tokens or some_pixels

    @property
    def may_redraw(self) -> bool:
        """Whether any of the tokens, or of what is painted without them, may be drawn anew."""
        return self.redraw > 0 if isinstance(self.redraw, (int, float)) else bool(self.redraw.any())

    @functools.cached_property
    def digest(self) -> str:
        """Sixteen hex digits that name all that it holds."""
        told = (self.strength, self.former, self.wording, *([self.shows] if self.shows else []))
        whole = hashlib.sha256(repr(told).encode())
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
        raise InputError(f"{name} = {value!r}: must lie between 0 and 1")
    return float(value)


def _size(tensor: "torch.Tensor") -> str:
    return f"{tensor.shape[1]}x{tensor.shape[0]}"
