"""Which words of a typed prompt were left out, and which should have been: word by word, in any case.

Function words and words of praise count neither way, negations do; a word that a prompt has twice counts once.
Of what marks of other tools hold (`<lora:ink:0.8>`) only those words count that are to be left out, or may be.
"""

import dataclasses
from collections.abc import Iterable

from ....engine.language.words.content import content_words, plain, words_of
from ....engine.language.words.prompt_syntax import marked
from ....engine.values import Fact, Span
from .prompts import TypedPrompt

ELISIONS = ("l'", "d'", "j'", "n'", "s'", "c'", "m'", "t'", "qu'", "jusqu'", "lorsqu'")  # French: no words


@dataclasses.dataclass(frozen=True, kw_only=True)
class WordsSaid:
    """Words of one prompt, each in lower case.

    Args:
        said: content words that the plan left out.
        cannot: what the prompt asks for and the world cannot show, function words among them.
        either: words that may be left out or carried out.
        content: the words that count.
        doubtful: where the words of `either` stand in the prompt.
    """

    said: frozenset[str]
    cannot: frozenset[str]
    either: frozenset[str]
    content: frozenset[str]
    doubtful: tuple[Span, ...] = ()

    @property
    def found(self) -> frozenset[str]:
        """Left out, and rightly."""
        return self.said & self.to_find

    @property
    def to_find(self) -> frozenset[str]:
        """To be left out."""
        return self.cannot & self.content

    @property
    def wrongly(self) -> frozenset[str]:
        """Left out, and not to be."""
        return self.said - self.cannot - self.either

    def rests_on_either(self, fact: Fact) -> bool:
        """Whether a fact stands for words of `either`, among others perhaps."""
        span = fact.span
        return span is not None and any(
            span.start < word.end and word.start < span.end for word in self.doubtful
        )


def words_said(typed: TypedPrompt, left_out: Iterable[Span]) -> WordsSaid:
    """What of the prompt the plan left out, to be compared with what it should have."""
    prompt, spans = typed.prompt, tuple(left_out)
    either = _keys(typed.either, typed.language)
    cannot = _keys(typed.left_out, typed.language) - either
    marks = marked(prompt).cannot
    in_marks = [word for word in words_of(prompt) if any(_within(word, mark) for mark in marks)]
    listed = cannot | either
    counted = [*content_words(prompt), *(w for w in in_marks if _key(w.text, typed.language) in listed)]
    return WordsSaid(
        said=frozenset(
            _key(word.text, typed.language)
            for word in counted
            if any(word.start < span.end and span.start < word.end for span in spans)
        ),
        cannot=cannot,
        either=either,
        content=frozenset(_key(word.text, typed.language) for word in counted),
        doubtful=tuple(word for word in words_of(prompt) if _key(word.text, typed.language) in either),
    )


def _keys(words: Iterable[str], language: str) -> frozenset[str]:
    return frozenset(_key(part.text, language) for word in words for part in words_of(word))


def _key(word: str, language: str) -> str:
    """A word as it is compared."""
    key = plain(word)
    if language == "fr":
        key = next((key[len(joint) :] for joint in ELISIONS if key.startswith(joint)), key)
    return key


def _within(word: Span, mark: Span) -> bool:
    return mark.start <= word.start and word.end <= mark.end
