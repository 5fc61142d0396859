"""Picture signs that stand for things: '🐶🍕', 'a 🐱 in a red 🚗'.

Which sign is which thing the vocabulary says; what other signs ask for, `prompt_syntax` does. A sign behind
what it repeats or adorns is an ornament: 'my dog 🐶', 'a dog in the park ❤️'.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from ...values.fact import Span

_BASE = r"[\U0001F000-\U0001FAFF\u2300-\u23FF\u2600-\u27BF\u2B00-\u2BFF]"
_TAIL = r"[\uFE0F\U0001F3FB-\U0001F3FF]*"
_SIGN = re.compile(rf"{_BASE}{_TAIL}(?:\u200D[\u2640\u2642\u2600-\u27BF\U0001F000-\U0001FAFF]{_TAIL})*")
_LOOKS = re.compile(r"[\uFE0F\U0001F3FB-\U0001F3FF]")
_OPENS = ("function", "unknown", "negation")
_LEADS = ("colour", "size", "number", "several", "relation")


class Phrase(Protocol):
    """What is read of a prompt without its signs; see `phrases.Piece`."""

    @property
    def role(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def span(self) -> Span: ...


def plain_sign(sign: str) -> str:
    """A sign as tables have it: in no colour of skin, and not told to be shown as a picture."""
    return _LOOKS.sub("", sign)


def signs_in(prompt: str, known: Mapping[str, str]) -> list[Span]:
    """The signs of a prompt that are known; several of one that follow each other are one span."""
    found = [Span.of(prompt, *each.span()) for each in _SIGN.finditer(prompt) if plain_sign(each[0]) in known]
    runs: list[Span] = []
    for sign in found:
        last = runs[-1] if runs else None
        if last and not prompt[last.end : sign.start].strip() and alike(last.text, sign.text):
            runs[-1] = Span.of(prompt, last.start, sign.end)
        else:
            runs.append(sign)
    return runs


def alike(run: str, sign: str) -> bool:
    """Whether a run is of this sign."""
    return single(run) == plain_sign(sign)


def single(run: str) -> str:
    """The sign that a run repeats."""
    return plain_sign(next(_SIGN.finditer(run))[0])


def ends_of(run: str) -> list[int]:
    """Where each sign of a run ends in it."""
    return [each.end() for each in _SIGN.finditer(run)]


def nouns_of(signs: Sequence[Span], pieces: Sequence[Phrase]) -> list[Span]:
    """Those signs that stand where nouns do, of a prompt whose words are read as these pieces.

    All are nouns where no word names a thing; else those behind an article, an adjective, a verb, or another
    sign that is a noun.
    """
    if not any(piece.category == "kind" for piece in pieces):
        return list(signs)
    found: list[Span] = []
    for before, sign in itertools.pairwise([None, *signs]):
        assert sign is not None
        spoken = [piece for piece in pieces if piece.span.end <= sign.start]
        last = spoken[-1] if spoken else None
        follows = before is not None and (last is None or before.start >= last.span.end)
        leads = last is None or last.role in _OPENS or last.category in _LEADS
        if (before in found) if follows else leads:
            found.append(sign)
    return found
