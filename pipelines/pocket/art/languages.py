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


def caption_in(scene: ArtScene, kinds: Kinds, language: str, rng: random.Random, *, whole: bool = False) -> str:
    """A caption in one of `LANGUAGES` but English; the style is left out if it is the usual one.

    A kind that the language has no word for is said in English. `whole`: every detail is said.
    """
    return _Teller(scene, kinds, tongues()[language], rng, whole).sentence()


@dataclass(frozen=True)
class _Teller:
    """Says one scene once, in one language."""

    scene: ArtScene
    kinds: Kinds
    tongue: Tongue
    rng: random.Random
    whole: bool

    def sentence(self) -> str:
        """What is shown, where, and in which style."""
        scene, tongue, rng = self.scene, self.tongue, self.rng
        parts = [self._body()]
        if self._says(SAY_SETTING):
            parts.append(rng.choice(tongue.ways("settings", scene.setting)))
        if scene.style != USUAL_STYLE or (not self.whole and rng.random() < SAY_USUAL):
            known = scene.style in tongue.words["styles"]  # a user's own hand is called by its name
            parts.append(rng.choice(tongue.ways("styles", scene.style)) if known else scene.style)
        return tongue.words["comma"].join(parts)

    def _says(self, share: float) -> bool:
        """Whether a detail is said that captions mention this often."""
        return self.whole or self.rng.random() < share

    def _body(self) -> str:
        scene, tongue = self.scene, self.tongue
        if scene.arrangement == "group":
            return self._several(scene.things[0], len(scene.things))
        phrases = [self._phrase(thing) for thing in scene.things]
        if scene.arrangement == "alone":
            place = tongue.ways("places", scene.things[0].place)[0] if self._says(SAY_PLACE) else ""
            return phrases[0] + (tongue.words["space"] + place if place else "")
        pattern = self.rng.choice(tongue.ways("relations", scene.arrangement))
        return pattern.format(**dict(zip("abc", phrases, strict=False)))

    def _phrase(self, thing: ArtThing) -> str:
        """'un petit chien rouge'; without article and adjectives where the gender is not known."""
        tongue = self.tongue
        said, noun = self._noun(thing)
        gender = said.gender if noun == said.words[0] else ""
        known = bool(gender) or not tongue.words["genders"]
        sayable = known or self.whole  # in the first form, where all is to be said
        colour = thing.colour if sayable and self._says(SAY_COLOUR) else ""
        size = thing.size if sayable and thing.size != "medium" and self._says(SAY_SIZE) else ""
        words = {
            "article": tongue.form("words", "article", gender=gender, several=False) if known else "",
            "size": tongue.form("sizes", size, gender=gender, several=False) if size else "",
            "colour": tongue.form("colours", colour, gender=gender, several=False) if colour else "",
            "noun": noun,
        }
        return _joined(tongue.words["phrase"], words, tongue)

    def _several(self, thing: ArtThing, count: int) -> str:
        kind, tongue = self.kinds[thing.kind], self.tongue
        said = kind.said.get(tongue.name) or kind.said["en"]
        known = bool(said.gender and said.plural) or not tongue.words["genders"]
        colour = thing.colour if (known or self.whole) and self._says(SAY_COLOUR) else ""
        numbers = "animals" if kind.category == "animals" else "numbers"
        words = {
            "number": tongue.form(numbers, str(count), gender=said.gender, several=False),
            "colour": tongue.form("colours", colour, gender=said.gender, several=True) if colour else "",
            "noun": said.plural or said.words[0],
        }
        return _joined(tongue.words["several"], words, tongue)

    def _noun(self, thing: ArtThing) -> tuple[Said, str]:
        said = self.kinds[thing.kind].said
        here = said.get(self.tongue.name) or said["en"]
        usual, *others = here.words
        return here, self.rng.choice(others) if others and self.rng.random() < USE_SYNONYM else usual


def _joined(pattern: str, words: Mapping[str, str], tongue: Tongue) -> str:
    filled = (words[name] for name in pattern.split())
    return tongue.words["space"].join(filter(None, filled))
