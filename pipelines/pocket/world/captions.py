"""What can be said of a scene: its full prompt, the facts it holds, false facts, and captions in many wordings.

Every sentence but a false fact is true of the scene; details left out are free.
"""

import random
from collections.abc import Iterable
from typing import TypeVar

from .scene import COLOURS, KINDS, PLACES, SETTINGS, SIZES, Scene, Thing
from .words import (
    COLOUR_WORDS,
    COUNT_WORDS,
    KIND_WORDS,
    PLACE_WORDS,
    SETTING_WORDS,
    SIZE_WORDS,
    TAG_WORDS,
    an,
)

T = TypeVar("T")
Fact = tuple[str, str]  # (kind of fact, text)

# How often a caption mentions a detail.
SAY_COLOUR, SAY_SIZE, SAY_MEDIUM, SAY_PLACE, SAY_SETTING = 0.88, 0.60, 0.08, 0.55, 0.70
USE_SYNONYM = 0.40

OPENINGS = (
    "a picture of", "a painting of", "a drawing of", "an illustration of", "an image of", "a scene with",
    "a view of", "draw", "paint", "show me", "there is", "here is", "i see", "we see", "this is", "please draw",
)  # fmt: skip
JOINTS = (" and ", " and ", " and ", " with ", " beside ", " next to ", " together with ", ", ")


def prompt_of(scene: Scene) -> str:
    """The canonical, full wording; a medium size is unsaid."""
    things = " and ".join(f"{an(_adjectives(t) + t.kind)} {PLACE_WORDS[t.place][0]}" for t in scene.things)
    return f"{things}, {SETTING_WORDS[scene.setting][0]}"


def facts_of(scene: Scene) -> tuple[Fact, ...]:
    """The true facts, thing by thing, then the setting and the count; a medium size is no fact."""
    facts: list[Fact] = []
    for thing in scene.things:
        facts.append(_kind_fact(thing.kind))
        facts.append(_colour_fact(thing, thing.colour))
        if thing.size != "medium":
            facts.append(_size_fact(thing, thing.size))
        facts.append(_place_fact(thing, thing.place))
    facts.append(_setting_fact(scene.setting))
    facts.append(("count", COUNT_WORDS[len(scene.things)]))
    return tuple(facts)


def false_facts_of(scene: Scene, rng: random.Random) -> list[Fact]:
    """For each fact of `facts_of`, in the same order, a false one of the same kind."""
    kinds = {thing.kind for thing in scene.things}
    facts: list[Fact] = []
    for index, thing in enumerate(scene.things):
        facts.append(_kind_fact(_other(rng, KINDS, kinds)))
        if len(scene.things) == 2 and rng.random() < 0.5:
            colour = scene.things[1 - index].colour
        else:
            colour = _other(rng, COLOURS, {thing.colour})
        facts.append(_colour_fact(thing, colour))
        if thing.size != "medium":
            facts.append(_size_fact(thing, _other(rng, SIZES, {thing.size, "medium"})))
        facts.append(_place_fact(thing, _other(rng, PLACES, {thing.place})))
    facts.append(_setting_fact(_other(rng, SETTINGS, {scene.setting})))
    facts.append(("count", COUNT_WORDS[_other(rng, COUNT_WORDS, {len(scene.things)})]))
    return facts


def caption_of(scene: Scene, rng: random.Random) -> str:
    """One of many wordings, long or short, with any details left out; every thing is named."""
    style = rng.random()
    if style < 0.05:
        return prompt_of(scene)
    if style < 0.20:
        return _tags(scene, rng)
    if len(scene.things) == 1:
        body = _phrase(scene.things[0], rng, place=rng.random() < SAY_PLACE)
    else:
        body = _pair(scene, rng)
    return _framed(scene, body, rng)


def _framed(scene: Scene, body: str, rng: random.Random) -> str:
    """`body` with an opening and the setting, each at times, the setting before or after."""
    opened = f"{rng.choice(OPENINGS)} {body}" if rng.random() < 0.40 else body
    if rng.random() >= SAY_SETTING:
        return opened
    setting = _say(SETTING_WORDS[scene.setting], rng)
    if rng.random() < 0.25:
        return f"{setting}, {opened}"
    return f"{opened}{rng.choice((', ', ' '))}{setting}"


def _pair(scene: Scene, rng: random.Random) -> str:
    left, right = scene.things
    if rng.random() < 0.15:
        return f"{_phrase(left, rng)} to the left of {_phrase(right, rng)}"
    if rng.random() < 0.15:
        return f"{_phrase(right, rng)} to the right of {_phrase(left, rng)}"
    first, second = (left, right) if rng.random() < 0.6 else (right, left)
    place = rng.random() < 0.65
    body = _phrase(first, rng, place=place) + rng.choice(JOINTS) + _phrase(second, rng, place=place)
    return f"{COUNT_WORDS[2]}: {body}" if rng.random() < 0.06 else body


def _phrase(thing: Thing, rng: random.Random, *, place: bool = False) -> str:
    """A noun phrase such as 'a big red boat on the left'."""
    noun, colour, size = _said(thing, rng)
    shape = rng.random()
    if shape < 0.12 and (colour or size):
        text = f"{an(noun)} that is {' and '.join(filter(None, (size, colour)))}"
    elif shape < 0.20 and colour:
        text = f"{an(' '.join(filter(None, (size, noun))))} in {colour}"
    elif shape < 0.26 and size and colour:
        text = an(f"{size}, {colour} {noun}")
    else:
        text = an(" ".join(filter(None, (size, colour, noun))))
    return f"{text} {_say(PLACE_WORDS[thing.place], rng)}" if place else text


def _tags(scene: Scene, rng: random.Random) -> str:
    """Key words between commas: 'red boat, big, left, sunset'."""
    parts = []
    for thing in scene.things:
        noun, colour, size = _said(thing, rng)
        parts.append(" ".join(filter(None, (colour, noun))))
        parts += [size] if size else []
        parts += [TAG_WORDS[thing.place]] if rng.random() < SAY_PLACE else []
    if rng.random() < SAY_SETTING:
        parts.append(
            TAG_WORDS[scene.setting] if rng.random() < 0.6 else _say(SETTING_WORDS[scene.setting], rng)
        )
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


def _other(rng: random.Random, values: Iterable[T], wrong: set[T]) -> T:
    return rng.choice([value for value in values if value not in wrong])


def _adjectives(thing: Thing) -> str:
    size = "" if thing.size == "medium" else f"{SIZE_WORDS[thing.size][0]} "
    return f"{size}{thing.colour} "


def _kind_fact(kind: str) -> Fact:
    return "thing", an(kind)


def _colour_fact(thing: Thing, colour: str) -> Fact:
    return "colour", an(f"{colour} {thing.kind}")


def _size_fact(thing: Thing, size: str) -> Fact:
    return "size", an(f"{size} {thing.kind}")


def _place_fact(thing: Thing, place: str) -> Fact:
    return "place", f"{an(thing.kind)} {PLACE_WORDS[place][0]}"


def _setting_fact(setting: str) -> Fact:
    return "setting", SETTING_WORDS[setting][0]
