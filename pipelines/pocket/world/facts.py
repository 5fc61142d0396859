"""What is true of a scene, in one wording: its canonical prompt, its facts, and false facts to match.

A medium size and the flat style are usual, and so neither said nor a fact.
"""

import random
from collections.abc import Iterable
from typing import TypeVar

from .scene import COLOURS, KINDS, LARGEST_GROUP, PLACES, SETTINGS, SIZES, STYLES, Scene, Thing
from .words import PLACE_WORDS, RELATION_WORDS, SETTING_WORDS, STYLE_WORDS, an, number_of

T = TypeVar("T")
Fact = tuple[str, str]  # (kind of fact, text)

COUNT_WORDS: dict[int, str] = {1: "one thing", 2: "two things", 3: "three things", 4: "four things"}
_REVERSED = {"left": "right", "right": "left", "above": "below", "below": "above"}


def prompt_of(scene: Scene) -> str:
    """The canonical, full wording."""
    style = "" if scene.style == "flat" else f", {STYLE_WORDS[scene.style][0]}"
    return f"{_things_of(scene)}, {SETTING_WORDS[scene.setting][0]}{style}"


def facts_of(scene: Scene) -> tuple[Fact, ...]:
    """The true facts: thing by thing, then how things stand to each other, setting, style and count."""
    facts: list[Fact] = []
    for thing in _told(scene):
        facts.append(_kind_fact(thing.kind))
        facts.append(_colour_fact(thing, thing.colour))
        if thing.size != "medium":
            facts.append(_size_fact(thing, thing.size))
        if thing.place in PLACES and scene.arrangement != "in a row":
            facts.append(_place_fact(thing, thing.place))
    if (relation := _relation(scene)) is not None:
        facts.append(relation)
    facts.append(("setting", SETTING_WORDS[scene.setting][0]))
    if scene.style != "flat":
        facts.append(("style", STYLE_WORDS[scene.style][0]))
    facts.append(_count_fact(scene, len(scene.things)))
    return tuple(facts)


def false_facts_of(scene: Scene, rng: random.Random) -> list[Fact]:
    """For each fact of `facts_of`, in the same order, a false one of the same kind; and a false style of a flat
    scene, whose own goes without saying."""
    kinds = {thing.kind for thing in scene.things}
    facts: list[Fact] = []
    for thing in _told(scene):
        facts.append(_kind_fact(_other(rng, KINDS, kinds)))
        facts.append(_colour_fact(thing, _false_colour(scene, thing, rng)))
        if thing.size != "medium":
            facts.append(_size_fact(thing, _other(rng, SIZES, {thing.size, "medium"})))
        if thing.place in PLACES and scene.arrangement != "in a row":
            facts.append(_place_fact(thing, _other(rng, PLACES, {thing.place})))
    if len(_told(scene)) > 1:
        facts.append(_false_relation(scene, rng))
    setting = _other(rng, SETTINGS, {scene.setting})
    facts.append(("setting", SETTING_WORDS[setting][0]))
    style = _other(rng, STYLES, {scene.style, "flat"})
    facts.append(("style", STYLE_WORDS[style][0]))
    facts.append(_count_fact(scene, _other(rng, range(1, LARGEST_GROUP + 1), {len(scene.things)})))
    return facts


def _told(scene: Scene) -> tuple[Thing, ...]:
    """The things that facts speak of: of a group, whose members are alike, one."""
    return scene.things[:1] if scene.arrangement == "group" else scene.things


def _things_of(scene: Scene) -> str:
    match scene.arrangement:
        case "alone" | "side by side":
            return " and ".join(f"{_named(thing)} {PLACE_WORDS[thing.place][0]}" for thing in scene.things)
        case "group":
            thing = scene.things[0]
            return number_of(len(scene.things), f"{thing.colour} {thing.kind}")
        case "stacked":
            above, below = scene.things
            return f"{_named(above)} {RELATION_WORDS['above'][0]} {_named(below)}"
        case _:
            left, middle, right = scene.things
            return f"{_named(middle)} {RELATION_WORDS['between'][0]} {_named(left)} and {_named(right)}"


def _named(thing: Thing) -> str:
    size = "" if thing.size == "medium" else f"{thing.size} "
    return an(f"{size}{thing.colour} {thing.kind}")


def _relation(scene: Scene) -> Fact | None:
    match scene.arrangement:
        case "side by side":
            return _relation_fact(scene.things[0].kind, "left", scene.things[1].kind)
        case "stacked":
            return _relation_fact(scene.things[0].kind, "above", scene.things[1].kind)
        case "in a row":
            left, middle, right = (thing.kind for thing in scene.things)
            return _relation_fact(middle, "between", left, right)
        case _:
            return None


def _false_relation(scene: Scene, rng: random.Random) -> Fact:
    """The same things the other way round, or in another relation."""
    if scene.arrangement == "in a row":
        left, middle, right = (thing.kind for thing in scene.things)
        outer = rng.choice(((left, middle, right), (right, left, middle)))
        return _relation_fact(outer[0], "between", *outer[1:])
    first, second = (thing.kind for thing in scene.things)
    true = "left" if scene.arrangement == "side by side" else "above"
    if rng.random() < 0.4:
        return _relation_fact(second, true, first)
    return _relation_fact(first, _other(rng, _REVERSED, {true}), second)


def _false_colour(scene: Scene, thing: Thing, rng: random.Random) -> str:
    partners = [other.colour for other in scene.things if other.colour != thing.colour]
    if partners and rng.random() < 0.5:
        return rng.choice(partners)
    return _other(rng, COLOURS, {thing.colour})


def _other(rng: random.Random, values: Iterable[T], wrong: set[T]) -> T:
    return rng.choice([value for value in values if value not in wrong])


def _kind_fact(kind: str) -> Fact:
    return "thing", an(kind)


def _colour_fact(thing: Thing, colour: str) -> Fact:
    return "colour", an(f"{colour} {thing.kind}")


def _size_fact(thing: Thing, size: str) -> Fact:
    return "size", an(f"{size} {thing.kind}")


def _place_fact(thing: Thing, place: str) -> Fact:
    return "place", f"{an(thing.kind)} {PLACE_WORDS[place][0]}"


def _relation_fact(first: str, relation: str, *others: str) -> Fact:
    return "relation", f"{an(first)} {RELATION_WORDS[relation][0]} {' and '.join(map(an, others))}"


def _count_fact(scene: Scene, count: int) -> Fact:
    if scene.arrangement == "group":
        return "count", number_of(count, scene.things[0].kind)
    return "count", COUNT_WORDS[count]
