"""What the pocket planner reads: the words of the world, how else people say them, and what is usual."""

from typing import Any

from .more_words import (
    MORE_COLOURS,
    MORE_KINDS,
    MORE_NUMBERS,
    MORE_PLACES,
    MORE_RELATIONS,
    MORE_SETTINGS,
    MORE_SIZES,
    MORE_STYLES,
    SEVERAL,
    Ways,
)
from .scene import COLOURS, KINDS, SIZES
from .words import (
    COLOUR_WORDS,
    KIND_WORDS,
    NUMBER_WORDS,
    PLACE_WORDS,
    RELATION_WORDS,
    SETTING_WORDS,
    SIZE_WORDS,
    STYLE_WORDS,
    TAG_WORDS,
    plural,
)

# What a prompt leaves open is filled in with what is usual: (colours, settings).
USUAL: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cat": (("orange", "black", "white"), ("meadow", "city")),
    "fish": (("orange", "blue"), ("underwater",)),
    "bird": (("blue", "red"), ("meadow", "forest")),
    "butterfly": (("orange", "blue", "yellow"), ("meadow",)),
    "turtle": (("green",), ("beach", "meadow")),
    "snail": (("brown", "orange"), ("meadow", "forest")),
    "tree": (("green",), ("meadow",)),
    "flower": (("red", "pink", "yellow"), ("meadow",)),
    "mushroom": (("red", "brown"), ("forest", "meadow")),
    "cactus": (("green",), ("desert",)),
    "apple": (("red", "green"), ("meadow",)),
    "house": (("red", "white", "brown"), ("meadow", "city")),
    "castle": (("white", "brown"), ("meadow",)),
    "lighthouse": (("red", "white"), ("beach",)),
    "boat": (("red", "white", "blue"), ("beach",)),
    "car": (("red", "blue"), ("city",)),
    "rocket": (("white", "red"), ("night", "desert")),
    "balloon": (("red", "yellow"), ("meadow",)),
    "train": (("red", "blue", "black"), ("meadow", "city")),
    "cup": (("white", "blue"), ("meadow", "beach")),
    "umbrella": (("red", "blue"), ("beach", "rain")),
    "chair": (("brown",), ("meadow", "beach")),
    "lamp": (("yellow", "white"), ("night", "city")),
    "clock": (("brown", "white"), ("city", "meadow")),
}

_AFLOAT = {  # of what floats on the sea: the world's beach has it
    way: "beach"
    for way in ("at sea", "on the sea", "on the ocean", "on the water", "on water", "en mer", "sur la mer")
}
_SWIMS = {  # of what swims in it
    way: "underwater"
    for way in (
        "in the sea",
        "in the ocean",
        "in the water",
        "in water",
        "ocean",
        "sea",
        "dans la mer",
        "dans l'eau",
    )
}
OWN_SETTINGS: dict[str, dict[str, str]] = {
    "boat": {
        **_AFLOAT,
        "in the sea": "beach",
        "in the ocean": "beach",
        "in the water": "beach",
        "ocean": "beach",
    },
    "fish": _SWIMS,
    "turtle": _SWIMS,
}


def vocabulary_table() -> dict[str, Any]:
    """The content of the planner's `vocabulary.json`; see `engine.language.closed_vocabulary.vocabulary`."""
    places = {where: _of_the_picture(ways) for where, ways in _said(PLACE_WORDS, MORE_PLACES).items()}
    settings = _said(SETTING_WORDS, MORE_SETTINGS, TAG_WORDS)
    return {
        "kinds": {kind: _kind(kind) for kind in KINDS},
        "colours": {colour: [*COLOUR_WORDS[colour], *MORE_COLOURS[colour]] for colour in COLOURS},
        "sizes": {size: [*SIZE_WORDS[size], *MORE_SIZES[size]] for size in SIZES},
        "numbers": _numbers(),
        "several": list(SEVERAL),
        "places": places,
        "relations": _said(RELATION_WORDS, MORE_RELATIONS),
        "settings": settings,
        "styles": _said(STYLE_WORDS, MORE_STYLES, TAG_WORDS),
        "plain_size": "medium",
        "plain_style": STYLE_WORDS["flat"][0],
        "plain_kind": "tree",
        "after_noun": ["roses", "violets", "violettes", "oranges"],
    }


def _of_the_picture(ways: list[str]) -> list[str]:
    """'on the right side', and 'on the right side of the image'."""
    of = ("of the image", "of the picture", "of the frame", "of the page", "of the scene", "de l'image")
    return [*ways, *(f"{way} {picture}" for way in ways if " " in way for picture in of)]


def _kind(kind: str) -> dict[str, Any]:
    more, more_plurals = MORE_KINDS[kind]
    colours, settings = USUAL[kind]
    plurals = [plural(kind), *(plural(way) for way in KIND_WORDS[kind][1:]), *more_plurals]
    return {
        "ways": [*KIND_WORDS[kind], *more],
        "plurals": [way for way in dict.fromkeys(plurals)],
        "colours": list(colours),
        "settings": [SETTING_WORDS[setting][0] for setting in settings],
        "own_settings": {way: SETTING_WORDS[setting][0] for way, setting in OWN_SETTINGS.get(kind, {}).items()},
    }


def _said(words: Ways, more: Ways, tags: dict[str, str] | None = None) -> dict[str, list[str]]:
    """By the usual phrase all ways, the usual one first."""
    return {
        ways[0]: list(dict.fromkeys([*ways, *([tags[name]] if tags else []), *more[name]]))
        for name, ways in words.items()
    }


def _numbers() -> dict[str, list[str]]:
    known = {str(number): list(ways) for number, ways in NUMBER_WORDS.items()}
    return {
        number: list(dict.fromkeys([*known.get(number, []), *MORE_NUMBERS.get(number, ())]))
        for number in {**known, **MORE_NUMBERS}
    }
