"""Whether words are English, where they could be of another language, too."""

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


def is_english(words: Collection[str], *, but: Collection[str] = ()) -> bool:
    """Whether all these words are of the English dictionary, and common, or beside one that is surely English.

    Args:
        but: articles, of any language: where one of them is there that English does not have, they are not.
    """
    if any(word in but and word not in SHARED_ARTICLES for word in words):
        return False
    known = _dictionary()
    is_sure = not SURELY.isdisjoint(words)
    return all(word in known and (is_sure or known[word] >= COMMON) for word in words)


@functools.cache
def _dictionary() -> Any:
    """Loaded when it is first needed."""
    from spellchecker import SpellChecker

    return SpellChecker(language="en")
