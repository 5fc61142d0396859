"""Nouns of an English text with their colours and numbers, by rule, in any vocabulary.

What a noun is, no rule knows for sure: it is taken for the last of the words that follow each other without a
word of grammar between.
"""

import dataclasses
import functools
import re
from collections.abc import Iterable, Sequence

from ..words.common_words import FUNCTION_WORDS, NEGATIONS, words
from ..words.content import plain, words_of
from ..words.inflection import NUMBERS, stem

_FAMILIES = """
    red: red crimson scarlet ruby maroon burgundy vermilion reddish
    orange: orange amber coral
    yellow: yellow golden gold blond blonde yellowish
    green: green emerald turquoise teal greenish
    blue: blue navy azure cobalt indigo sapphire turquoise teal cyan bluish
    purple: purple violet lavender lilac indigo magenta mauve
    pink: pink magenta coral
    brown: brown tan beige maroon bronze brownish
    black: black
    white: white ivory beige silver
    grey: grey gray silver greyish
"""


def _families() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for line in _FAMILIES.strip().splitlines():
        family, _, names = line.strip().partition(":")
        for word in names.split():
            found[word] = found.get(word, frozenset()) | {family}
    return found


COLOURS = _families()
"""The families that a colour word may belong to; words of one family do not contradict each other."""

_ONE = words("a an")
_UNSURE = words("few hundred thousand million billion dozens several many")
_PREPOSITIONS = words(
    """
    behind above below under underneath beneath over between among through across around inside outside
    against toward towards along before after during off out up down upon within amid like
    """
)
_IS = words("is are was were it's painted coloured colored")
_REACH = 4  # words after 'is', at most, in which a colour is still the thing's
_ENDS_CLAUSE = re.compile(r"[,;.!?:\n()\u3001\u3002\uff0c]")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NounPhrase:
    """What stands together before a noun, and the noun: `two small red boats`.

    Args:
        noun: its stem.
        word: the noun as it stands there, in lower case.
        others: stems of the words before it.
        colours: families; also those that are said after an 'is'.
        number: how many; `None` where that is not said.
    """

    noun: str
    word: str
    others: frozenset[str]
    colours: frozenset[str]
    number: int | None


def clauses(text: str) -> list[list[str]]:
    """The words of each clause, as tables have them; commas, full stops, brackets end clauses."""
    found: list[list[str]] = [[]]
    end = 0
    for word in words_of(text):
        if _ENDS_CLAUSE.search(text, end, word.start):
            found.append([])
        found[-1].append(plain(word.text))
        end = word.end
    return found


@functools.lru_cache(maxsize=256)
def noun_phrases(text: str) -> tuple[NounPhrase, ...]:
    """All of them, in their order."""
    return tuple(phrase for clause in clauses(text) for phrase in _of_clause(clause))


def _of_clause(clause: Sequence[str]) -> list[NounPhrase]:
    found: list[NounPhrase] = []
    run: list[str] = []
    before = ""  # the word before the run
    for i, word in enumerate([*clause, ""]):
        if word == "and" and run and run[-1] in COLOURS and i + 1 < len(clause) and clause[i + 1] in COLOURS:
            continue
        if word and not _ends_run(run, word):
            run.append(word)
            continue
        if run and (phrase := _phrase(run, before, clause[i:])):
            found.append(phrase)
        run, before = [], word
    return found


def _ends_run(run: Sequence[str], word: str) -> bool:
    """Whether a word is none of a noun's: of grammar, or a verb after a noun ('a boat sailing')."""
    if word in FUNCTION_WORDS or word in NEGATIONS or word in _PREPOSITIONS:
        return True
    return bool(run) and run[-1] not in COLOURS and word.endswith("ing") and len(word) > 5


def _phrase(run: Sequence[str], before: str, after: Sequence[str]) -> NounPhrase | None:
    """The phrase that a run of words is; none for a colour or a number alone."""
    *others, noun = run
    if is_no_noun(noun):
        return None
    colours = colours_in(others)
    if not colours and after and after[0] in _IS:
        colours = colours_in(after[1 : 1 + _REACH])
    return NounPhrase(
        noun=stem(noun),
        word=noun,
        others=frozenset(stem(word) for word in others),
        colours=colours,
        number=_number(others, before),
    )


def is_no_noun(word: str) -> bool:
    """Whether the last of a run of words is a colour or a number that stands alone."""
    return word in COLOURS or word in NUMBERS or word.isdigit()


def colours_in(words: Iterable[str]) -> frozenset[str]:
    """The families of all colour words among these."""
    return frozenset().union(*(COLOURS[word] for word in words if word in COLOURS))


def _number(others: Sequence[str], before: str) -> int | None:
    if not _UNSURE.isdisjoint(others):
        return None
    for word in others:
        if word in NUMBERS:
            return NUMBERS[word]
        if word.isdecimal() and len(word) <= 3:
            return int(word)
    return 1 if before in _ONE else None
