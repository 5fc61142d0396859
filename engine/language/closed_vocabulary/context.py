"""What phrases mean by their place in a prompt: known words that ask for something else there.

a cat drawing a house             a word of address is an action, once a thing was named
a boat called Sunset              what is named is no setting
a winter coat                     a setting before an unknown noun is a part of its name
a car facing left                 a direction is no place
a can and a cup                   a word of grammar behind an article is a noun
"""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

from ..words.common_words import FUNCTION_WORDS, words
from ..words.grammar_words import ONE
from .phrases import Piece

ARTICLES = words(
    "a an the my his her its their our your this that these those some un une le la les l du mon ma"
)
_ADDRESS = words(
    """
    draw draws drawing drawn paint paints painting make makes making made show shows showing shown create
    generate see sees want wants give gives get put puts add adds need needs like likes include includes contain
    containing featuring picture pictures image images illustration illustrations artwork pic scene scenes view
    dessin dessine tableau
    """
)
_ASKING = words("i i'd you we and then also please et puis can could would should to j je tu on vous")
"""Before a word of address: who asks, or a joint."""
_NOUNS = words("can son will must need dear or being art work")
_NAMES = words(
    "named called titled labeled labelled saying says reading reads word words text letters nommé appelé"
)
_READS = words("reading reads")
_NEUTRAL = words(
    """
    background backdrop sky skies light lighting lights scenery landscape view vibe vibes mood atmosphere
    texture textures effect effects tones colours colors theme setting scene time day painting drawing
    illustration
    """
)
"""What follows a setting or a style and takes nothing from it: 'sunset lighting'."""


def in_context(pieces: Sequence[Piece]) -> list[Piece]:
    """The same pieces, some of them unknown words now."""
    placed = list(_without_names(pieces))
    first = next((i for i, piece in enumerate(placed) if piece.category == "kind"), len(placed))
    return [_understood(placed, i, named=i > first) for i in range(len(placed))]


def of_others(said: Sequence[Piece], noun: Piece) -> int:
    """How many pieces before a noun speak of another one, which is unknown: 'two goats' in 'two goats playing
    football'."""
    assert noun.term is not None, "a head is a term"
    if noun.term.plural:
        return 0
    for i, (number, other) in enumerate(itertools.pairwise(said)):
        many = number.category == "number" and number.word not in ONE
        if many and other.role == "unknown" and other.word.endswith("s"):
            return i + 2
    return 0


def _without_names(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """What follows "called" is a name, to the end of its phrase; what follows "made of" is a stuff."""
    naming = made_of = False
    last = ""
    for piece, after in itertools.zip_longest(pieces, pieces[1:]):
        joint = piece.role == "function" and piece.word not in ARTICLES
        if piece.role == "break" or (naming and (joint or piece.category in ("relation", "place"))):
            naming = False
        elif (made_of and piece.role == "term") or (naming and piece.role in ("term", "own", "praise")):
            piece = _unknown(piece)
        made_of = (made_of and piece.word in ARTICLES) or (piece.word == "of" and last == "made")
        last = piece.word
        reader = piece.word in _READS and after is not None and after.word in ARTICLES  # 'reading a book'
        naming = naming or (piece.role == "unknown" and piece.word in _NAMES and not reader)
        yield piece


def _understood(pieces: Sequence[Piece], i: int, *, named: bool) -> Piece:
    """The piece at a place; `named` is whether a thing was named before it."""
    piece = pieces[i]
    before = pieces[i - 1] if i else None
    after = pieces[i + 1] if i + 1 < len(pieces) else None
    if piece.role == "function" and _is_content(pieces, i, named=named):
        return _unknown(piece)
    if piece.category in ("setting", "style") and _is_part_of_a_name(piece, before, after):
        return _unknown(piece)
    if piece.category == "place" and _is_direction(piece, before, after):
        return _unknown(piece)
    return piece


def _is_content(pieces: Sequence[Piece], i: int, *, named: bool) -> bool:
    """Whether a word of grammar or of address asks for something to be seen."""
    word, before = pieces[i].word, pieces[i - 1] if i else None
    article = before is not None and before.word in ARTICLES
    after = pieces[i + 1] if i + 1 < len(pieces) else None
    if word in _NOUNS:
        noun_follows = after is not None and (
            after.role in ("term", "unknown") and after.category != "relation"
        )
        elided = before is not None and before.words == ("d",)
        return elided or (article and not noun_follows)
    if before is None or before.role == "break" or before.word in _ASKING:  # 'Draw a bird.'
        return False
    if word not in _ADDRESS or not named:
        return False
    if after is not None and (after.category in ("kind", "number") or after.words[:1] == ("a",)):
        return True
    earlier = pieces[i - 2] if i > 1 else None
    return article and earlier is not None and earlier.role != "break"


def _is_part_of_a_name(piece: Piece, before: Piece | None, after: Piece | None) -> bool:
    """'winter' of a winter coat, 'evening' of an evening dress."""
    if after is None or after.role != "unknown" or len(piece.words) > 1:
        return False
    if before is None or before.word not in ARTICLES:
        return False
    return after.word not in _NEUTRAL and piece.word not in FUNCTION_WORDS


def _is_direction(piece: Piece, before: Piece | None, after: Piece | None) -> bool:
    """'facing left', 'right behind a tree', 'left in the rain': where to, or how, and not where."""
    moving = before is not None and before.role == "unknown" and before.words[-1].endswith("ing")
    if moving:
        return True
    if piece.words not in (("left",), ("right",)):
        return False
    ends = after is None or after.role == "break" or after.words[:1] in (("side",), ("and",), ("corner",))
    starts = before is None or before.role == "break"
    return not ends and not (starts and after is not None and after.category in ("kind", "colour", "size"))


def _unknown(piece: Piece) -> Piece:
    return dataclasses.replace(piece, role="unknown", term=None)
