"""A vocabulary with things beside its own, which are known by a picture alone: they have a name, no more."""

import dataclasses
from collections.abc import Iterable

from .vocabulary import Kind, Term, Vocabulary, plain_words


def with_names(vocabulary: Vocabulary, names: Iterable[str]) -> Vocabulary:
    """The vocabulary, in which these name kinds of things, too. What it knows stays as it is.

    A thing of such a kind has its own colour, and stands anywhere.
    """
    phrases = {name: plain_words(name) for name in names}
    new = {name: phrase for name, phrase in phrases.items() if phrase and phrase not in vocabulary.terms}
    if not new:
        return vocabulary
    plurals = {name: f"{name}s" for name in new}
    terms = {plain_words(plurals[name]): Term("kind", name, plural=True) for name in new}
    terms |= {phrase: Term("kind", name) for name, phrase in new.items()}
    kinds = {
        name: Kind(name=name, plural=plurals[name], colours=("",), settings=vocabulary.settings) for name in new
    }
    return dataclasses.replace(
        vocabulary,
        terms={**terms, **vocabulary.terms},
        kinds={**vocabulary.kinds, **kinds},
        languages={each: {**terms, **own} for each, own in vocabulary.languages.items()},
    )
