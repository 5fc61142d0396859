"""The words of the world: for every value of `scene` the ways to say it, the canonical way first."""

import re

KIND_WORDS: dict[str, tuple[str, ...]] = {
    "cat": ("cat", "kitten", "kitty"),
    "fish": ("fish",),
    "bird": ("bird",),
    "tree": ("tree",),
    "flower": ("flower", "blossom"),
    "mushroom": ("mushroom", "toadstool"),
    "house": ("house", "cottage", "home"),
    "castle": ("castle", "fortress"),
    "boat": ("boat", "ship", "sailboat"),
    "car": ("car", "automobile"),
    "rocket": ("rocket", "spaceship"),
    "balloon": ("balloon", "hot-air balloon"),
    "cup": ("cup", "mug"),
    "umbrella": ("umbrella", "parasol"),
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

SETTING_WORDS: dict[str, tuple[str, ...]] = {
    "meadow": ("in a meadow", "in the meadow", "on the grass", "in a grassy field", "in a summer field"),
    "beach": ("at the beach", "on the beach", "at the seaside", "by the sea", "on the shore"),
    "desert": ("in the desert", "in a desert", "among the dunes", "on the sand dunes"),
    "snow": ("in the snow", "in a snowy field", "on snowy ground", "in winter"),
    "night": ("at night", "under the stars", "in the moonlight", "under the moon", "on a starry night"),
    "sunset": ("at sunset", "at dusk", "as the sun sets", "in the evening", "at sundown"),
}

TAG_WORDS: dict[str, str] = {
    "meadow": "meadow", "beach": "beach", "desert": "desert",
    "snow": "snow", "night": "night", "sunset": "sunset",
    "left": "left", "middle": "middle", "right": "right",
}  # fmt: skip

COUNT_WORDS: dict[int, str] = {1: "one thing", 2: "two things"}

_FUNCTION_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "in",
        "on",
        "at",
        "to",
        "by",
        "of",
        "as",
        "and",
        "under",
        "among",
        "side",
        "thing",
        "things",
    ]
)


def an(phrase: str) -> str:
    """`phrase` behind its indefinite article: 'an orange cat', 'a red cat'."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def _content_words() -> frozenset[str]:
    tables = (KIND_WORDS, COLOUR_WORDS, SIZE_WORDS, PLACE_WORDS, SETTING_WORDS)
    phrases = [phrase for table in tables for ways in table.values() for phrase in ways]
    phrases += [*TAG_WORDS.values(), *COUNT_WORDS.values()]
    return frozenset(re.findall(r"[a-z-]+", " ".join(phrases))) - _FUNCTION_WORDS


WORDS: frozenset[str] = _content_words()
