"""What a planner of the art reads: its words in eight languages, the world's styles, and what is usual.

Captions are the first source of words (`things`, `words`, `languages`); `vocabulary.toml` has what people say
beside them.
"""

import tomllib
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ....engine.language.closed_vocabulary.signs import plain_sign
from ..world.vocabulary import vocabulary_table as world_vocabulary
from ..world.words import COLOUR_WORDS, NUMBER_WORDS, PLACE_WORDS, SIZE_WORDS
from .languages import Tongue, tongues
from .things import Kind, Kinds
from .words import HANDS, RELATION_WORDS, SETTING_WORDS, USUAL_STYLE, style_words

TABLE = Path(__file__).with_name("vocabulary.toml")
CARRYING = "carrying"  # of the lower of two things that touch; no caption says it so

# What a prompt leaves open is filled in with what is usual for things of a category.
USUAL_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "animals": ("meadow", "forest"),
    "plants": ("meadow", "forest"),
    "vehicles": ("city", "meadow"),
    "buildings": ("city", "meadow"),
    "people": ("city", "meadow"),
    "places": ("meadow", "beach"),
    "nature": ("meadow", "forest"),
    "sport": ("meadow", "plain"),
    "sky": ("night", "meadow"),
    "fantasy": ("forest", "night"),
}
ELSEWHERE = ("plain", "meadow")
_SWIMS = ("in the sea", "in the ocean", "in the water", "in water", "ocean", "sea")
_AFLOAT = (*_SWIMS, "at sea", "on the sea", "on the ocean", "on the water", "on water", "on a lake")
# What other languages say, the table has: `swims`, `afloat`.

_COUNTED = {"2": "两二兩2", "3": "三3", "4": "四4", "5": "五5", "6": "六6"}
"""Digits, and what they are called in Chinese and Japanese, where a word for what is counted follows."""
_NUKTA = "\u093c"  # Hindi's dot below, which many leave out

_COUNTING = ("pair of ", "bunch of ", "group of ", "paar ", "paire de ")
_ARTICLE = {"en": "a", "de": "ein", "fr": "une"}
_ORANGE = {"orange": "tangerine"}
_MORE_PLURALS = {"tangerine": ("oranges",)}

Ways = dict[str, list[str]]


def vocabulary_table(kinds: Kinds, hands: Iterable[str]) -> dict[str, Any]:
    """The content of a planner's `vocabulary.json`; see `engine.language.closed_vocabulary.vocabulary`."""
    world, more = world_vocabulary(), _more()
    english = more["en"]
    styles = {
        **{said: [*ways, *english["styles"].get(style, ())] for style, said, ways in _styles(hands)},
        **world["styles"],
    }
    languages = {
        name: _language(tongue, kinds, more.get(name, {}), styles) for name, tongue in tongues().items()
    }
    colours, colour_nouns = _colours(kinds, world["colours"])
    nouns = {**_both(languages.values()), **{word: kind for word, kind in _ORANGE.items() if kind in kinds}}
    return {
        "kinds": _with_words_of(world["kinds"], kinds),
        "colours": colours,
        **{name: world[name] for name in ("sizes", "numbers", "several", "places", "plain_size")},
        "relations": _relations(world["relations"], english["relations"]),
        "settings": _with(world["settings"], _by_usual(SETTING_WORDS, english["settings"])),
        "styles": styles,
        "plain_style": style_words(USUAL_STYLE)[0],
        "plain_kind": "tree" if "tree" in kinds else next(iter(kinds)),
        "plain_kinds": {
            _said(SETTING_WORDS, setting): kind
            for setting, kind in more["plain_kinds"].items()
            if kind in kinds
        },
        "broader": {
            word: kind for kind, words in more["broader"].items() if kind in kinds for word in words.split()
        },
        "signs": _signs(kinds, more["signs"]),
        "nouns": nouns,
        "colour_nouns": colour_nouns,
        "functions": sorted({*_all(more, "functions"), *_all(more, "function_phrases")}),
        "negations": sorted(_all(more, "negations")),
        "negations_behind": sorted(_all(more, "negations_behind")),
        "articles": sorted(_all(more, "articles")),
        "after_things": sorted(_all(more, "after_things")),
        "after_two": sorted(_all(more, "after_two")),
        "languages": languages,
    }


