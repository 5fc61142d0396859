"""The place in the picture that a plan gives a thing: `a red cup on the left`, `a cat above a boat`.

Plain English, in any vocabulary. Where the words do not say, nothing is guessed.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence

from ...values.fact import Fact, Span
from ..words.content import plain, plain_words, words_of
from ..words.inflection import stem


@dataclasses.dataclass(frozen=True, kw_only=True)
class Area:
    """A part of a picture, in fractions of its width and height, from the left and from the top."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0


_LONGEST = 6  # words of what is said of a noun
_HALF, _MOST = 0.5, 0.65  # what a place takes beside other things, and what alone

_SIDE = r"(?:\s+(?:side|half|edge|part))?(?!\s+of\s+an?\b|\s+of\s+the\s+(?!picture|image|frame|scene))"
_PLACES = {
    "left": rf"(?:on|to|at|in)\s+the\s+(?:far\s+)?left{_SIDE}",
    "right": rf"(?:on|to|at|in)\s+the\s+(?:far\s+)?right{_SIDE}",
    "middle": r"(?:in|at)\s+the\s+(?:middle|cent(?:re|er))\b(?!\s+of\s+an?\b)|\bcent(?:red|ered)\b",
    "top": rf"(?:at|in|on)\s+the\s+(?:very\s+)?top{_SIDE}",
    "bottom": rf"(?:at|in|on)\s+the\s+(?:very\s+)?bottom{_SIDE}",
}
_RELATIONS = {
    "between": r"between",
    "left": r"(?:to\s+the\s+|on\s+the\s+)?left\s+of",
    "right": r"(?:to\s+the\s+|on\s+the\s+)?right\s+of",
    "top": r"above|over|on\s+top\s+of",
    "bottom": r"below|under|underneath|beneath",
}
_OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
_THIRDS = {
    "left": Area(right=1 / 3),
    "middle": Area(left=1 / 3, right=2 / 3),
    "right": Area(left=2 / 3),
}


def place_of(fact: Fact, wording: str) -> Area | None:
    """Where the words of a plan want the thing that a fact is about.

    Args:
        wording: the prompt of the plan.

    Returns:
        `None` where they do not say, or where the fact is about no single thing.
    """
    if fact.kind not in ("thing", "colour", "size", "place"):
        return None
    alone = len(_parts(wording)) == 1
    if (own := _stated(fact.text, alone=alone)) is not None:
        return own
    wanted = _stems(fact.text)
    if not wanted:
        return None
    noun = wanted[-1]
    named = [(_stems(words), area) for words, area in _placed(wording)]
    named = [(len({*said} & {*wanted}), area) for said, area in named if noun in said]
    most = max((count for count, _ in named), default=0)
    areas = {area for count, area in named if count == most}
    return areas.pop() if len(areas) == 1 else None


def without(fact: Fact, wording: str) -> str | None:
    """The words of a plan, less those that name the thing that a fact is about.

    Returns:
        `None` where they name no such thing, or nothing else, or where the fact is about no single thing.
    """
    wanted = _stems(fact.text) if fact.kind in ("thing", "colour", "size", "place") else []
    words = list(words_of(wording))
    nouns = [i for i, word in enumerate(words) if wanted and stem(plain(word.text)) == wanted[-1]]
    if not nouns:
        return None
    first, last = min(
        ((_article(words, noun), noun) for noun in nouns), key=lambda p: -_alike(words, p, wanted)
    )
    left = f"{wording[: words[first].start]}{wording[words[last].end :]}"
    left = re.sub(r"^\s*(?:and\s+|,\s*)+", "", re.sub(r"\s+and\s*(?=,|$)", "", re.sub(r"\s+", " ", left)))
    return left.replace(" ,", ",").strip() or None


def _article(words: Sequence[Span], noun: int) -> int:
    """The word that what is said of a noun begins with."""
    near = range(noun, max(-1, noun - _LONGEST), -1)
    return next((i for i in near if plain(words[i].text) in ("a", "an", "the")), noun)


def _alike(words: Sequence[Span], phrase: tuple[int, int], wanted: Sequence[str]) -> int:
    """How many words of a phrase are wanted."""
    return len({stem(plain(word.text)) for word in words[phrase[0] : phrase[1] + 1]} & {*wanted})


def _parts(wording: str) -> list[str]:
    """What is said of one thing each, of the first clause: the things come first."""
    return re.split(r"\s+and\s+", wording.split(",")[0])


def _placed(wording: str) -> Iterator[tuple[str, Area | None]]:
    """The words that are said of a thing, and where they want it."""
    for clause in wording.split(","):
        if (found := _related(clause)) is not None:
            yield from found
            continue
        parts = re.split(r"\s+and\s+", clause)
        for part in parts:
            yield part, _stated(part, alone=len(parts) == 1)


def _related(clause: str) -> list[tuple[str, Area | None]] | None:
    """What stands on either side of the first relation of a clause, if it has one."""
    found = [
        (match.start(), match.end(), name)
        for name, pattern in _RELATIONS.items()
        if (match := re.search(rf"\s(?:{pattern})\s", clause, re.IGNORECASE))
    ]
    if not found:
        return None
    start, end, name = min(found)
    first, others = clause[:start], clause[end:]
    if name != "between":
        return [(first, _area(name, alone=False)), (others, _area(_OPPOSITE[name], alone=False))]
    one, _, other = others.partition(" and ")
    return [(first, _THIRDS["middle"]), (one, _THIRDS["left"]), (other, _THIRDS["right"])]


def _stated(text: str, *, alone: bool) -> Area | None:
    """The place that a text names."""
    names = [name for name, pattern in _PLACES.items() if re.search(pattern, text, re.IGNORECASE)]
    return _area(names[0], alone=alone) if len(names) == 1 else None


def _area(name: str, *, alone: bool) -> Area:
    size = _MOST if alone else _HALF
    match name:
        case "left":
            return Area(right=size)
        case "right":
            return Area(left=1 - size)
        case "top":
            return Area(bottom=size)
        case "bottom":
            return Area(top=1 - size)
        case _:
            return Area(left=(1 - size) / 2, right=(1 + size) / 2)


def _stems(text: str) -> list[str]:
    """The stems of the words that name a thing: without its place."""
    for pattern in _PLACES.values():
        text = re.sub(pattern, " ", text, flags=re.IGNORECASE)
    return [stem(word) for word in plain_words(text)]
