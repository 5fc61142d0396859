"""The closed vocabulary of a planner: `vocabulary.json` beside its weights.

For everything that can be drawn it has the usual phrase and all the ways in which people say it, in any
language; where languages differ in what a phrase means, that of the prompt decides. For each kind of thing it
has, too, the colours and the settings that are usual for it. It says nothing of what can be drawn together;
that is left to `composition`.
"""

import dataclasses
import functools
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ...errors import CheckpointError
from ..words.common_words import FUNCTION_WORDS, NEGATIONS
from ..words.content import plain_words as words_in
from ..words.english import SHARED_ARTICLES, SURELY, is_english

FILE = "vocabulary.json"
MAX_BYTES = 8_000_000

plain_words = functools.partial(words_in, apart=True)
"""The words of a phrase as the tables of closed vocabularies have them."""

Category = Literal["kind", "colour", "size", "number", "several", "place", "relation", "setting", "style"]


def scripts_of(text: str) -> frozenset[str]:
    """The scripts that a text's letters are of: LATIN, CYRILLIC, CJK (Unicode's names of letters begin so)."""
    return frozenset(unicodedata.name(letter, "").partition(" ")[0] for letter in {*text} if letter.isalpha())


def _is_latin(phrase: Sequence[str]) -> bool:
    return any("a" <= letter <= "z" for word in phrase for letter in word)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of thing.

    Args:
        name: the usual word; `plural`, several of it.
        colours, settings: the usual ones, by their usual phrases, for what the prompt leaves open; an empty
            colour is the thing's own, which has no name.
        can_be: the colours that it may have.
        own_settings: ways to say a setting that hold for this kind alone: a boat 'on the ocean', say.
        drawn_in: the styles that it is drawn in; empty for all.
    """

    name: str
    plural: str
    colours: tuple[str, ...]
    settings: tuple[str, ...]
    own_settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    can_be: frozenset[str] = frozenset()
    drawn_in: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Term:
    """What a phrase means: `value` is the usual phrase of its category; of numbers, digits."""

    category: Category
    value: str
    plural: bool = False


Phrase = tuple[str, ...]
"""Words as `plain_words` has them."""


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
        nouns: words that are colours, and things where they stand alone behind an article: 'an orange'.
        colour_nouns: words that are things, and colours before a noun: 'a rose cup'.
        articles: those beside the English and French ones.
        functions: phrases of grammar beside those of English and French.
        negations, negations_behind: phrases that deny what follows, or what stands before, beside the English
            and French ones.
        after_things: relations that are said after all their things, as in Chinese, or after the second of
            them: 'tree left-of horse' is said of the horse.
        after_two: likewise of 'between', after the two that the third is between, as in Japanese.
        signs: picture signs, as `signs.plain_sign` has them, and the kinds that they stand for.
        broader: words for what has no drawing of its own, and the kinds that it is one of: a corgi is a dog.
        plain_kinds: by setting, what is drawn of a prompt that names this alone; else `plain_kind`.
        languages: what phrases mean by language, the first of which is ''; empty where there is one alone.
        own_functions: by language, its words of grammar, which may be things in others, or deny something:
            'hay un gato', 'no parque'.
        elsewhere: what single words mean in languages that a prompt is not in.
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
    nouns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    colour_nouns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    articles: frozenset[str] = frozenset()
    functions: frozenset[Phrase] = frozenset()
    negations: frozenset[Phrase] = frozenset()
    negations_behind: frozenset[Phrase] = frozenset()
    after_things: frozenset[Phrase] = frozenset()
    after_two: frozenset[Phrase] = frozenset()
    signs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    broader: Mapping[str, str] = dataclasses.field(default_factory=dict)
    plain_kinds: Mapping[str, str] = dataclasses.field(default_factory=dict)
    languages: Mapping[str, Mapping[Phrase, Term]] = dataclasses.field(default_factory=dict)
    own_functions: Mapping[str, frozenset[Phrase]] = dataclasses.field(default_factory=dict)
    elsewhere: Mapping[str, Term] = dataclasses.field(default_factory=dict)

    def read_as(self, words: Sequence[str]) -> "Vocabulary":
        """This vocabulary, with what phrases mean in the language that most of these words are of: the phrases
        of the first language and of that one, and those in other scripts, which nobody takes for either.
        'Main' is no hand in English. All of them where no word is known, or several languages know as many.

        A prompt all of whose words are English is not in a language that shares them.
        """
        if not self.languages:
            return self
        telling = [word for word in words if word not in self.articles]
        known = {name: sum(word in own for word in telling) for name, own in self._words_of.items()}
        known[""] += len(SURELY.intersection(words))
        most = max(known.values())
        if not most:
            return self
        best = tuple(name for name in known if known[name] == most)
        if any(word in self.articles and word not in SHARED_ARTICLES for word in words):
            best = tuple(name for name in best if name) or best  # 'ein Boot', 'el pie'
        elif best != ("",) and (self._words_of[""].issuperset(telling) or is_english(words)):
            best = ("",)
        if best not in self._in_languages:
            self._in_languages[best] = self._in(best)
        return self._in_languages[best]

    @functools.cached_property
    def _words_of(self) -> Mapping[str, frozenset[str]]:
        """By language the words of its phrases."""
        return {
            name: frozenset(word for phrase in (*terms, *self.own_functions.get(name, ())) for word in phrase)
            for name, terms in self.languages.items()
        }

    @functools.cached_property
    def _in_languages(self) -> "dict[tuple[str, ...], Vocabulary]":
        """Those of `read_as` that were needed so far."""
        return {}

    def _in(self, names: Sequence[str]) -> "Vocabulary":
        """In these languages, of which the first decides where they differ."""
        terms = {phrase: term for phrase, term in self.terms.items() if not _is_latin(phrase)}
        terms |= self.languages[""]
        if "" not in names:
            grammar = frozenset((word,) for word in self.articles).union(
                *(self.own_functions.get(name, ()) for name in names)
            )
            terms = {phrase: term for phrase, term in terms.items() if phrase not in grammar}
        for name in reversed(names):
            terms |= self.languages[name]
        return dataclasses.replace(
            self,
            terms=terms,
            functions=self.functions.union(*(self.own_functions.get(name, ()) for name in names)),
            languages={},
            elsewhere={phrase[0]: term for phrase, term in self.terms.items() if len(phrase) == 1},
        )

    @functools.cached_property
    def scripts(self) -> frozenset[str]:
        """Those that its words are written in; see `scripts_of`."""
        return scripts_of("".join(word for phrase in self.terms for word in phrase))

    @functools.cached_property
    def longest(self) -> int:
        """Words of the longest phrase."""
        return max(map(len, self.terms))

    @functools.cached_property
    def single_words(self) -> Mapping[str, Term]:
        """Words that mean something by themselves."""
        return {phrase[0]: term for phrase, term in self.terms.items() if len(phrase) == 1}

    @functools.cached_property
    def drawn_words(self) -> Mapping[str, Sequence[tuple[str, Term]]]:
        """Of these the ones that change what is drawn, by their first letter."""
        found: dict[str, list[tuple[str, Term]]] = {}
        for word, term in self.single_words.items():
            if term.category in ("kind", "colour", "size", "setting", "style", "several"):
                found.setdefault(word[0], []).append((word, term))
        return found

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
    kinds = {name: _kind(name, entry, table["colours"]) for name, entry in table["kinds"].items()}
    nouns = table.get("nouns", {})
    languages = {name: _phrases(part | {"nouns": nouns}) for name, part in table.get("languages", {}).items()}
    everything = {
        phrase: term
        for own in reversed(languages.values())
        for phrase, term in own.items()
        if not _is_grammar(phrase)  # 'but' is a goal in French alone
    }
    first = _phrases(table)
    functions = [plain_words(each) for each in table.get("functions", ())]
    vocabulary = Vocabulary(
        terms=everything | first,
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
        nouns=dict(table.get("nouns", {})),
        colour_nouns=dict(table.get("colour_nouns", {})),
        articles=frozenset(table.get("articles", ())),
        functions=frozenset(each for each in functions if not {*each} & NEGATIONS),
        negations=frozenset(map(plain_words, table.get("negations", ()))),
        negations_behind=frozenset(map(plain_words, table.get("negations_behind", ()))),
        after_things=frozenset(map(plain_words, table.get("after_things", ()))),
        after_two=frozenset(map(plain_words, table.get("after_two", ()))),
        signs=dict(table.get("signs", {})),
        broader=dict(table.get("broader", {})),
        plain_kinds=dict(table.get("plain_kinds", {})),
        languages={"": first, **languages} if languages else {},
        own_functions={
            name: frozenset(map(plain_words, part.get("functions", ())))
            for name, part in table.get("languages", {}).items()
        },
    )
    _check(vocabulary)
    return vocabulary


def _check(vocabulary: Vocabulary) -> None:
    """Raises ValueError for what speaks of kinds, colours or settings that there are not."""
    kinds = vocabulary.kinds
    more = (vocabulary.signs, vocabulary.broader, vocabulary.plain_kinds)
    for named in (vocabulary.plain_kind, *(kind for table in more for kind in table.values())):
        if named not in kinds:
            raise ValueError(f"{named!r}, which is drawn for others, is none of the kinds")
    for kind in kinds.values():
        strange = {*kind.colours, *kind.can_be} - {"", *vocabulary.colours}
        strange |= {*kind.settings, *kind.own_settings.values()} - {*vocabulary.settings}
        strange |= kind.drawn_in - {*vocabulary.styles}
        if strange or not kind.colours or not kind.settings:
            raise ValueError(
                f"kind {kind.name!r}: usual colours, settings and styles must be known ones, not {strange}"
            )


def _is_grammar(phrase: Phrase) -> bool:
    return len(phrase) == 1 and phrase[0] in FUNCTION_WORDS | NEGATIONS


def _kind(name: str, entry: Mapping[str, Any], colours: Iterable[str]) -> Kind:
    return Kind(
        name=name,
        plural=entry["plurals"][0],
        colours=tuple(entry["colours"]),
        settings=tuple(entry["settings"]),
        own_settings=dict(entry.get("own_settings", {})),
        can_be=frozenset(entry.get("can_be", colours)),
        drawn_in=frozenset(entry.get("drawn_in", ())),
    )


def _phrases(table: Mapping[str, Any]) -> dict[Phrase, Term]:
    """What phrases mean; of two meanings of one phrase the first stays."""
    found: dict[Phrase, Term] = {}
    for way, term in _terms(table):
        found.setdefault(plain_words(way), term)
    return found


def _terms(table: Mapping[str, Any]) -> Iterator[tuple[str, Term]]:
    """Ways to say a thing, each with what it means; of two meanings of one way the first stays."""
    said: set[str] = set()
    for way, term in _all_terms(table):
        if way not in said:
            said.add(way)
            yield way, term


def _all_terms(table: Mapping[str, Any]) -> Iterator[tuple[str, Term]]:
    either = {way.lower() for ways in table["colours"].values() for way in ways} & {*table.get("nouns", ())}
    for name, entry in table["kinds"].items():
        yield from ((way, Term("kind", name)) for way in entry["ways"] if way.lower() not in either)
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
        for value, ways in table.get(key, {}).items():
            yield from ((way, Term(category, value)) for way in ways)
    yield from ((way, Term("several", "several")) for way in table.get("several", ()))
