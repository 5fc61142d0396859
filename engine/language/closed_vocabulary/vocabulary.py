"""The closed vocabulary of a planner: `vocabulary.json` beside its weights.

For everything that can be drawn it has the usual phrase and all the ways in which people say it, in any
language; for each kind of thing, too, the colours and the settings that are usual for it. It says nothing of
what can be drawn together; that is left to `composition`.
"""

import dataclasses
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ...errors import CheckpointError
from ..words.content import plain_words

FILE = "vocabulary.json"
MAX_BYTES = 8_000_000

Category = Literal["kind", "colour", "size", "number", "several", "place", "relation", "setting", "style"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of thing.

    Args:
        name: the usual word; `plural`, several of it.
        colours, settings: the usual ones, by their usual phrases, for what the prompt leaves open.
        own_settings: ways to say a setting that hold for this kind alone: a boat 'on the ocean', say.
    """

    name: str
    plural: str
    colours: tuple[str, ...]
    settings: tuple[str, ...]
    own_settings: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Term:
    """What a phrase means: `value` is the usual phrase of its category; of numbers, digits."""

    category: Category
    value: str
    plural: bool = False


Phrase = tuple[str, ...]
"""Words as `content.plain_words` has them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """All that a planner knows, by what people say.

    Args:
        terms: phrases to what they mean.
        kinds: by their names.
        colours, sizes, places, relations, settings, styles: usual phrases.
        numbers: by digits, the usual word.
        plain_size, plain_style: those that need not be said.
        plain_kind: what is drawn of a prompt that names a setting, and nothing in it.
        after_noun: words that are colours behind a noun alone, and else things: 'roses'.
    """

    terms: Mapping[Phrase, Term]
    kinds: Mapping[str, Kind]
    colours: tuple[str, ...]
    sizes: tuple[str, ...]
    places: tuple[str, ...]
    relations: tuple[str, ...]
    settings: tuple[str, ...]
    styles: tuple[str, ...]
    numbers: Mapping[str, str]
    plain_size: str
    plain_style: str
    plain_kind: str
    after_noun: frozenset[str] = frozenset()

    @functools.cached_property
    def longest(self) -> int:
        """Words of the longest phrase."""
        return max(map(len, self.terms))

    @functools.cached_property
    def single_words(self) -> Mapping[str, Term]:
        """Words that mean something by themselves."""
        return {phrase[0]: term for phrase, term in self.terms.items() if len(phrase) == 1}

    def setting_of(self, kind: str, phrase: Phrase) -> str:
        """The setting that a phrase means where it is said of this kind; empty for none."""
        return self._own_settings.get((kind, phrase), "")

    @functools.cached_property
    def _own_settings(self) -> Mapping[tuple[str, Phrase], str]:
        return {
            (kind.name, plain_words(way)): setting
            for kind in self.kinds.values()
            for way, setting in kind.own_settings.items()
        }

    @functools.cached_property
    def own_phrases(self) -> frozenset[Phrase]:
        """Phrases that mean a setting where they are said of some kinds."""
        return frozenset(phrase for _, phrase in self._own_settings)


def read_vocabulary(folder: Path) -> Vocabulary | None:
    """The vocabulary of a planner's folder; `None` where it has none, and reads any words.

    Raises:
        CheckpointError: the file is damaged, or far too large.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"has more than {MAX_BYTES} bytes")
        return vocabulary_of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path}: {error}: ship the planner again") from None


def vocabulary_of(table: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary that the content of a `vocabulary.json` describes.

    Raises:
        ValueError, KeyError, TypeError: it does not.
    """
    kinds = {name: _kind(name, entry) for name, entry in table["kinds"].items()}
    vocabulary = Vocabulary(
        terms={plain_words(way): term for way, term in _terms(table)},
        kinds=kinds,
        colours=tuple(table["colours"]),
        sizes=tuple(table["sizes"]),
        places=tuple(table["places"]),
        relations=tuple(table["relations"]),
        settings=tuple(table["settings"]),
        styles=tuple(table["styles"]),
        numbers={number: str(ways[0]) for number, ways in table["numbers"].items()},
        plain_size=table["plain_size"],
        plain_style=table["plain_style"],
        plain_kind=table["plain_kind"],
        after_noun=frozenset(table.get("after_noun", ())),
    )
    if vocabulary.plain_kind not in kinds:
        raise ValueError(f"plain_kind {vocabulary.plain_kind!r} is none of the kinds")
    for kind in kinds.values():
        strange = {*kind.colours} - {*vocabulary.colours} | {*kind.settings, *kind.own_settings.values()} - {
            *vocabulary.settings
        }
        if strange or not kind.colours or not kind.settings:
            raise ValueError(
                f"kind {kind.name!r}: usual colours and settings must be known ones, not {strange}"
            )
    return vocabulary


def _kind(name: str, entry: Mapping[str, Any]) -> Kind:
    return Kind(
        name=name,
        plural=entry["plurals"][0],
        colours=tuple(entry["colours"]),
        settings=tuple(entry["settings"]),
        own_settings=dict(entry.get("own_settings", {})),
    )


def _terms(table: Mapping[str, Any]) -> Iterator[tuple[str, Term]]:
    """Ways to say a thing, each with what it means; of two meanings of one way the first stays."""
    said: set[str] = set()
    for way, term in _all_terms(table):
        if way not in said:
            said.add(way)
            yield way, term


def _all_terms(table: Mapping[str, Any]) -> Iterator[tuple[str, Term]]:
    for name, entry in table["kinds"].items():
        yield from ((way, Term("kind", name)) for way in entry["ways"])
        yield from ((way, Term("kind", name, plural=True)) for way in entry["plurals"])
    categories: Sequence[tuple[Category, str]] = (
        ("relation", "relations"),
        ("place", "places"),
        ("setting", "settings"),
        ("style", "styles"),
        ("colour", "colours"),
        ("size", "sizes"),
        ("number", "numbers"),
    )
    for category, key in categories:
        for value, ways in table[key].items():
            yield from ((way, Term(category, value)) for way in ways)
    yield from ((way, Term("several", "several")) for way in table["several"])
