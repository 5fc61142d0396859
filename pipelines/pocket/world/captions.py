"""What can be said of a scene: captions in many wordings, long or short, with any details left out.

Every sentence is true of the scene. What is not said is free, with two conventions that a reader would assume,
too: of two things that are merely named, the first stands on the left, and a scene without a style is flat.
"""

import random

from .facts import prompt_of
from .scene import Scene, Thing
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
    an,
    plural,
)

# How often a caption mentions a detail.
SAY_COLOUR, SAY_SIZE, SAY_MEDIUM, SAY_PLACE, SAY_SETTING, SAY_FLAT = 0.92, 0.60, 0.05, 0.50, 0.70, 0.12
USE_SYNONYM = 0.35

OPENINGS = (
    "a picture of", "a painting of", "a drawing of", "an illustration of", "an image of", "a scene with",
    "a view of", "draw", "paint", "show me", "there is", "here is", "i see", "we see", "this is", "please draw",
)  # fmt: skip
JOINTS = (" and ", " and ", " and ", " and ", " with ", " beside ", " next to ", " together with ", ", ")


def caption_of(scene: Scene, rng: random.Random) -> str:
    """One of many wordings; every thing is named, and how things stand to each other where it is unusual."""
    way = rng.random()
    if way < 0.05:
        return prompt_of(scene)
    if way < 0.17 and scene.arrangement in ("alone", "group"):
        return _tags(scene, rng)
    return _framed(scene, _body(scene, rng), rng)


def _body(scene: Scene, rng: random.Random) -> str:
    things = scene.things
    match scene.arrangement:
        case "alone":
            return _phrase(things[0], rng, place=rng.random() < SAY_PLACE)
        case "group":
            return _several(scene, rng)
        case "side by side":
            return _side_by_side(things[0], things[1], rng)
        case "stacked":
            above, below = things
            if rng.random() < 0.6:
                return f"{_phrase(above, rng)} {_say(RELATION_WORDS['above'], rng)} {_phrase(below, rng)}"
            return f"{_phrase(below, rng)} {_say(RELATION_WORDS['below'], rng)} {_phrase(above, rng)}"
        case _:
            left, middle, right = (_phrase(thing, rng) for thing in things)
            if rng.random() < 0.3:
                return f"{left}, {middle} and {right}"
            return f"{middle} {RELATION_WORDS['between'][0]} {left} and {right}"


def _side_by_side(left: Thing, right: Thing, rng: random.Random) -> str:
    way = rng.random()
    if way < 0.15:
        return f"{_phrase(left, rng)} {_say(RELATION_WORDS['left'], rng)} {_phrase(right, rng)}"
    if way < 0.30:
        return f"{_phrase(right, rng)} {_say(RELATION_WORDS['right'], rng)} {_phrase(left, rng)}"
    joint = rng.choice(JOINTS)
    if way < 0.65:  # merely named: the first is the left one
        return f"{_phrase(left, rng)}{joint}{_phrase(right, rng)}"
    first, second = (left, right) if rng.random() < 0.6 else (right, left)
    return f"{_phrase(first, rng, place=True)}{joint}{_phrase(second, rng, place=True)}"


def _several(scene: Scene, rng: random.Random) -> str:
    """'three red cats', 'a pair of cats'."""
    noun, colour, _ = _said(scene.things[0], rng)
    return " ".join(filter(None, (_say(NUMBER_WORDS[len(scene.things)], rng), colour, plural(noun))))


def _framed(scene: Scene, body: str, rng: random.Random) -> str:
    """`body` with an opening, the setting and the style, each at times, the setting before or after."""
    text = f"{rng.choice(OPENINGS)} {body}" if rng.random() < 0.35 else body
    if rng.random() < SAY_SETTING:
        setting = _say(SETTING_WORDS[scene.setting], rng)
        text = f"{setting}, {text}" if rng.random() < 0.2 else f"{text}{rng.choice((', ', ' '))}{setting}"
    if scene.style == "flat" and rng.random() >= SAY_FLAT:
        return text
    style = _say(STYLE_WORDS[scene.style], rng)
    return f"{style}: {text}" if rng.random() < 0.1 else f"{text}{rng.choice((', ', ', ', ' '))}{style}"


def _phrase(thing: Thing, rng: random.Random, *, place: bool = False) -> str:
    """A noun phrase such as 'a big red boat on the left'."""
    noun, colour, size = _said(thing, rng)
    shape = rng.random()
    if shape < 0.06 and (colour or size):
        text = f"{an(noun)} that is {' and '.join(filter(None, (size, colour)))}"
    elif shape < 0.10 and colour:
        text = f"{an(' '.join(filter(None, (size, noun))))} in {colour}"
    elif shape < 0.14 and size and colour:
        text = an(f"{size}, {colour} {noun}")
    else:
        text = an(" ".join(filter(None, (size, colour, noun))))
    return f"{text} {_say(PLACE_WORDS[thing.place], rng)}" if place else text


def _tags(scene: Scene, rng: random.Random) -> str:
    """Key words between commas: 'red boat, big, left, sunset, ink'."""
    thing = scene.things[0]
    noun, colour, size = _said(thing, rng)
    if scene.arrangement == "group":
        parts = [" ".join(filter(None, (NUMBER_WORDS[len(scene.things)][0], colour, plural(noun))))]
    else:
        parts = [" ".join(filter(None, (colour, noun))), *([size] if size else [])]
        parts += [TAG_WORDS[thing.place]] if rng.random() < SAY_PLACE else []
    if rng.random() < SAY_SETTING:
        setting = TAG_WORDS[scene.setting] if rng.random() < 0.6 else _say(SETTING_WORDS[scene.setting], rng)
        parts.append(setting)
    if scene.style != "flat" or rng.random() < SAY_FLAT:
        parts.append(TAG_WORDS[scene.style])
    return ", ".join(parts)


def _said(thing: Thing, rng: random.Random) -> tuple[str, str, str]:
    """(noun, colour, size) as this caption says them; an empty string for what it leaves out."""
    noun = _say(KIND_WORDS[thing.kind], rng)
    colour = _say(COLOUR_WORDS[thing.colour], rng) if rng.random() < SAY_COLOUR else ""
    said_size = rng.random() < (SAY_MEDIUM if thing.size == "medium" else SAY_SIZE)
    return noun, colour, _say(SIZE_WORDS[thing.size], rng) if said_size else ""


def _say(ways: tuple[str, ...], rng: random.Random) -> str:
    """The usual word, at times another."""
    usual, *others = ways
    return rng.choice(others) if others and rng.random() < USE_SYNONYM else usual
