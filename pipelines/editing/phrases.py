"""Things in a wording: where it names one, and the same wording with another in its place.

Knows the nouns, colours and sizes of a vocabulary, and takes any other noun as it stands.
"""

import dataclasses
import functools
import re
from collections.abc import Collection, Iterable, Iterator

from ...engine.language.words.inflection import an
from ..vocabulary import Category, Vocabulary, Words, meaning, usual

OTHERS = 6
_ARTICLES: tuple[Words, ...] = (("a",), ("an",), ("the",))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phrase:
    """What is said of one thing, e.g. `a small red boat`; parts that are not said are empty.

    Args:
        number: the article, or how many.
        noun: as it is said; `kind` is its usual word, in the singular.
        several: the noun is one for several things.
        start, end: of the phrase in its text.
    """

    number: str
    size: str
    colour: str
    noun: str
    kind: str
    several: bool = False
    start: int = 0
    end: int = 0

    def named(self, vocabulary: Vocabulary, *, kind: str = "", colour: str = "", size: str = "") -> str:
        """The phrase, with other words where they are given."""
        noun = (vocabulary.plurals.get(kind, kind) if self.several else kind) if kind else self.noun
        said = " ".join(filter(None, (size or self.size, colour or self.colour, noun)))
        if self.number in ("a", "an"):
            return an(said)
        return f"{self.number} {said}" if self.number else said


def phrases_in(text: str, vocabulary: Vocabulary) -> list[Phrase]:
    """What a text says of things that the vocabulary knows, from its beginning on."""
    return list(_found(text, vocabulary, _nouns(vocabulary)))


def phrase_of(name: str, text: str, vocabulary: Vocabulary) -> Phrase | None:
    """What `text` says of a thing; `None` where it names none of that name.

    Args:
        name: a noun, which may have an article, a colour and a size before it.
    """
    (wanted, *_) = phrases_in(name, vocabulary) or [None]
    if wanted is None:
        noun = re.sub(r"^(?:an?|the)(?:\s+|$)", "", " ".join(name.lower().split()))
        return next(_found(text, vocabulary, re.escape(noun)), None) if noun else None
    for phrase in phrases_in(text, vocabulary):
        alike = phrase.kind == wanted.kind and wanted.colour in ("", phrase.colour)
        if alike and wanted.size in ("", phrase.size):
            return phrase
    return None


def not_there(instruction: str, shown: str, vocabulary: Vocabulary) -> str:
    """The first thing that an instruction takes to be there, as "the boat", and that `shown`, what the picture
    shows in words, does not name; empty where there is none."""
    kinds = {phrase.kind for phrase in phrases_in(shown, vocabulary)}
    spoken_of = (phrase for phrase in phrases_in(instruction, vocabulary) if phrase.number == "the")
    return next((phrase.noun for phrase in spoken_of if phrase.kind not in kinds), "")


def replaced(text: str, phrase: Phrase, words: str) -> str:
    """The text, with `words` in the place of the phrase."""
    return f"{text[: phrase.start]}{words}{text[phrase.end :]}"


def with_others(text: str, phrase: Phrase, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The text, with something of another kind in the phrase's place, of another colour, too, in two of three
    where that is said; `OTHERS` of them."""
    said = {(each.kind, each.colour) for each in phrases_in(text, vocabulary)}
    kinds = _others(usual(vocabulary, "kind"), {kind for kind, _ in said}) or ["thing"]
    colours = _others(usual(vocabulary, "colour"), {colour for _, colour in said}) or [""]
    spread = range(len(phrase.noun), len(phrase.noun) + OTHERS)
    pairs = [
        (kinds[5 * i % len(kinds)], (phrase.colour and i % 3 and colours[3 * i % len(colours)]) or "")
        for i in spread
    ]
    return tuple(
        replaced(text, phrase, phrase.named(vocabulary, kind=kind, colour=colour)) for kind, colour in pairs
    )


def _others(known: Iterable[str], said: Collection[str]) -> list[str]:
    return [each for each in known if each not in said]


def any_of(ways: Iterable[Words]) -> str:
    """A pattern for any of these phrases, the longest first; their words may be joined by hyphens."""
    longest_first = sorted(ways, key=lambda way: len(" ".join(way)), reverse=True)
    return "|".join(r"[\s'\u2019-]+".join(map(re.escape, way)) for way in longest_first) or "(?!)"


@functools.lru_cache(maxsize=8)
def _nouns(vocabulary: Vocabulary) -> str:
    """A pattern for any noun that the vocabulary has."""
    return any_of([*vocabulary.ways["kind"], *vocabulary.ways["plural"]])


def _found(text: str, vocabulary: Vocabulary, nouns: str) -> Iterator[Phrase]:
    numbers, adjectives, adjective = _before_a_noun(vocabulary)
    pattern = rf"\b(?:(?P<number>{numbers})\s+)?(?P<said>{adjectives})(?P<noun>{nouns})\b"
    for match in re.finditer(pattern, text, re.IGNORECASE):
        said, noun = adjective.findall(match["said"].lower()), match["noun"].lower()
        one, several = meaning(vocabulary, "kind", noun), meaning(vocabulary, "plural", noun)
        yield Phrase(
            number=(match["number"] or "").lower(),
            size=_first(said, vocabulary, "size"),
            colour=_first(said, vocabulary, "colour"),
            noun=noun,
            kind=one or several or noun,
            several=bool(several and not one),
            start=match.start(),
            end=match.end(),
        )


@functools.lru_cache(maxsize=8)
def _before_a_noun(vocabulary: Vocabulary) -> tuple[str, str, re.Pattern[str]]:
    """Patterns of what may stand before a noun: numbers, adjectives with what follows them, one adjective."""
    adjective = any_of([*vocabulary.ways["colour"], *vocabulary.ways["size"]])
    numbers = any_of([*_ARTICLES, *vocabulary.ways["number"]])
    return numbers, rf"(?:(?:{adjective}),?\s+)*", re.compile(rf"\b(?:{adjective})\b")


def _first(said: Iterable[str], vocabulary: Vocabulary, category: Category) -> str:
    """The first word of a category, as it was said; empty where there is none."""
    return next((word for word in said if meaning(vocabulary, category, word)), "")