def _all(more: Mapping[str, Any], key: str) -> set[str]:
    """What all languages list there; words in one text, or phrases."""
    listed = (part.get(key, ()) for part in more.values())
    return {each for ways in listed for each in (ways.split() if isinstance(ways, str) else ways)}


def _signs(kinds: Kinds, more: Mapping[str, str]) -> dict[str, str]:
    """The kinds by their picture signs, and by others that show the same; of people in each of their forms."""
    own = {form: kind.name for kind in kinds.values() if kind.sign for form in _forms(plain_sign(kind.sign))}
    listed = {plain_sign(sign): kind for kind, signs in more.items() if kind in kinds for sign in signs.split()}
    first = {plain_sign(kind.sign): kind.name for kind in kinds.values() if kind.sign}
    return {**listed, **own, **first}


def _forms(sign: str) -> tuple[str, ...]:
    """A sign, and those of men and women who do the same."""
    joined, woman, man = "\u200d", "\u2640", "\u2642"
    if sign.startswith("🧑"):
        return sign, *(person + sign[1:] for person in "👨👩")
    plain = sign.removesuffix(joined + woman).removesuffix(joined + man)
    return plain, *(plain + joined + each for each in (woman, man))


def _styles(hands: Iterable[str]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(style, style_words(style)[0], style_words(style)) for style in hands]


def _colours(kinds: Kinds, colours: Ways) -> tuple[Ways, dict[str, str]]:
    """Ways to say colours; and those that name a thing unless they stand before one: 'rose'."""
    named = {word for kind in kinds.values() for word in kind.said["en"].words}
    both = {way: colour for colour, ways in colours.items() for way in ways if way in named and way != colour}
    return {colour: [way for way in ways if way not in both] for colour, ways in colours.items()}, both


