"""What can be said of a scene of drawn things in English: in many wordings, long or short, with details left
out.

Every sentence is true of the scene, with the world's conventions: of two things merely named, the first stands
on the left; and one more, that a scene without a style is of the usual hand. The others: `languages`.
"""

import random

from ..world.captions import JOINTS, OPENINGS
from ..world.words import COLOUR_WORDS, NUMBER_WORDS, PLACE_WORDS, SIZE_WORDS, TAG_WORDS
from .facts import prompt_of
from .languages import caption_in
from .scene import ArtScene, ArtThing
from .things import LANGUAGES, Kinds, an
from .words import RELATION_WORDS, SETTING_WORDS, USUAL_STYLE, style_words

# How often a caption mentions a detail.
SAY_COLOUR, SAY_SIZE, SAY_MEDIUM, SAY_PLACE, SAY_SETTING, SAY_USUAL = 0.88, 0.60, 0.04, 0.45, 0.70, 0.20
USE_SYNONYM = 0.35
OTHER_LANGUAGES = 0.25  # share of captions


def caption_of(
    scene: ArtScene,
    kinds: Kinds,
    rng: random.Random,
    *,
    language: str | None = None,
    whole: bool = False,
) -> str:
    """One of many wordings; every thing is named, and how things stand to each other where it is unusual.

    `language`, one of `LANGUAGES`, is drawn unless it is given: mostly English. `whole`: every detail is said.
    """
    if language is None:
        language = rng.choice(LANGUAGES[1:]) if rng.random() < OTHER_LANGUAGES else "en"
    if language != "en":
        return caption_in(scene, kinds, language, rng, whole=whole)
    way = rng.random()
    if way < 0.05:
        return prompt_of(scene, kinds)
    teller = _Teller(scene, kinds, rng, whole)
    if way < 0.17 and scene.arrangement in ("alone", "group"):
        return teller.tags()
    return teller.sentence()


