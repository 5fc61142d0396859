"""What is true of a scene of drawn things, in one wording: its canonical prompt, its facts, and false facts to
match.

As in the world, whose words these are. A colour that has no name is no fact, and neither is a medium size.
"""

import random
from collections.abc import Collection, Iterable
from typing import TypeVar

from ..world import COLOURS, PLACES, SIZES, Fact
from ..world.facts import COUNT_WORDS
from ..world.scene import LARGEST_GROUP
from ..world.words import NUMBER_WORDS, PLACE_WORDS
from .scene import SETTINGS, ArtScene, ArtThing
from .things import Kinds, an
from .words import RELATION_WORDS, SETTING_WORDS, STYLE_WORDS, style_words

T = TypeVar("T")

_TRUE = {"side by side": "left", "stacked": "above", "in front": "in front", "on": "on"}
_FALSE: dict[str, tuple[str, ...]] = {
    "left": ("right", "above", "below"),
    "above": ("below", "left", "right"),
    "in front": ("behind", "above"),
    "on": ("below", "behind"),
}
"""For each relation those that are surely false of the same things in the same order."""


def prompt_of(scene: ArtScene, kinds: Kinds) -> str:
    """The canonical, full wording."""
    return f"{_things_of(scene, kinds)}, {SETTING_WORDS[scene.setting][0]}, {style_words(scene.style)[0]}"


def facts_of(scene: ArtScene, kinds: Kinds) -> tuple[Fact, ...]:
    """The true facts: thing by thing, then how things stand to each other, setting, style and count."""
    facts: list[Fact] = []
    for thing in _told(scene):
        facts.append(("thing", an(thing.kind)))
        if thing.colour:
            facts.append(_colour_fact(thing, thing.colour))
        if thing.size != "medium":
            facts.append(("size", an(f"{thing.size} {thing.kind}")))
        if _has_place(scene, thing):
            facts.append(_place_fact(thing, thing.place))
    if (relation := _relation(scene)) is not None:
        facts.append(relation)
    facts.append(("setting", SETTING_WORDS[scene.setting][0]))
    facts.append(("style", style_words(scene.style)[0]))
    facts.append(_count_fact(scene, len(scene.things), kinds))
    return tuple(facts)


def false_facts_of(scene: ArtScene, kinds: Kinds, rng: random.Random) -> list[Fact]:
    """For each fact of `facts_of`, in the same order, a false one of the same kind.

    A false kind is half the time of the same sort as the true one, so that a glance does not tell them apart.
    """
    facts: list[Fact] = []
    for thing in _told(scene):
        facts.append(("thing", an(_false_kind(scene, thing, kinds, rng))))
        if thing.colour:
            facts.append(_colour_fact(thing, _false_colour(scene, thing, rng)))
        if thing.size != "medium":
            facts.append(("size", an(f"{_other(rng, SIZES, {thing.size, 'medium'})} {thing.kind}")))
        if _has_place(scene, thing):
            facts.append(_place_fact(thing, _other(rng, PLACES, {thing.place})))
    if len(_told(scene)) > 1:
        facts.append(_false_relation(scene, rng))
    facts.append(("setting", SETTING_WORDS[_other(rng, SETTINGS, {scene.setting})][0]))
    facts.append(("style", style_words(_other(rng, STYLE_WORDS, {scene.style}))[0]))
    facts.append(_count_fact(scene, _other(rng, range(1, LARGEST_GROUP + 1), {len(scene.things)}), kinds))
    return facts


def number_of(count: int, kind: str, kinds: Kinds, *, colour: str = "") -> str:
    """'one red cat', 'three bunches of grapes', 'two blue pairs of jeans'."""
    noun = kind if count == 1 else kinds[kind].plural
    return " ".join(filter(None, (NUMBER_WORDS[count][0], colour, noun)))


def _told(scene: ArtScene) -> tuple[ArtThing, ...]:
    """The things that facts speak of: of a group, whose members are alike, one."""
    return scene.things[:1] if scene.arrangement == "group" else scene.things


def _has_place(scene: ArtScene, thing: ArtThing) -> bool:
    return thing.place in PLACES and scene.arrangement != "in a row"


def _things_of(scene: ArtScene, kinds: Kinds) -> str:
    match scene.arrangement:
        case "alone" | "side by side":
            return " and ".join(f"{_named(thing)} {PLACE_WORDS[thing.place][0]}" for thing in scene.things)
        case "group":
            thing = scene.things[0]
            return number_of(len(scene.things), thing.kind, kinds, colour=thing.colour)
        case "in a row":
            left, middle, right = scene.things
            return f"{_named(middle)} {RELATION_WORDS['between'][0]} {_named(left)} and {_named(right)}"
        case _:
            first, second = scene.things
            return f"{_named(first)} {RELATION_WORDS[_TRUE[scene.arrangement]][0]} {_named(second)}"


def _named(thing: ArtThing) -> str:
    size = "" if thing.size == "medium" else thing.size
    return an(" ".join(filter(None, (size, thing.colour, thing.kind))))


def _relation(scene: ArtScene) -> Fact | None:
    if scene.arrangement == "in a row":
        left, middle, right = (thing.kind for thing in scene.things)
        return _relation_fact(middle, "between", left, right)
    if scene.arrangement in _TRUE:
        return _relation_fact(scene.things[0].kind, _TRUE[scene.arrangement], scene.things[1].kind)
    return None


def _false_relation(scene: ArtScene, rng: random.Random) -> Fact:
    """The same things the other way round, or in another relation."""
    if scene.arrangement == "in a row":
        left, middle, right = (thing.kind for thing in scene.things)
        outer = rng.choice(((left, middle, right), (right, left, middle)))
        return _relation_fact(outer[0], "between", *outer[1:])
    first, second = (thing.kind for thing in scene.things)
    true = _TRUE[scene.arrangement]
    if rng.random() < 0.4:
        return _relation_fact(second, true, first)
    return _relation_fact(first, rng.choice(_FALSE[true]), second)


def _false_kind(scene: ArtScene, thing: ArtThing, kinds: Kinds, rng: random.Random) -> str:
    shown = {other.kind for other in scene.things}
    like = [
        name
        for name, kind in kinds.items()
        if kind.category == kinds[thing.kind].category and name not in shown
    ]
    return rng.choice(like) if like and rng.random() < 0.5 else _other(rng, kinds, shown)


def _false_colour(scene: ArtScene, thing: ArtThing, rng: random.Random) -> str:
    partners = [other.colour for other in scene.things if other.colour not in ("", thing.colour)]
    if partners and rng.random() < 0.5:
        return rng.choice(partners)
    return _other(rng, COLOURS, {thing.colour})


def _other(rng: random.Random, values: Iterable[T], wrong: Collection[T]) -> T:
    return rng.choice([value for value in values if value not in wrong])


def _colour_fact(thing: ArtThing, colour: str) -> Fact:
    return "colour", an(f"{colour} {thing.kind}")


def _place_fact(thing: ArtThing, place: str) -> Fact:
    return "place", f"{an(thing.kind)} {PLACE_WORDS[place][0]}"


def _relation_fact(first: str, relation: str, *others: str) -> Fact:
    return "relation", f"{an(first)} {RELATION_WORDS[relation][0]} {' and '.join(map(an, others))}"


def _count_fact(scene: ArtScene, count: int, kinds: Kinds) -> Fact:
    if scene.arrangement == "group":
        return "count", number_of(count, scene.things[0].kind, kinds)
    return "count", COUNT_WORDS[count]
