"""Whether the prompt of a plan says what the user's prompt says: nothing lost, no colour or count of a thing
changed, nothing turned round, nothing shown that was not to be.

Read by rule. What is lost is seen in any language; contradictions are seen in English. A plan in another
language than the prompt is taken to agree: no rule can tell.
"""

import functools
from collections.abc import Iterable, Sequence

from ..words.common_words import FUNCTION_WORDS, NEGATIONS, words
from ..words.content import content_words, plain, words_of
from ..words.inflection import stem
from .noun_phrases import NounPhrase, clauses, noun_phrases
from .roles import exchanged

_ENDS_NEGATION = words("but in on at under behind beside near by against during")
_ENGLISH = words("a an the of with and on is are at by from to into his her its")
_FOREIGN = words(
    """
    un une le la les des du et avec sous dans sur au aux l d qui el los las una y en del sobre um uma os
    com na il lo gli di e della nel der das ein eine einen einem und mit auf dem den im het een op
    """
)


def disagreements(prompt: str, planned: str, quotes: Iterable[str]) -> list[str]:
    """Why the prompt of a plan does not say what the user's says, a line each; nothing where it does.

    Args:
        prompt: the user's.
        planned: of the plan.
        quotes: the words of the user's prompt that the plan's asked facts stand for.
    """
    return [*lost(prompt, planned, quotes), *contradictions(prompt, planned)]


def lost(prompt: str, planned: str, quotes: Iterable[str]) -> list[str]:
    """Content words of the quotes that are not in the prompt of the plan, in any form; but what is not to be
    seen need not be spoken of."""
    if is_translated(prompt, planned):
        return []
    unwanted = unwanted_words(prompt)
    needed = dict.fromkeys(word.text for quote in quotes for word in content_words(quote))
    return [
        f"the plan does not say {word!r}"
        for word in needed
        if plain(word) not in NEGATIONS and stem(word) not in unwanted and not _says(planned, word)
    ]


def says_all(text: str, quote: str) -> bool:
    """Whether a text has every content word of a quote, in any form."""
    return all(_says(text, word.text) for word in content_words(quote))


def contradictions(prompt: str, planned: str) -> list[str]:
    """Where the prompt of a plan says something else of a thing: another colour or count, wherever it speaks of
    it, that it has changed places with another, or that it is there although it is not to be; a line each."""
    asked, given = noun_phrases(prompt), noun_phrases(planned)
    asked_of: dict[str, list[NounPhrase]] = {}
    for phrase in asked:
        asked_of.setdefault(phrase.noun, []).append(phrase)
    given_of: dict[str, list[NounPhrase]] = {}
    for phrase in given:
        for noun in {phrase.noun, *phrase.others}:
            given_of.setdefault(noun, []).append(phrase)
    found: list[str] = []
    for noun, wishes in asked_of.items():
        word, said = wishes[-1].word, given_of.get(noun, [])
        if said and _other_colour(noun, wishes, said, asked, given):
            found.append(f"{word!r} has another colour in the plan")
        if said and _other_count(wishes, said):
            found.append(f"{word!r} has another count in the plan")
    found += [
        f"{one!r} and {other!r} have changed places in the plan" for one, other in exchanged(prompt, planned)
    ]
    shown, unwanted = _wishes(planned)[0], unwanted_words(prompt)
    return found + [f"the plan shows {shown[each]!r}" for each in shown if each in unwanted]


def is_translated(prompt: str, planned: str) -> bool:
    """Whether a plan is in another language than the prompt: in another script, or in English although the
    prompt is not."""
    if _is_latin(prompt) != _is_latin(planned):
        return True
    return _foreignness(prompt) > 0 > _foreignness(planned)


def unwanted_words(prompt: str) -> frozenset[str]:
    """Stems of the words of things that are not to be seen, and are not wished for elsewhere in the prompt."""
    wanted, unwanted = _wishes(prompt)
    return frozenset(unwanted.keys() - wanted.keys())


def _other_colour(
    noun: str,
    wishes: Sequence[NounPhrase],
    said: Sequence[NounPhrase],
    asked: Sequence[NounPhrase],
    given: Sequence[NounPhrase],
) -> bool:
    colours = frozenset().union(*(phrase.colours for phrase in wishes))
    if not colours or any(phrase.colours & colours for phrase in said):
        return False
    if all(phrase.colours for phrase in said):
        return True
    # It has none any more: has another thing of the prompt got it?
    plain_nouns = {phrase.noun for phrase in asked} - {
        phrase.noun for phrase in asked if phrase.colours & colours
    }
    return any(phrase.noun in plain_nouns - {noun} and phrase.colours & colours for phrase in given)


def _other_count(wishes: Sequence[NounPhrase], said: Sequence[NounPhrase]) -> bool:
    numbers = {phrase.number for phrase in wishes} - {None}
    return bool(numbers) and all(phrase.number is not None and phrase.number not in numbers for phrase in said)


def _says(text: str, word: str) -> bool:
    """Whether a text has a word in some form; those of scripts without blanks are looked for as they are."""
    if not word.isascii() and word.lower() in text.lower():
        return True
    return stem(word) in _stems(text)


@functools.lru_cache(maxsize=256)
def _stems(text: str) -> frozenset[str]:
    return frozenset(stem(word.text) for word in words_of(text))


@functools.lru_cache(maxsize=256)
def _wishes(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """The content words that are to be seen, by their stems, and those that are not: what stands after a
    negation, up to where something else begins."""
    wanted: dict[str, str] = {}
    unwanted: dict[str, str] = {}
    for clause in clauses(text):
        denied = False
        for word in clause:
            if word in NEGATIONS:
                denied = True
            elif word in _ENDS_NEGATION:
                denied = False
            elif word not in FUNCTION_WORDS:
                (unwanted if denied else wanted).setdefault(stem(word), word)
    return wanted, unwanted


def _is_latin(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    return 2 * sum(character < "\u0250" for character in letters) >= len(letters)


def _foreignness(text: str) -> int:
    words = {plain(word.text) for word in words_of(text)}
    return len(words & _FOREIGN) - len(words & _ENGLISH)