class _Teller:
    """Says one scene once."""

    def __init__(self, scene: ArtScene, kinds: Kinds, rng: random.Random, whole: bool) -> None:
        self._scene, self._kinds, self._rng, self._whole = scene, kinds, rng, whole

    def sentence(self) -> str:
        """What is shown, with an opening, the setting and the style, each at times, the setting before or
        after."""
        rng, scene = self._rng, self._scene
        text = f"{rng.choice(OPENINGS)} {self._body()}" if rng.random() < 0.35 else self._body()
        if self._says(SAY_SETTING):
            setting = self._say(SETTING_WORDS[scene.setting])
            text = f"{setting}, {text}" if rng.random() < 0.2 else f"{text}{rng.choice((', ', ' '))}{setting}"
        if scene.style == USUAL_STYLE and (self._whole or rng.random() >= SAY_USUAL):
            return text
        style = self._say(style_words(scene.style))
        return f"{style}: {text}" if rng.random() < 0.1 else f"{text}{rng.choice((', ', ', ', ' '))}{style}"

    def tags(self) -> str:
        """Key words between commas: 'red car, big, left, sunset, sticker'."""
        rng, scene = self._rng, self._scene
        thing = scene.things[0]
        if scene.arrangement == "group":
            parts = [self._several()]
        else:
            noun, _, colour, size = self._said(thing)
            parts = [" ".join(filter(None, (colour, noun))), *([size] if size else [])]
            parts += [TAG_WORDS[thing.place]] if self._says(SAY_PLACE) else []
        if self._says(SAY_SETTING):
            tag = TAG_WORDS.get(scene.setting, "plain background")
            parts.append(tag if rng.random() < 0.6 else self._say(SETTING_WORDS[scene.setting]))
        if scene.style != USUAL_STYLE or (not self._whole and rng.random() < SAY_USUAL):
            parts.append(scene.style)
        return ", ".join(parts)

    def _says(self, share: float) -> bool:
        """Whether a detail is said that captions mention this often."""
        return self._whole or self._rng.random() < share

    def _body(self) -> str:
        things, rng = self._scene.things, self._rng
        match self._scene.arrangement:
            case "alone":
                return self._phrase(things[0], place=self._says(SAY_PLACE))
            case "group":
                return self._several()
            case "side by side":
                return self._side_by_side(things[0], things[1])
            case "stacked":
                if rng.random() < 0.6:
                    return self._related(things[0], "above", things[1])
                return self._related(things[1], "below", things[0])
            case "in front":
                if rng.random() < 0.7:
                    return self._related(things[0], "in front", things[1])
                return self._related(things[1], "behind", things[0])
            case "on":
                return self._related(things[0], "on", things[1])
            case _:
                left, middle, right = (self._phrase(thing) for thing in things)
                if rng.random() < 0.3:
                    return f"{left}, {middle} and {right}"
                return f"{middle} {RELATION_WORDS['between'][0]} {left} and {right}"

    def _related(self, first: ArtThing, relation: str, second: ArtThing) -> str:
        return f"{self._phrase(first)} {self._say(RELATION_WORDS[relation])} {self._phrase(second)}"

    def _side_by_side(self, left: ArtThing, right: ArtThing) -> str:
        rng = self._rng
        way = rng.random()
        if way < 0.15:
            return self._related(left, "left", right)
        if way < 0.30:
            return self._related(right, "right", left)
        joint = rng.choice(JOINTS)
        if way < 0.65:  # merely named: the first is the left one
            return f"{self._phrase(left)}{joint}{self._phrase(right)}"
        first, second = (left, right) if rng.random() < 0.6 else (right, left)
        return f"{self._phrase(first, place=True)}{joint}{self._phrase(second, place=True)}"

    def _several(self) -> str:
        """'three red cars', 'a pair of cats'."""
        thing, count = self._scene.things[0], len(self._scene.things)
        _, several, colour, _ = self._said(thing, counted=True)
        return " ".join(filter(None, (self._say(NUMBER_WORDS[count]), colour, several)))

    def _phrase(self, thing: ArtThing, *, place: bool = False) -> str:
        """A noun phrase such as 'a big red boat on the left', 'blue jeans', 'a cup that is small and red'."""
        rng = self._rng
        noun, _, colour, size = self._said(thing)
        article = _bare if noun in self._kinds[thing.kind].said["en"].bare else an
        shape = rng.random()
        if shape < 0.06 and article is an and (colour or size):
            text = f"{an(noun)} that is {' and '.join(filter(None, (size, colour)))}"
        elif shape < 0.10 and colour:
            text = f"{article(' '.join(filter(None, (size, noun))))} in {colour}"
        elif shape < 0.14 and size and colour:
            text = article(f"{size}, {colour} {noun}")
        else:
            text = article(" ".join(filter(None, (size, colour, noun))))
        return f"{text} {self._say(PLACE_WORDS[thing.place])}" if place else text

    def _said(self, thing: ArtThing, *, counted: bool = False) -> tuple[str, str, str, str]:
        """(noun, plural, colour, size) as this caption says them; '' for what it leaves out or has no word
        for."""
        rng, said = self._rng, self._kinds[thing.kind].said["en"]
        ways = [
            (word, several)
            for word, several in zip(said.words, said.plurals, strict=True)
            if several or not counted
        ]
        noun, several = rng.choice(ways[1:]) if len(ways) > 1 and rng.random() < USE_SYNONYM else ways[0]
        colour = self._say(COLOUR_WORDS[thing.colour]) if thing.colour and self._says(SAY_COLOUR) else ""
        medium = thing.size == "medium"
        said_size = not medium if self._whole else rng.random() < (SAY_MEDIUM if medium else SAY_SIZE)
        return noun, several, colour, self._say(SIZE_WORDS[thing.size]) if said_size else ""

    def _say(self, ways: tuple[str, ...]) -> str:
        """The usual word, at times another."""
        usual, *others = ways
        return self._rng.choice(others) if others and self._rng.random() < USE_SYNONYM else usual


def _bare(phrase: str) -> str:
    return phrase
