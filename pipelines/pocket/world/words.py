"""The words of the world: for every value of `scene` the ways to say it, the canonical way first."""

import re

from ....engine.language.words.inflection import an as an

KIND_WORDS: dict[str, tuple[str, ...]] = {
    "cat": ("cat", "kitten", "kitty"),
    "fish": ("fish",),
    "bird": ("bird",),
    "butterfly": ("butterfly",),
    "turtle": ("turtle", "tortoise"),
    "snail": ("snail",),
    "tree": ("tree",),
    "flower": ("flower", "blossom"),
    "mushroom": ("mushroom", "toadstool"),
    "cactus": ("cactus",),
    "apple": ("apple",),
    "house": ("house", "cottage", "home"),
    "castle": ("castle", "fortress"),
    "lighthouse": ("lighthouse",),
    "boat": ("boat", "ship", "sailboat"),
    "car": ("car", "automobile"),
    "rocket": ("rocket", "spaceship"),
    "balloon": ("balloon", "hot-air balloon"),
    "train": ("train", "locomotive"),
    "cup": ("cup", "mug"),
    "umbrella": ("umbrella", "parasol"),
    "chair": ("chair",),
    "lamp": ("lamp", "table lamp"),
    "clock": ("clock", "alarm clock"),
}

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("red", "crimson", "scarlet"),
    "orange": ("orange", "tangerine"),
    "yellow": ("yellow", "lemon"),
    "green": ("green", "emerald"),
    "blue": ("blue", "cobalt"),
    "purple": ("purple", "violet"),
    "white": ("white", "ivory"),
    "black": ("black", "jet-black"),
    "pink": ("pink", "rose"),
    "brown": ("brown", "chestnut"),
}

SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "small": ("small", "little", "tiny"),
    "medium": ("medium-sized", "mid-sized"),
    "big": ("big", "large", "huge", "giant"),
}

PLACE_WORDS: dict[str, tuple[str, ...]] = {
    "left": ("on the left", "to the left", "on the left side", "at the left"),
    "middle": ("in the middle", "in the centre", "in the center", "centred"),
    "right": ("on the right", "to the right", "on the right side", "at the right"),
}

RELATION_WORDS: dict[str, tuple[str, ...]] = {
    "left": ("to the left of", "left of", "on the left of"),
    "right": ("to the right of", "right of", "on the right of"),
    "above": ("above", "over", "on top of"),
    "below": ("below", "under", "beneath", "underneath"),
    "between": ("between",),
}

SETTING_WORDS: dict[str, tuple[str, ...]] = {
    "meadow": ("in a meadow", "in the meadow", "on the grass", "in a grassy field", "in a summer field"),
    "beach": ("at the beach", "on the beach", "at the seaside", "by the sea", "on the shore"),
    "desert": ("in the desert", "in a desert", "among the dunes", "on the sand dunes"),
    "snow": ("in the snow", "in a snowy field", "on snowy ground", "in winter"),
    "night": ("at night", "under the stars", "in the moonlight", "under the moon", "on a starry night"),
    "sunset": ("at sunset", "at dusk", "as the sun sets", "in the evening", "at sundown"),
    "forest": ("in a forest", "in the forest", "in the woods", "in a dark forest"),
    "rain": ("in the rain", "on a rainy day", "in a storm", "in rainy weather"),
    "city": ("in the city", "in a city", "downtown", "in the town"),
    "underwater": ("under water", "underwater", "at the bottom of the sea", "deep in the ocean"),
}

STYLE_WORDS: dict[str, tuple[str, ...]] = {
    "flat": ("as a flat drawing", "in a flat style", "flat design"),
    "watercolour": ("in watercolour", "in watercolor", "as a watercolour painting", "watercolour style"),
    "ink": ("in ink", "as an ink drawing", "ink style", "drawn in ink"),
    "pixel": ("as pixel art", "in pixel art style", "pixelated", "pixel style"),
    "paper-cut": ("as a paper cut", "in paper-cut style", "cut from paper", "as a paper collage"),
}

TAG_WORDS: dict[str, str] = {
    "meadow": "meadow", "beach": "beach", "desert": "desert", "snow": "snow", "night": "night",
    "sunset": "sunset", "forest": "forest", "rain": "rain", "city": "city", "underwater": "underwater",
    "left": "left", "middle": "middle", "right": "right",
    "flat": "flat style", "watercolour": "watercolour", "ink": "ink", "pixel": "pixel art",
    "paper-cut": "paper cut",
}  # fmt: skip

NUMBER_WORDS: dict[int, tuple[str, ...]] = {
    1: ("one",),
    2: ("two", "2", "a pair of"),
    3: ("three", "3", "a group of three"),
    4: ("four", "4", "a group of four"),
}

_PLURALS = {"fish": "fish", "butterfly": "butterflies", "cactus": "cacti"}

_FUNCTION_WORDS = frozenset(
    {
        *("a", "an", "the", "in", "on", "at", "to", "by", "of", "as", "and", "under", "among", "over", "from"),
        *("side", "thing", "things", "top"),
    }
)


def plural(noun: str) -> str:
    """Several of `noun`: 'cats', 'fish', 'butterflies'."""
    return _PLURALS.get(noun) or f"{noun}{'es' if noun.endswith('s') else 's'}"


def number_of(count: int, phrase: str) -> str:
    """'one red cat', 'three red cats', '7 red cats': a count before a phrase that ends with its noun."""
    *adjectives, noun = phrase.split(" ")
    number = NUMBER_WORDS[count][0] if count in NUMBER_WORDS else str(count)
    return " ".join([number, *adjectives, noun if count == 1 else plural(noun)])


def _content_words() -> frozenset[str]:
    things = (KIND_WORDS, COLOUR_WORDS, SIZE_WORDS, NUMBER_WORDS)
    tables = (*things, PLACE_WORDS, RELATION_WORDS, SETTING_WORDS, STYLE_WORDS)
    phrases = [phrase for table in tables for ways in table.values() for phrase in ways]
    phrases += [*TAG_WORDS.values()]
    phrases += [plural(noun) for ways in KIND_WORDS.values() for noun in ways]
    return frozenset(re.findall(r"[a-z0-9-]+", " ".join(phrases))) - _FUNCTION_WORDS


WORDS: frozenset[str] = _content_words()
