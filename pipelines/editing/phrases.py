"""Things in a wording: where it names one, and the same wording with another in its place.

Knows the nouns, colours and sizes of the pocket world, and takes any other noun as it stands.
"""

import dataclasses
import re
from collections.abc import Iterator

from ..pocket.world.words import COLOUR_WORDS, KIND_WORDS, NUMBER_WORDS, SIZE_WORDS, an, plural

OTHERS = 6
_COLOURS = {way: colour for colour, ways in COLOUR_WORDS.items() for way in ways}
_SIZES = {way: size for size, ways in SIZE_WORDS.items() for way in ways}
_KINDS = {way: kind for kind, ways in KIND_WORDS.items() for way in ways}
_PLURALS = {plural(way): kind for way, kind in _KINDS.items()}
_NUMBERS = ("a", "an", "the", *(way for ways in NUMBER_WORDS.values() for way in ways))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phrase:
    """What is said of one thing, e.g. `a small red boat`; parts that are not said are empty.

    Args:
        number: the article, or how many.
        noun: as it is said; `kind` is its usual word, in the singular.
        start, end: of the phrase in its text.
    """

    number: str
    size: str
    colour: str
    noun: str
    kind: str
    start: int = 0
    end: int = 0

    @property
    def several(self) -> bool:
        return self.noun != self.kind and self.noun in _PLURALS

    def named(self, *, kind: str = "", colour: str = "", size: str = "") -> str:
        """The phrase, with other words where they are given."""
        noun = (plural(kind) if self.several else kind) if kind else self.noun
        said = " ".join(filter(None, (size or self.size, colour or self.colour, noun)))
        if self.number in ("a", "an"):
            return an(said)
        return f"{self.number} {said}" if self.number else said


def phrases_in(text: str) -> list[Phrase]:
    """What a text says of things of the pocket world, from its beginning on."""
    return list(_found(text, _alternatives((*_KINDS, *_PLURALS))))


def phrase_of(name: str, text: str) -> Phrase | None:
    """What `text` says of a thing; `None` where it names none of that name.

    Args:
        name: a noun, which may have an article, a colour and a size before it.
    """
    (wanted, *_) = phrases_in(name) or [None]
    if wanted is None:
        noun = re.sub(r"^(?:an?|the)(?:\s+|$)", "", " ".join(name.lower().split()))
        return next(_found(text, re.escape(noun)), None) if noun else None
    for phrase in phrases_in(text):
        alike = phrase.kind == wanted.kind and wanted.colour in ("", phrase.colour)
        if alike and wanted.size in ("", phrase.size):
            return phrase
    return None


def replaced(text: str, phrase: Phrase, words: str) -> str:
    """The text, with `words` in the place of the phrase."""
    return f"{text[: phrase.start]}{words}{text[phrase.end :]}"


def with_others(text: str, phrase: Phrase) -> tuple[str, ...]:
    """The text, with something of another kind in the phrase's place, of another colour, too, in two of three
    where that is said; `OTHERS` of them."""
    said = {(each.kind, each.colour) for each in phrases_in(text)}
    kinds = [kind for kind in KIND_WORDS if kind not in {kind for kind, _ in said}]
    colours = [colour for colour in COLOUR_WORDS if colour not in {colour for _, colour in said}]
    spread = range(len(phrase.noun), len(phrase.noun) + OTHERS)
    pairs = [
        (kinds[5 * i % len(kinds)], (phrase.colour and i % 3 and colours[3 * i % len(colours)]) or "")
        for i in spread
    ]
    return tuple(replaced(text, phrase, phrase.named(kind=kind, colour=colour)) for kind, colour in pairs)


def colour_of(word: str) -> str:
    """The usual word for a colour; empty for what is none."""
    return _COLOURS.get(word, "")


def size_of(word: str) -> str:
    """The usual word for a size; empty for what is none."""
    return _SIZES.get(word, "")


def _found(text: str, nouns: str) -> Iterator[Phrase]:
    number, adjective = _alternatives(_NUMBERS), _alternatives((*_COLOURS, *_SIZES))
    pattern = rf"\b(?:(?P<number>{number})\s+)?(?P<said>(?:(?:{adjective}),?\s+)*)(?P<noun>{nouns})\b"
    for match in re.finditer(pattern, text, re.IGNORECASE):
        said, noun = re.split(r",?\s+", match["said"].lower().strip()), match["noun"].lower()
        yield Phrase(
            number=(match["number"] or "").lower(),
            size=next((word for word in said if word in _SIZES), ""),
            colour=next((word for word in said if word in _COLOURS), ""),
            noun=noun,
            kind=_KINDS.get(noun) or _PLURALS.get(noun) or noun,
            start=match.start(),
            end=match.end(),
        )


def _alternatives(words: tuple[str, ...]) -> str:
    """A pattern for any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