def _both(languages: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Words of other languages that are colours, and things: 'naranja'."""
    found: dict[str, str] = {}
    for language in languages:
        colours = {way.lower() for ways in language["colours"].values() for way in ways}
        for name, said in language["kinds"].items():
            found |= {way.lower(): name for way in said["ways"] if way.lower() in colours}
    return found


def _relations(world: Ways, more: Mapping[str, list[str]]) -> Ways:
    """What stands on top of another touches it."""
    own = {*more["on"]}
    kept = {said: [way for way in ways if way not in own] for said, ways in world.items()}
    return _with(
        kept,
        _by_usual(
            RELATION_WORDS, {name: [*RELATION_WORDS.get(name, ()), *ways] for name, ways in more.items()}
        ),
    )


def _by_usual(words: Mapping[str, tuple[str, ...]], ways: Mapping[str, list[str]]) -> Ways:
    """By the usual phrase."""
    return {_said(words, name): [*words.get(name, ()), *said] for name, said in ways.items()}


@cache
def _more() -> Mapping[str, Any]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def _said(words: Mapping[str, tuple[str, ...]], name: str) -> str:
    return words[name][0] if name in words else name


def _with(first: Ways, more: Mapping[str, Iterable[str]]) -> Ways:
    found = {said: list(ways) for said, ways in first.items()}
    for said, ways in more.items():
        found[said] = list(dict.fromkeys([*found.get(said, []), *ways]))
    return found


def _kind(kind: Kind) -> dict[str, Any]:
    said, swims = kind.said["en"], kind.stands == "water" and kind.category == "animals"
    settings = USUAL_SETTINGS.get(kind.category, ELSEWHERE)
    own: dict[str, str] = {}
    if kind.stands == "water":
        settings = ("underwater",) if swims else ("beach",)
        ways = [*(_SWIMS if swims else _AFLOAT), *sorted(_all(_more(), "swims" if swims else "afloat"))]
        own = dict.fromkeys(ways, settings[0])
    plurals = (kind.plural, *said.plurals, *_MORE_PLURALS.get(kind.name, ()))
    return {
        "ways": _behind_article((kind.name, *said.words), "en"),
        "plurals": [word for word in dict.fromkeys(plurals) if word],
        "colours": [kind.own],
        "can_be": sorted({*kind.looks} - {""}),
        "settings": [SETTING_WORDS[setting][0] for setting in settings],
        "own_settings": {way: SETTING_WORDS[setting][0] for way, setting in own.items()},
    }


def _with_words_of(world: Mapping[str, Mapping[str, Any]], kinds: Kinds) -> dict[str, dict[str, Any]]:
    """The kinds, also by what they are called in the world, where no kind is called so here."""
    named = {
        word.lower()
        for kind in kinds.values()
        for said in kind.said.values()
        for word in (*said.words, *said.plurals)
    }
    found = {name: _kind(kind) for name, kind in kinds.items()}
    for name in world.keys() & found.keys():
        for group in ("ways", "plurals"):
            found[name][group] += [word for word in world[name][group] if word.lower() not in named]
    return found


def _behind_article(words: Iterable[str], language: str) -> list[str]:
    """'pair of skis', and 'a pair of skis', which is not two of them."""
    ways = dict.fromkeys(words)
    return [*ways, *(f"{_ARTICLE[language]} {way}" for way in ways if way.lower().startswith(_COUNTING))]


def _nouns(words: Iterable[str], language: str, more: Mapping[str, Any]) -> list[str]:
    """The ways to say a kind; those that say, too, how things stand, are things behind an article alone."""
    related = {way for ways in more.get("relations", {}).values() for way in ways}
    articles = more.get("articles", "").split()
    ways = [each for way in words for each in ([f"{a} {way}" for a in articles] if way in related else [way])]
    return _behind_article(ways, language)


def _language(tongue: Tongue, kinds: Kinds, more: Mapping[str, Any], styles: Collection[str]) -> dict[str, Any]:
    """What phrases mean in one language, in the form of the whole table; of styles that there are, alone."""

    def ways(group: str, usual: Mapping[str, Any]) -> Ways:
        extra = more.get(group, {})
        known = tongue.words.get(group, {}) if group != "relations" else {}
        return {
            _said(usual, name): [*(tongue.ways(group, name) if name in known else ()), *extra.get(name, ())]
            for name in dict.fromkeys([*known, *extra])
        }

    said = {name: kind.said[tongue.name] for name, kind in kinds.items() if tongue.name in kind.said}
    numbers = {
        number: [*dict.fromkeys([*tongue.ways("numbers", number), *tongue.ways("animals", number)])]
        for number in map(str, NUMBER_WORDS)
        if number != "1"
    }
    numbers = _with(_counted(tongue.name, more), numbers)
    functions = {*more.get("functions", "").split()}
    hands = ways("styles", {style: style_words(style) for style in HANDS})
    found = {
        "kinds": {
            name: {
                "ways": _nouns(_bent(each.words, tongue.name), tongue.name, more),
                "plurals": [word for word in each.plurals if word],
            }
            for name, each in said.items()
        },
        "colours": ways("colours", COLOUR_WORDS),
        "sizes": ways("sizes", SIZE_WORDS),
        "numbers": _with(numbers, more.get("numbers", {})),
        "several": list(more.get("several", ())),
        "places": ways("places", PLACE_WORDS),
        "relations": ways("relations", RELATION_WORDS),
        "settings": ways("settings", SETTING_WORDS),
        "styles": {said: each for said, each in hands.items() if said in styles},
        "functions": sorted(functions),  # 'no parque', 'hay un gato'
    }
    return _without_dots(found) if tongue.name == "hi" else found


def _counted(language: str, more: Mapping[str, Any]) -> Ways:
    """Numbers with what is counted by them: '三只', '三匹の'."""
    ends = ("の", "") if language == "ja" else ("",)
    counters = more.get("counters", "").split()
    return {
        number: [digit + counter + end for end in ends for counter in counters for digit in digits]
        for number, digits in _COUNTED.items()
        if counters
    }


def _bent(words: Iterable[str], language: str) -> list[str]:
    """Hindi nouns also as they stand before 'on' and the like, or several of them: 'कुत्ता', 'कुत्ते'."""
    listed = list(words)
    if language != "hi":
        return listed
    bent = (f"{word[:-1]}े" if word.endswith("ा") else word for word in listed)
    return list(dict.fromkeys([*listed, *(word.replace(" का ", " के ") for word in bent)]))


def _without_dots(table: Any) -> Any:
    """Each way also as it is typed without dots below."""
    if isinstance(table, dict):
        return {name: _without_dots(part) for name, part in table.items()}
    plain = (unicodedata.normalize("NFD", way).replace(_NUKTA, "") for way in table)
    return list(dict.fromkeys([*table, *(unicodedata.normalize("NFC", way) for way in plain)]))
