"""A prompt as a list of phrases: the meaning of each word, or of several together, in a closed vocabulary.

The longest phrase wins. A word that is none of the vocabulary's and no word of the language either is taken for
the one that it is a slip of, where there is just one so near.
"""

import dataclasses
import functools
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from rapidfuzz.distance import OSA

from ...values.fact import Span
from ..words.common_words import FUNCTION_WORDS, NEGATION_PHRASES, NEGATIONS, QUALITY_PHRASES
from ..words.content import plain, praised, words_of
from ..words.english import is_a_word
from ..words.prompt_syntax import marked
from .signs import ends_of, nouns_of, signs_in, single
from .vocabulary import Phrase, Term, Vocabulary

Role = Literal["term", "own", "function", "praise", "negation", "unknown", "break", "digits"]
_BREAKS = frozenset(",;.!?:\n\u3001\u3002\uff0c\u0964")
_HYPHENS = frozenset(["-", "\u2010", "\u2011"])
_UNDOING = frozenset(["non", "un", "not", "anti"])
_TIMES = re.compile(r"x(\d{1,3})|(\d{1,3})x")
_COUNTED = re.compile(r"(\d{1,4})([^\W\d_]+)")
SHORTEST = 4  # letters of a word that may be a slip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Piece:
    """A phrase of a prompt.

    Args:
        role: `term` of the vocabulary; `own`, a setting for some kinds of things alone; a word of grammar or of
            praise; a negation; a word that means nothing here; or what parts phrases from each other.
        words: as tables have them.
        span: its place in the prompt; of a break, empty.
        misspelt: its word is none here, and was taken for the one that it is a slip of, or for what it is one
            of.
    """

    role: Role
    span: Span
    words: tuple[str, ...] = ()
    term: Term | None = None
    misspelt: bool = False

    @property
    def word(self) -> str:
        """Its first word; of a break, none."""
        return self.words[0] if self.words else ""

    @property
    def category(self) -> str:
        return self.term.category if self.term else ""


def pieces_of(prompt: str, vocabulary: Vocabulary) -> tuple[list[Piece], tuple[Span, ...]]:
    """The phrases of a prompt in their order, and the marks in it that no words carry out."""
    reading = marked(prompt)
    pieces = _pieces(prompt, reading.text, (), vocabulary)
    signs = signs_in(prompt, vocabulary.signs)
    if not signs:
        return pieces, reading.cannot
    nouns = nouns_of(signs, pieces)
    cannot = [span for span in reading.cannot if not any(span.start <= sign.start < span.end for sign in nouns)]
    return _pieces(prompt, reading.text, nouns, vocabulary), tuple(cannot)


def _pieces(prompt: str, text: str, signs: Sequence[Span], vocabulary: Vocabulary) -> list[Piece]:
    """The phrases of a prompt's text, in which these signs are nouns."""
    words = sorted([*words_of(text, apart=True), *signs], key=lambda word: word.start)
    names = [single(word.text) if word in signs else plain(word.text) for word in words]
    return _without_makers(_phrases_of(_Text(prompt, text, words, names, vocabulary.read_as(names))))


def _phrases_of(text: "_Text") -> list[Piece]:
    prompt, words = text.prompt, text.words
    pieces: list[Piece] = []
    i = 0
    while i < len(words):
        if i and text.parted(i):
            pieces.append(Piece(role="break", span=Span.of(prompt, words[i].start, words[i].start)))
        found = text.at(i)
        pieces += found
        i += sum(max(1, len(piece.words)) for piece in found) if found[0].role != "digits" else 1
    return [dataclasses.replace(p, role="term") if p.role == "digits" else p for p in pieces]


def _without_makers(pieces: Sequence[Piece]) -> list[Piece]:
    """The phrases, of which those mean nothing that name somebody in whose manner the picture is wished for: of
    'a boat by van gogh' no van is to be drawn. They stand behind 'by' or 'style of', or before 'style' at the
    beginning of a clause, and one word of them is none of the vocabulary's: 'a cat by houses' stands beside
    some."""
    found = list(pieces)
    for i, piece in enumerate(pieces):
        if piece.word == "by" or (piece.word == "of" and i and pieces[i - 1].word == "style"):
            run = _run_of_names(pieces, range(i + 1, len(pieces)))
        elif piece.words == ("style",):
            run = _run_of_names(pieces, range(i - 1, -1, -1))
            run = run if len(run) == i or pieces[i - 1 - len(run)].role == "break" else []
        else:
            continue
        if any(pieces[j].role == "unknown" or pieces[j].misspelt for j in run):
            for j in run:
                found[j] = dataclasses.replace(pieces[j], role="unknown", term=None, misspelt=False)
    return found


def _run_of_names(pieces: Sequence[Piece], places: Iterable[int]) -> list[int]:
    """The places, as far as things or words that nobody knows stand there without an article."""
    return list(
        itertools.takewhile(lambda i: pieces[i].role == "unknown" or pieces[i].category == "kind", places)
    )


