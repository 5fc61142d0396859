"""Whether two words are forms of one: case, number, simple endings, a numeral for a number word; and which
article a phrase has.

English for the most part; in other languages words are at least the same in any case. Data and rules alone.
"""

import re

_IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot", "teeth": "tooth",
    "mice": "mouse", "geese": "goose", "leaves": "leaf", "wolves": "wolf", "knives": "knife", "lives": "life",
    "shelves": "shelf", "scarves": "scarf", "hooves": "hoof", "loaves": "loaf", "elves": "elf",
    "ridden": "ride", "rode": "ride", "ran": "run", "sat": "sit", "stood": "stand", "held": "hold",
    "wore": "wear", "worn": "wear", "flew": "fly", "flown": "fly", "swam": "swim", "slept": "sleep",
    "ate": "eat", "eaten": "eat", "drove": "drive", "driven": "drive", "lit": "light", "lay": "lie",
    "lying": "lie", "gray": "grey", "color": "colour", "colors": "colour", "colored": "colour",
    "photos": "photo", "photograph": "photo", "photographs": "photo",
}  # fmt: skip

NUMBERS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "single": 1, "pair": 2, "couple": 2, "dozen": 12,
}  # fmt: skip

_SAID_AN = frozenset({"8-ball", "hourglass", "id", "suv", "x-ray"})
_SAID_YU = ("eur", "ewe", "one-", "ufo", "uk", "uni", "us-")
_VOWEL = re.compile("[aeiouy]")
_DOUBLED = re.compile(r"([bdfgklmnprtz])\1$")
_MARKS = re.compile(r"['\u2019]s?$")


def an(phrase: str) -> str:
    """`phrase` behind its indefinite article: 'an orange cat', 'an hourglass', 'a unicorn'."""
    first = phrase.split(" ")[0]
    vowel = first[0] in "aeiou" and not first.startswith(_SAID_YU)
    return f"{'an' if vowel or first in _SAID_AN else 'a'} {phrase}"


def stem(word: str) -> str:
    """What all forms of a word share, more or less: `boats`, `Boat`, `boat's` are `boat`; `two` is `2`."""
    word = _MARKS.sub("", word.lower().replace("\u2019", "'"))
    if word in NUMBERS:
        return str(NUMBERS[word])
    word = _IRREGULAR.get(word, word)
    word = _without_plural(word)
    for ending in ("ing", "ed"):
        left = word.removesuffix(ending)
        if left != word and len(left) >= 3 and _VOWEL.search(left):
            word = left
            break
    if len(word) > 3:
        word = word.removesuffix("e")
    if len(word) > 3:
        word = word.removesuffix("y").removesuffix("i")
    return _DOUBLED.sub(r"\1", word) if len(word) > 3 else word


def _without_plural(word: str) -> str:
    """`boxes` is `box`, `boats` is `boat`; `grass`, `bus` and `iris` stay."""
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith(("sses", "xes", "ches", "shes", "zes")):
        return word[:-2]
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1]
