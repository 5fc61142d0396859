"""The words around a place in a prompt: the reader of wishes looks at both sides before it decides."""

from collections.abc import Sequence

from ..words.common_words import FUNCTION_WORDS
from ..words.grammar_words import AND, LEADS, OF_ANOTHER, WITHIN
from .context import ARTICLES
from .phrases import Piece


class Surroundings:
    """The pieces of one prompt, by their places; beyond its ends there are breaks."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = list(pieces)

    def _piece(self, at: int) -> Piece | None:
        return self._pieces[at] if 0 <= at < len(self._pieces) else None

    def _word(self, at: int) -> str:
        """The first word of the phrase at a place; empty where there is none, or a break."""
        piece = self._piece(at)
        return piece.word if piece and piece.words else ""

    def _is_break(self, at: int) -> bool:
        piece = self._piece(at)
        return piece is None or piece.role == "break"

    def _is_noun(self, at: int) -> bool:
        piece = self._piece(at)
        return piece is not None and (piece.category == "kind" or piece.role == "unknown")

    def _noun_follows(self, at: int) -> bool:
        """Whether nothing but adjectives stands between this place and a noun, known or not."""
        while (piece := self._piece(at)) is not None and piece.category in ("colour", "size"):
            at += 1
        return self._is_noun(at)

    def _named_after(self, at: int) -> bool:
        """Whether a setting or style follows that is named as things are, and not by 'in' or 'at'."""
        piece = self._piece(at)
        if piece is None or not (piece.category in ("setting", "style") or piece.role == "own"):
            return False
        return piece.word not in FUNCTION_WORDS | LEADS

    def _joined_noun(self, at: int) -> bool:
        """Whether after 'and' or a comma adjectives go on to a noun: 'a red and white boat'."""
        if not (self._word(at) in AND or (self._piece(at) is not None and self._is_break(at))):
            return False
        return self._piece(at + 1) is not None and self._noun_follows(at + 1)

    def _still_of_it(self, at: int) -> bool:
        """Whether what follows 'and' is said of the same thing: 'is red and on the left'."""
        piece = self._piece(at)
        if piece is None:
            return False
        if piece.category in ("place", "relation"):
            return True
        return piece.category in ("colour", "size") and not self._noun_follows(at)

    def _stands_to(self, i: int) -> bool:
        """Whether a word of grammar may say how one thing stands to another."""
        before = self._piece(i - 1)
        of_a_thing = before is not None and before.category == "kind"
        return self._word(i) in WITHIN or (self._word(i) in OF_ANOTHER and of_a_thing)

    def _noun_after(self, i: int) -> bool:
        """Whether a known noun follows, with nothing but what belongs to it between."""
        at = i + 1
        while (piece := self._piece(at)) is not None and piece.category != "kind":
            passes = piece.role in ("praise", "unknown") or piece.category in (
                "colour",
                "size",
                "number",
                "several",
            )
            if not passes and not (piece.role == "function" and piece.word in ARTICLES | {"very", "d", "de"}):
                return False
            at += 1
        return piece is not None

    def _adjectives_alone(self, start: int, end: int) -> bool:
        return all(
            p.category in ("colour", "size") or p.role in ("break", "function") for p in self._pieces[start:end]
        )


def is_one(piece: Piece) -> bool:
    """'the one', 'this one': no number."""
    return piece.term is not None and piece.term.value == "1"
