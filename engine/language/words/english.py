"""Whether words are words at all, and English ones, where they could be of another language, too."""

import functools
from collections.abc import Collection
from typing import Any

SURELY = frozenset(("the", "and", "of", "with", "is", "are", "at", "my", "his", "from", "for", "by", "to"))
"""Words of grammar that no other language shares."""

SHARED_ARTICLES = frozenset(("a", "as", "die", "o", "l"))
"""Articles of other languages that are something else in English."""

COMMON = 2500
"""Times that a word stands in the dictionary's 1.6 thousand million words of text: 'main' does, 'casa' does
not."""


def is_a_word(word: str) -> bool:
    """Whether a word is an English or a French one."""
    return word in _dictionary("en") or word in _dictionary("fr")


def is_english(words: Collection[str]) -> bool:
    """Whether all these words are of the English dictionary, and common, or beside one that is surely English;
    several at least. Numbers do not count."""
    letters = [word for word in words if word.isalpha()]
    if len(letters) < 2 or not all(word.isascii() for word in letters):
        return False
    known, is_sure = _dictionary("en"), not SURELY.isdisjoint(letters)
    return all(word in known and (is_sure or known[word] >= COMMON) for word in letters)


@functools.cache
def _dictionary(language: str) -> Any:
    """Loaded when it is first needed."""
    from spellchecker import SpellChecker

    return SpellChecker(language=language)