def misspelt_in(prompt: str, vocabulary: Vocabulary) -> dict[str, str]:
    """The words of a prompt that were taken for others, as they stand there, and the usual phrase for what they
    are taken for."""
    pieces, _ = pieces_of(prompt, vocabulary)
    return {piece.span.text: piece.term.value for piece in pieces if piece.misspelt and piece.term}


@dataclasses.dataclass(frozen=True)
class _Text:
    """A prompt's words, and what a phrase that begins at one of them means.

    Args:
        text: the prompt without its marks.
        plain: each word as tables have it.
    """

    prompt: str
    text: str
    words: Sequence[Span]
    plain: Sequence[str]
    vocabulary: Vocabulary

    @functools.cached_property
    def _praised(self) -> Mapping[int, int]:
        return praised(self.text, list(self.words))

    @property
    def _negations(self) -> frozenset[Phrase]:
        return self.vocabulary.negations | self.vocabulary.negations_behind

    def _praise(self, i: int) -> int:
        """Of how many words the praise is that begins at word `i`; 0 for none."""
        return self._praised.get(i, 0)

    def parted(self, i: int) -> bool:
        """Whether a comma or the like stands before word `i`; what two picture signs show are two things."""
        if self.plain[i - 1] in self.vocabulary.signs and self.plain[i] in self.vocabulary.signs:
            return True
        between = self.text[self.words[i - 1].end : self.words[i].start]
        return any(character in _BREAKS for character in between)

    def at(self, i: int) -> list[Piece]:
        """The phrase that begins at word `i`; of a hyphened word, or of one behind a number, its parts."""
        if self.plain[i] in self.vocabulary.signs:
            return self._sign(i)
        terms, own = self.vocabulary.terms, self.vocabulary.own_phrases
        chain = self._chain(i)
        longest = self._longest(i)
        praise = self._praise(i)
        if chain > max(1, longest, praise) and not all(self._may_part(j) for j in range(i, i + chain)):
            return self._hyphened(i, chain)
        if praise > max(longest, 1):
            return [self._piece(i, praise, "praise")]
        if longest <= 1 and (joined := self._joined(i)) is not None:
            return [self._piece(i, 2, "term", joined)]
        if longest:
            words = tuple(self.plain[i : i + longest])
            if words in NEGATION_PHRASES or words in self._negations:
                return [self._piece(i, longest, "negation")]
            if words not in terms and words not in own:
                return [self._piece(i, longest, "function")]
            return [self._piece(i, longest, "own" if words in own else "term", terms.get(words))]
        return self._word(i)

    def _word(self, i: int) -> list[Piece]:
        word = self.plain[i]
        if word in NEGATIONS:
            return [self._piece(i, 1, "negation")]
        if praise := self._praise(i):
            return [self._piece(i, praise, "praise")]
        if word in FUNCTION_WORDS:
            return [self._piece(i, 1, "function")]
        if (counted := _COUNTED.fullmatch(word)) and (noun := self.vocabulary.terms.get((counted[2],))):
            return self._counted(i, counted, noun)
        if times := _TIMES.fullmatch(word):  # 'x4', '4x'
            number = times[1] or times[2]
            term = self.vocabulary.terms.get((number,)) or Term("number", number)
            return [self._piece(i, 1, "term", term)]
        if foreign := _foreign(word, self.vocabulary):
            return [self._piece(i, 1, "term", foreign)]
        meant = _one_of(word, self.vocabulary) or _meant(word, self.vocabulary)
        if meant is None and _is_slip_of_grammar(word):
            return [self._piece(i, 1, "function")]
        piece = self._piece(i, 1, "term" if meant else "unknown", meant)
        return [dataclasses.replace(piece, misspelt=meant is not None)]

    def _joined(self, i: int) -> Term | None:
        """What two words name that stand apart and are written as one: 'snow man'."""
        pair = self.plain[i : i + 2]
        if len(pair) < 2 or self.parted(i + 1) or any(len(word) < SHORTEST - 1 for word in pair):
            return None
        if any(self._is_grammar(word) for word in pair):
            return None
        found = self.vocabulary.terms.get(("".join(pair),))
        return found if found is not None and found.category == "kind" else None

    def _is_grammar(self, word: str) -> bool:
        own = (word,)
        return word in FUNCTION_WORDS or (own in self.vocabulary.functions and own not in self.vocabulary.terms)

    def _counted(self, i: int, counted: re.Match[str], noun: Term) -> list[Piece]:
        """'2cats': a number and a noun."""
        start, middle = self.words[i].start, self.words[i].start + len(counted[1])
        number = self.vocabulary.terms.get((counted[1],)) or Term("number", counted[1])
        spans = Span.of(self.prompt, start, middle), Span.of(self.prompt, middle, self.words[i].end)
        return [
            Piece(role="digits", span=spans[0], words=(counted[1],), term=number),
            Piece(role="digits", span=spans[1], words=(counted[2],), term=noun),
        ]

    def _sign(self, i: int) -> list[Piece]:
        """'🍎🍎🍎': a number and a noun; '🍎': a noun."""
        run, kind, ends = self.words[i], self.vocabulary.signs[self.plain[i]], ends_of(self.words[i].text)
        if len(ends) == 1:
            return [self._piece(i, 1, "term", Term("kind", kind))]
        number, first = str(len(ends)), run.start + ends[0]
        more, one = Span.of(self.prompt, first, run.end), Span.of(self.prompt, run.start, first)
        counted = self.vocabulary.terms.get((number,)) or Term("number", number)
        return [
            Piece(role="digits", span=more, words=(number,), term=counted),
            Piece(role="digits", span=one, words=(self.plain[i],), term=Term("kind", kind, plural=True)),
        ]

    def _hyphened(self, i: int, count: int) -> list[Piece]:
        """'two-headed', 'non-red': one word that nobody knows; but of 'sky-blue' the colour is known."""
        last = self.vocabulary.terms.get((self.plain[i + count - 1],))
        if last and last.category == "colour" and not {*self.plain[i : i + count]} & _UNDOING:
            return [self._piece(i, count - 1, "unknown"), self._piece(i + count - 1, 1, "term", last)]
        return [self._piece(i, count, "unknown")]

    def _chain(self, i: int) -> int:
        """Of how many words a hyphened word has that begins at word `i`; 1 where none does."""
        count = 1
        while i + count < len(self.words) and (
            self.text[self.words[i + count - 1].end : self.words[i + count].start] in _HYPHENS
        ):
            count += 1
        return count

    def _may_part(self, j: int) -> bool:
        term = self.vocabulary.terms.get((self.plain[j],))
        grammar = term is None and self.plain[j] in FUNCTION_WORDS  # 'dessine-moi'
        return grammar or (term is not None and term.category == "colour")

    def _longest(self, i: int) -> int:
        """Of how many words the longest phrase is that begins at word `i`, up to a break; 0 for none."""
        reach = 1
        while i + reach < len(self.words) and reach < self.vocabulary.longest and not self.parted(i + reach):
            reach += 1
        for count in range(reach, 0, -1):
            phrase = tuple(self.plain[i : i + count])
            if (
                phrase in self.vocabulary.terms
                or phrase in self.vocabulary.own_phrases
                or phrase in NEGATION_PHRASES
                or phrase in self._negations
                or phrase in self.vocabulary.functions
            ):
                return count
        return 0

    def _piece(self, i: int, count: int, role: Role, term: Term | None = None) -> Piece:
        span = Span.of(self.prompt, self.words[i].start, self.words[i + count - 1].end)
        return Piece(role=role, span=span, words=tuple(self.plain[i : i + count]), term=term)


