"""What a caption says, as far as it can be compared with a scene: things, numbers, colours, setting, style."""

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping

from ..pocket.world import Scene, prompt_of
from ..pocket.world.words import COLOUR_WORDS, KIND_WORDS, NUMBER_WORDS, SETTING_WORDS, STYLE_WORDS, plural
from .inspector import Pair, pairs_of

_NOUNS = [(kind, word.split()[-1]) for kind, words in KIND_WORDS.items() for word in words]
_BEFORE_NOUNS = {part for words in KIND_WORDS.values() for word in words for part in word.split()[:-1]}
_KINDS = {form: kind for kind, noun in _NOUNS for form in (plural(noun), noun)}
_COLOURS = {word: colour for colour, words in COLOUR_WORDS.items() for word in words}
_NUMBERS = {word: n for n, ways in NUMBER_WORDS.items() for way in ways for word in way.split() if n > 1}
for _word in ("a", "of", "group"):
    _NUMBERS.pop(_word, None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadCaption:
    """What a caption says. `style` is 'flat' where none is named; `setting` '' where none or several are."""

    things: Counter[Pair]
    setting: str
    style: str

    @property
    def kinds(self) -> set[str]:
        return {kind for kind, _ in self.things}


def read_caption(caption: str) -> ReadCaption:
    """What a caption of the world's wordings says.

    A colour right before a thing is that thing's, any other the thing's before it ('a boat that is red'); a
    number is that of the next thing.
    """
    text = caption.lower()
    return ReadCaption(
        things=_things(text),
        setting=_named(text, SETTING_WORDS, ""),
        style=_named(text, STYLE_WORDS, "flat"),
    )


def right_of(caption: str, scene: Scene) -> dict[str, bool]:
    """By kind of fact, whether a caption says what is true of a scene, and nothing else.

    `word for word` is the canonical wording, with sizes, places and relations; other wordings that are right as
    well do not count for it.
    """
    read, things = read_caption(caption), pairs_of(scene)
    return {
        "thing": read.kinds == {kind for kind, _ in things},
        "colour": set(read.things) == set(things),
        "count": sum(read.things.values()) == len(scene.things),
        "setting": read.setting == scene.setting,
        "style": read.style == scene.style,
        "word for word": caption.strip().lower() == prompt_of(scene),
    }


def _things(text: str) -> Counter[Pair]:
    found: list[tuple[str, str, int]] = []
    before, number = "", 1
    for word in [*re.findall(r"[a-z0-9-]+", text), ""]:
        if word in _BEFORE_NOUNS:  # 'a white table lamp'
            continue
        if word in _NUMBERS:
            number = _NUMBERS[word]
        if word in _KINDS:
            found.append((_KINDS[word], _COLOURS.get(before, ""), number))
            number = 1
        elif before in _COLOURS and found and not found[-1][1]:
            found[-1] = (found[-1][0], _COLOURS[before], found[-1][2])
        before = word
    things: Counter[Pair] = Counter()
    for kind, colour, count in found:
        things[kind, colour] += count
    return things


def _named(text: str, words: Mapping[str, tuple[str, ...]], otherwise: str) -> str:
    """The one value of which a wording is in `text`."""
    named = [
        value for value, ways in words.items() if any(re.search(rf"\b{re.escape(way)}\b", text) for way in ways)
    ]
    return named[0] if len(named) == 1 else otherwise
