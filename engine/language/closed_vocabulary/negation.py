"""What a prompt does not want: negations, and how far each reaches.

no red flower                     the noun with all that is said of it
a cat that is not black           what is said of a thing
a not so big cat                  the adjective, and not its noun
without a hat and a red house     to the next joint behind which something begins
a train without smoke at night    to the next place, setting or relation
a cat or a bird                   the other choice, which need not be there
猫なしの庭                          in some languages, the noun before it, with what is said of that
"""

import dataclasses
from collections.abc import Sequence

from ...values.fact import Span
from ..words.common_words import words
from ..words.grammar_words import JOINS
from .context import ARTICLES
from .phrases import Piece
from .vocabulary import Vocabulary

_ENDS = words("but mais that which who just only next near beside by qui")
_BEHIND_OWNERS = words("的")  # '没有猫的房子': a house that has no cat
_OF_QUALITIES = words("not pas isn't aren't")
_SOFTENS = words("so too very that si trop très")
_CHOICE = words("or ou")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Affirmed:
    """A prompt without what it denies.

    Args:
        pieces: what is wished for.
        denied: the terms that are not, as (category, value).
        left_out: the words that deny them, and theirs.
    """

    pieces: tuple[Piece, ...]
    denied: frozenset[tuple[str, str]]
    left_out: tuple[Span, ...]


def affirmed(pieces: Sequence[Piece], vocabulary: Vocabulary) -> Affirmed:
    """Part what is wished for from what is not."""
    kept: list[Piece] = []
    held: list[Piece] = []
    articles = ARTICLES | vocabulary.articles
    i = 0
    while i < len(pieces):
        if pieces[i].words in vocabulary.negations_behind:
            begin = _begin(kept)
            held += [*kept[begin:], pieces[i]]
            del kept[begin:]
            i += 1
        elif _denies(pieces, i):
            end = _end(pieces, i, articles)
            held += pieces[i:end]
            i = end
        else:
            kept.append(pieces[i])
            i += 1
    wished = {(p.term.category, p.term.value) for p in kept if p.term}
    denied = {(p.term.category, p.term.value) for p in held if p.term}
    content = ("term", "own", "unknown", "negation")
    spans = [piece.span for piece in held if piece.role in content or piece.word in _CHOICE]
    return Affirmed(pieces=tuple(kept), denied=frozenset(denied - wished), left_out=tuple(spans))


def _denies(pieces: Sequence[Piece], i: int) -> bool:
    piece = pieces[i]
    none_of_them = piece.category == "number" and piece.term is not None and piece.term.value.strip("0") == ""
    if piece.role == "negation" or piece.word == "0" or none_of_them:
        return True
    chooses = piece.role == "function" and piece.word in _CHOICE and i > 0
    return chooses and any(each.role in ("term", "unknown") for each in pieces[i + 1 : i + 4])


def _begin(pieces: Sequence[Piece]) -> int:
    """The place where the last noun begins, with what is said of it before it."""
    begin = len(pieces)
    while begin and pieces[begin - 1].role == "function":
        begin -= 1
    if begin and pieces[begin - 1].role in ("term", "unknown"):
        begin -= 1
    while begin and (pieces[begin - 1].category in ("colour", "size", "number") or _joins(pieces, begin - 1)):
        begin -= 1
    return begin


def _joins(pieces: Sequence[Piece], at: int) -> bool:
    """Whether a word of grammar stands between an adjective and its noun: '赤い(の)猫', '二匹の猫'."""
    before = pieces[at - 1] if at else None
    return (
        pieces[at].role == "function" and before is not None and before.category in ("colour", "size", "number")
    )


def _end(pieces: Sequence[Piece], start: int, articles: frozenset[str]) -> int:
    """The place after all that a negation holds of."""
    if (end := _end_of_quality(pieces, start)) is not None:
        return end
    end = start + 1
    held = False
    while end < len(pieces) and not _ends(pieces, end, articles, held=held):
        held = held or pieces[end].role in ("term", "unknown")
        end += 1
    return end


def _end_of_quality(pieces: Sequence[Piece], start: int) -> int | None:
    """Of 'not so big cat' the place of the noun; `None` where not an adjective alone is denied."""
    end = start + 1
    if pieces[start].word not in _OF_QUALITIES:
        return None
    while end < len(pieces) and pieces[end].words[:1] and pieces[end].word in _SOFTENS:
        end += 1
    first = end
    while end < len(pieces) and pieces[end].category in ("colour", "size"):
        end += 1
    noun = end < len(pieces) and pieces[end].category == "kind"
    return end if noun and end > first else None


def _ends(pieces: Sequence[Piece], at: int, articles: frozenset[str], *, held: bool) -> bool:
    """Whether a negation reaches no further than before `at`; `held` is whether it holds of something yet."""
    piece = pieces[at]
    if piece.role in ("break", "negation"):
        return True
    if not held:
        return piece.role == "function" and piece.word in ("but", "mais")
    if piece.category in ("relation", "place", "number") or (
        piece.category == "setting" and len(piece.words) > 1
    ):
        return True
    if piece.role == "function" and piece.word in _ENDS:
        return True
    if piece.word in _BEHIND_OWNERS and pieces[at - 1].category == "kind":
        return True
    after = pieces[at + 1] if at + 1 < len(pieces) else None
    begins = after is not None and (after.word in articles or after.category == "number")
    return piece.role == "function" and piece.word in JOINS and begins