def _one_of(word: str, vocabulary: Vocabulary) -> Term | None:
    """What is drawn for a word that has no drawing of its own: of 'corgis', dogs."""
    for name, plural in ((word, False), (word.removesuffix("s"), True)):
        if name in vocabulary.broader:
            return Term("kind", vocabulary.broader[name], plural=plural)
    return None


def _foreign(word: str, vocabulary: Vocabulary) -> Term | None:
    """What a word means in a language that the prompt is not in, where it is no other word: 'a red gato'."""
    term = vocabulary.elsewhere.get(word)
    return term if term is not None and not is_a_word(word) else None


def _meant(word: str, vocabulary: Vocabulary) -> Term | None:
    """What a misspelt word means: the one term that is a slip away, where the word is none of the language. Of
    a short word, that is two letters that changed places: 'rde'."""
    if len(word) < SHORTEST - 1 or not word.isalpha():
        return None
    short = len(word) < SHORTEST
    near = [
        (away, term.plural, known, term)
        for known, term in vocabulary.drawn_words.get(word[0], ())
        if len(known) >= SHORTEST - 1
        and abs(len(known) - len(word)) <= 2
        and (not short or sorted(known) == sorted(word))
        and (away := slips(word, known)) <= (2 if min(len(word), len(known)) >= 8 else 1)
    ]
    own = vocabulary.languages.get("", {})  # where it is not known which language the prompt is in
    near = [each for each in near if (each[2],) in own] or near
    same = vocabulary.elsewhere.get(word)  # 'girafe' is a word, in French
    if same and len(word) > SHORTEST + 1 and same.value[0] == word[0] and slips(word, same.value) <= 2:
        return same
    if len({(term.category, term.value) for *_, term in near}) != 1 or is_a_word(word):
        return None
    return min(near, key=lambda each: each[:3])[3]


def _is_slip_of_grammar(word: str) -> bool:
    """'stlye', 'pleese', 'beatiful': no word, but one letter from one of grammar or praise."""
    if len(word) < SHORTEST + 1 or not word.isalpha() or is_a_word(word):
        return False
    asking_nothing = FUNCTION_WORDS | QUALITY_PHRASES
    near = (known for known in asking_nothing if abs(len(known) - len(word)) <= 1 and known[0] == word[0])
    return any(len(known) > SHORTEST and slips(word, known) <= 1 for known in near)


def slips(one: str, other: str) -> int:
    """How many letters must be changed, added, left out, or swapped with a neighbour (Damerau 1964, as optimal
    string alignment); 3 where it is more than two."""
    return OSA.distance(one, other, score_cutoff=2)
