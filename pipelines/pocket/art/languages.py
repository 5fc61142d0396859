"""Captions in seven languages beside English, from a table of words and sentence patterns, `languages.toml`.

Plain sentences that avoid what a table cannot know: things are put in the nominative, with places of their own
('links ein Hund, rechts eine rote Katze'), and a noun whose gender nobody noted goes without an article.
"""

import random
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .scene import ArtScene, ArtThing
from .things import LANGUAGES, Kinds, Said
from .words import USUAL_STYLE

TABLE = Path(__file__).with_name("languages.toml")
SAY_COLOUR, SAY_SIZE, SAY_PLACE, SAY_SETTING, SAY_USUAL, USE_SYNONYM = 0.9, 0.6, 0.45, 0.75, 0.15, 0.25


@dataclass(frozen=True)
class Tongue:
    """What the table has of one language: `words` by group ('colours') and name, each a list of ways or of
    forms."""

    name: str
    words: Mapping[str, Any]

    def ways(self, group: str, name: str) -> tuple[str, ...]:
        """All ways, or all forms, of one meaning, each once: 'rouge', 'rouges'."""
        found = self.words[group][name]
        return tuple(dict.fromkeys([found] if isinstance(found, str) else found))

    def form(self, group: str, name: str, *, gender: str, several: bool) -> str:
        """An adjective as it goes with a noun; `forms` of the table says in which order they are listed."""
        listed = self.words[group][name]
        if isinstance(listed, str):
            return listed
        one = (gender or "m") + ("p" if several else "")
        wanted = "p" if several and "p" in self.words["forms"] else one
        at = self.words["forms"].index(wanted) if wanted in self.words["forms"] else 0
        return listed[min(at, len(listed) - 1)]


@cache
def tongues() -> Mapping[str, Tongue]:
    """By code: all of `LANGUAGES` but English."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {name: Tongue(name, table[name]) for name in LANGUAGES[1:]}


def caption_in(scene: ArtScene, kinds: Kinds, language: str, rng: random.Random) -> str:
    """A caption in one of `LANGUAGES` but English; the style is left out if it is the usual one.

    A kind that the language has no word for is said in English.
    """
    tongue = tongues()[language]
    parts = [_body(scene, kinds, tongue, rng)]
    if rng.random() < SAY_SETTING:
        parts.append(rng.choice(tongue.ways("settings", scene.setting)))
    if scene.style != USUAL_STYLE or rng.random() < SAY_USUAL:
        known = scene.style in tongue.words["styles"]  # a user's own hand is called by its name
        parts.append(rng.choice(tongue.ways("styles", scene.style)) if known else scene.style)
    return tongue.words["comma"].join(parts)


def _body(scene: ArtScene, kinds: Kinds, tongue: Tongue, rng: random.Random) -> str:
    things = scene.things
    if scene.arrangement == "group":
        return _several(things[0], len(things), kinds, tongue, rng)
    phrases = [_phrase(thing, kinds, tongue, rng) for thing in things]
    if scene.arrangement == "alone":
        place = rng.random() < SAY_PLACE
        return phrases[0] + (tongue.words["space"] + tongue.ways("places", things[0].place)[0] if place else "")
    pattern = rng.choice(tongue.ways("relations", scene.arrangement))
    return pattern.format(**dict(zip("abc", phrases, strict=False)))


def _phrase(thing: ArtThing, kinds: Kinds, tongue: Tongue, rng: random.Random) -> str:
    """'un petit chien rouge'; without article and adjectives where the gender is not known."""
    said, noun = _noun(thing, kinds, tongue, rng)
    gender = said.gender if noun == said.words[0] else ""
    known = bool(gender) or not tongue.words["genders"]
    colour = thing.colour if known and rng.random() < SAY_COLOUR else ""
    size = thing.size if known and thing.size != "medium" and rng.random() < SAY_SIZE else ""
    words = {
        "article": tongue.form("words", "article", gender=gender, several=False) if known else "",
        "size": tongue.form("sizes", size, gender=gender, several=False) if size else "",
        "colour": tongue.form("colours", colour, gender=gender, several=False) if colour else "",
        "noun": noun,
    }
    return _joined(tongue.words["phrase"], words, tongue)


def _several(thing: ArtThing, count: int, kinds: Kinds, tongue: Tongue, rng: random.Random) -> str:
    said = kinds[thing.kind].said.get(tongue.name) or kinds[thing.kind].said["en"]
    counted = said.plural or said.words[0]
    known = bool(said.gender and said.plural) or not tongue.words["genders"]
    colour = thing.colour if known and rng.random() < SAY_COLOUR else ""
    numbers = "animals" if kinds[thing.kind].category == "animals" else "numbers"
    words = {
        "number": tongue.form(numbers, str(count), gender=said.gender, several=False),
        "colour": tongue.form("colours", colour, gender=said.gender, several=True) if colour else "",
        "noun": counted,
    }
    return _joined(tongue.words["several"], words, tongue)


def _noun(thing: ArtThing, kinds: Kinds, tongue: Tongue, rng: random.Random) -> tuple[Said, str]:
    said = kinds[thing.kind].said.get(tongue.name) or kinds[thing.kind].said["en"]
    usual, *others = said.words
    return said, rng.choice(others) if others and rng.random() < USE_SYNONYM else usual


def _joined(pattern: str, words: Mapping[str, str], tongue: Tongue) -> str:
    filled = (words[name] for name in pattern.split())
    return tongue.words["space"].join(filter(None, filled))
