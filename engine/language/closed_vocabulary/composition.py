"""What of a wish can be drawn together: how its things are arranged, and what must be left out for that.

One thing, on the left, in the middle or on the right; two things, beside, above, before or on each other; three
in a row; or two to four alike. So the pocket models were trained (`pipelines.pocket.world.scene`). Any kinds go
together. What a wish asks for beyond that is left out by name.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

from ...values.fact import Span
from ..words.content import joined
from .wish import BETWEEN, Relation, Said, Thing, Wish

Arrangement = Literal["alone", "side by side", "stacked", "in a row", "group", "in front", "on"]

MOST_THINGS = 3
MOST_ALIKE = 4
LEFT, MIDDLE, RIGHT = "on the left", "in the middle", "on the right"
LEFT_OF, RIGHT_OF, ABOVE, BELOW = "to the left of", "to the right of", "above", "below"
IN_FRONT, BEHIND, ON, CARRYING = "in front of", "behind", "on", "carrying"
_OF_TWO: dict[str, tuple[Arrangement, bool]] = {
    LEFT_OF: ("side by side", True),
    RIGHT_OF: ("side by side", False),
    ABOVE: ("stacked", True),
    BELOW: ("stacked", False),
    IN_FRONT: ("in front", True),
    BEHIND: ("in front", False),
    ON: ("on", True),
    CARRYING: ("on", False),
}
"""How two things stand of which one is said to stand so to the other, and whether in this order."""
PLACES: dict[Arrangement, tuple[str, ...]] = {
    "alone": (LEFT, MIDDLE, RIGHT),
    "side by side": (LEFT, RIGHT),
    "in a row": (LEFT, MIDDLE, RIGHT),
    "stacked": (),
    "group": (),
    "in front": (),
    "on": (),
}
"""Of the things of an arrangement, in their order; of a thing alone, any of them."""
_SIZES: dict[Arrangement, tuple[str, ...]] = {
    "alone": ("small", "medium", "big"),
    "side by side": ("small", "medium"),
    "in a row": ("medium",),
    "stacked": ("medium",),
    "group": ("medium",),
    "in front": ("medium",),
    "on": ("medium",),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Composition:
    """Things in the order of their wording: from left to right, or from top to bottom.

    Args:
        things: of a group, the one that all are like. Their numbers and places are those of the arrangement;
            the words that ask for them are there.
        count: things in all; `None` for several, as many as may be.
        how: the words that ask for the arrangement, where some do.
        denied: see `Wish`.
        left_out: what the vocabulary has not, and what cannot be drawn with the rest.
    """

    arrangement: Arrangement
    things: tuple[Thing, ...]
    count: int | None
    how: Said | None = None
    setting: Said | None = None
    style: Said | None = None
    denied: frozenset[tuple[str, str]] = frozenset()
    left_out: tuple[Span, ...] = ()


def composition_of(wish: Wish) -> Composition:
    """What can be drawn of a wish, which has one thing at least."""
    left_out = [span for thing in wish.things[MOST_THINGS:] for span in thing.spans]
    things = wish.things[:MOST_THINGS]
    arrangement, relation = _arrangement(things, wish.relations)
    left_out += [each.said.span for each in wish.relations if each is not relation and each.said.span]
    order = _order(things, relation)
    fitted = []
    for place, i in enumerate(order):
        thing, dropped = _fitted(things[i], arrangement, place)
        fitted.append(thing)
        left_out += dropped
    return Composition(
        arrangement=arrangement,
        things=tuple(fitted),
        count=_count(things, arrangement),
        how=relation.said if relation else None,
        setting=wish.setting,
        style=wish.style,
        denied=wish.denied,
        left_out=joined(wish.prompt, [*wish.left_out, *left_out]),
    )


def _arrangement(things: Sequence[Thing], relations: Sequence[Relation]) -> tuple[Arrangement, Relation | None]:
    """How things stand, and the relation that says so: the first that speaks of them all."""
    if len(things) == 1:
        return ("group" if _several(things[0]) else "alone"), None
    everything = list(range(len(things)))
    for relation in relations:
        if sorted(relation.things) == everything:
            how: Arrangement = "in a row" if len(things) == 3 else _OF_TWO[relation.said.value][0]
            return how, relation
    return ("in a row" if len(things) == 3 else "side by side"), None


def _order(things: Sequence[Thing], relation: Relation | None) -> list[int]:
    """From left to right, or from top to bottom."""
    if relation is None:
        return _by_places(things)
    if relation.said.value == BETWEEN:
        middle, left, right = relation.things
        return [left, middle, right]
    first, second = relation.things
    return [first, second] if _OF_TWO[relation.said.value][1] else [second, first]


def _by_places(things: Sequence[Thing]) -> list[int]:
    """The order that the things' own places ask for; where they ask for none, that of the prompt."""
    if len(things) == 1:
        return [0]
    names = (LEFT, RIGHT) if len(things) == 2 else (LEFT, MIDDLE, RIGHT)
    slots: list[int | None] = [None] * len(names)
    for i, thing in enumerate(things):
        if thing.place and thing.place.value in names and slots[names.index(thing.place.value)] is None:
            slots[names.index(thing.place.value)] = i
    rest = iter([i for i in range(len(things)) if i not in slots])
    return [next(rest) if slot is None else slot for slot in slots]


def _fitted(thing: Thing, arrangement: Arrangement, place: int) -> tuple[Thing, list[Span]]:
    """A thing with what its arrangement allows, and the words for the rest."""
    dropped: dict[str, Span | None] = {}
    if thing.size and thing.size.value not in _SIZES[arrangement]:
        dropped["size"] = thing.size.span
    if thing.place and not _is_there(thing.place.value, arrangement, place):
        dropped["place"] = thing.place.span
    number = thing.number
    if number and _several(thing) and (arrangement != "group" or _number(number) > MOST_ALIKE):
        dropped["number"] = number.span
    return dataclasses.replace(thing, **dict.fromkeys(dropped)), [span for span in dropped.values() if span]


def _is_there(place: str, arrangement: Arrangement, index: int) -> bool:
    """Whether the thing of this index of an arrangement stands in a place."""
    places = PLACES[arrangement]
    return place in places if arrangement == "alone" else place == dict(enumerate(places)).get(index)


def _several(thing: Thing) -> bool:
    return thing.number is not None and thing.number.value != "1"


def _number(said: Said) -> int:
    """Of a number that is said; of several, as few as these may be."""
    return 2 if said.value == "several" else int(said.value)


def _count(things: Sequence[Thing], arrangement: Arrangement) -> int | None:
    if arrangement != "group":
        return len(things)
    number = things[0].number
    assert number is not None, "a group has a number"
    return None if number.value == "several" else min(_number(number), MOST_ALIKE)
