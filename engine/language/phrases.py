"""A prompt as a row of phrases: what each of its words, or several together, mean in a closed vocabulary.

The longest phrase wins. A word that is none of the vocabulary's and no word of the language either is taken for
the one that it is a slip of, where there is just one so near.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Literal

from ..fact import Span
from .common_words import FUNCTION_WORDS, NEGATIONS
from .content import plain, praised, words_of
from .prompt_syntax import marked
from .vocabulary import Term, Vocabulary

Role = Literal["term", "own", "function", "praise", "negation", "unknown", "break"]
_BREAKS = frozenset(",;.!?:\n\u3001\u3002\uff0c")
SHORTEST = 4  # letters of a word that may be a slip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Piece:
    """A phrase of a prompt.

    Args:
        role: `term` of the vocabulary; `own`, a setting for some kinds of things alone; a word of grammar or of
            praise; a negation; a word that means nothing here; or what parts phrases from each other.
        words: as tables have them.
        span: its place in the prompt; of a break, empty.
    """

    role: Role
    span: Span
    words: tuple[str, ...] = ()
    term: Term | None = None

    @property
    def category(self) -> str:
        return self.term.category if self.term else ""


def pieces_of(prompt: str, vocabulary: Vocabulary) -> tuple[list[Piece], tuple[Span, ...]]:
    """The phrases of a prompt in their order, and the marks in it that no words carry out."""
    reading = marked(prompt)
    words = list(words_of(reading.text))
    praise = praised(reading.text, words)
    pieces: list[Piece] = []
    i = 0
    while i < len(words):
        if i and _parts(reading.text[words[i - 1].end : words[i].start]):
            pieces.append(Piece(role="break", span=Span.of(prompt, words[i].start, words[i].start)))
        count = _longest(reading.text, words, i, vocabulary)
        run = words[i : i + max(count, 1)]
        span = Span.of(prompt, run[0].start, run[-1].end)
        pieces.append(_piece(tuple(plain(word.text) for word in run), span, i in praise, vocabulary))
        i += len(run)
    return pieces, reading.cannot


def _piece(words: tuple[str, ...], span: Span, praise: bool, vocabulary: Vocabulary) -> Piece:
    term = vocabulary.terms.get(words)
    if term is not None:
        return Piece(role="term", span=span, words=words, term=term)
    if words in vocabulary.own_phrases:
        return Piece(role="own", span=span, words=words)
    (word,) = words
    if word in NEGATIONS:
        return Piece(role="negation", span=span, words=words)
    if praise:
        return Piece(role="praise", span=span, words=words)
    if word in FUNCTION_WORDS:
        return Piece(role="function", span=span, words=words)
    meant = _meant(word, vocabulary)
    return Piece(role="term" if meant else "unknown", span=span, words=words, term=meant)


def _longest(text: str, words: Sequence[Span], i: int, vocabulary: Vocabulary) -> int:
    """Of how many words the longest phrase is that begins at word `i`; 0 for none. It reaches over no break."""
    reach = 1
    while i + reach < len(words) and reach < vocabulary.longest:
        if _parts(text[words[i + reach - 1].end : words[i + reach].start]):
            break
        reach += 1
    for count in range(reach, 0, -1):
        phrase = tuple(plain(word.text) for word in words[i : i + count])
        if phrase in vocabulary.terms or phrase in vocabulary.own_phrases:
            return count
    return 0


def _parts(between: str) -> bool:
    return any(character in _BREAKS for character in between)


def _meant(word: str, vocabulary: Vocabulary) -> Term | None:
    """What a misspelt word means: the one term that is a slip away, where the word is none of the language."""
    if len(word) < SHORTEST or not word.isalpha():
        return None
    near = [
        (away, term.plural, known, term)
        for known, term in vocabulary.single_words.items()
        if term.category in ("kind", "colour", "size", "setting", "style")
        and len(known) >= SHORTEST
        and abs(len(known) - len(word)) <= 2
        and (away := slips(word, known)) <= (2 if min(len(word), len(known)) >= 8 else 1)
    ]
    if len({(term.category, term.value) for *_, term in near}) != 1 or _dictionary()(word):
        return None
    return min(near, key=lambda each: each[:3])[3]


def slips(one: str, other: str) -> int:
    """How many letters must be changed, added, left out, or swapped with a neighbour (Damerau 1964)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


@functools.cache
def _dictionary() -> Callable[[str], bool]:
    """Whether a word is one of the languages that prompts are read in; loaded when first needed."""
    from spellchecker import SpellChecker

    checker = SpellChecker(language=["en", "fr"])
    return lambda word: word in checker
