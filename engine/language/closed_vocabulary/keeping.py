"""A wish for a picture that is made from another one: what the wish leaves open stays as it is there."""

import dataclasses
from collections.abc import Sequence

from .wish import Relation, Said, Thing, Wish

MANY = ("2", "3", "4")
"""Numbers of several things that a picture may show."""


def kept(wish: Wish, shown: Wish) -> Wish:
    """A wish, in which what it leaves open is as in a picture that is started from.

    Of a thing of the same kind, these are its colour, size, place and number; of one in the place of another,
    its size and place; where none is named, but another setting or style, the things are those of the picture.
    """
    shown = _without(shown, wish.denied)
    if not wish.things and (wish.setting or wish.style):
        relations = tuple(_nobodys_relation(each, each.things) for each in shown.relations)
        wish = dataclasses.replace(wish, things=tuple(map(_nobodys, shown.things)), relations=relations)
    else:
        olds = _counterparts(wish.things, shown.things)
        relations = wish.relations or _relations(wish.things, olds, shown)
        things = tuple(
            thing if old is None else _filled_in(thing, shown.things[old])
            for thing, old in zip(wish.things, olds, strict=True)
        )
        wish = dataclasses.replace(wish, things=things, relations=relations)
    return dataclasses.replace(
        wish, setting=wish.setting or _added(shown.setting), style=wish.style or _added(shown.style)
    )


def _without(shown: Wish, denied: frozenset[tuple[str, str]]) -> Wish:
    """What a picture shows, but for what is not to be there."""

    def allowed(category: str, said: Said | None) -> Said | None:
        return None if said is None or (category, said.value) in denied else said

    things = tuple(
        dataclasses.replace(
            thing,
            colour=allowed("colour", thing.colour),
            size=allowed("size", thing.size),
            place=allowed("place", thing.place),
        )
        for thing in shown.things
        if allowed("kind", thing.kind)
    )
    relations = [each for each in shown.relations if allowed("relation", each.said)]
    return dataclasses.replace(
        shown,
        things=things,
        relations=tuple(relations) if len(things) == len(shown.things) else (),
        setting=allowed("setting", shown.setting),
        style=allowed("style", shown.style),
    )


def _counterparts(things: Sequence[Thing], shown: Sequence[Thing]) -> list[int | None]:
    """For each thing, the index of that of the picture which it is: of the same kind, and colour if that can
    be; where one stands in the place of one other, of this."""
    left = list(range(len(shown)))
    found: list[int | None] = [None] * len(things)
    for is_same in (_same_kind_and_colour, _same_kind):
        for i, thing in enumerate(things):
            old = next((each for each in left if is_same(thing, shown[each])), None)
            if found[i] is None and old is not None:
                found[i] = old
                left.remove(old)
    if len(things) == len(shown) and found.count(None) == len(left) == 1:
        found[found.index(None)] = left[0]
    return found


def _relations(things: Sequence[Thing], olds: Sequence[int | None], shown: Wish) -> tuple[Relation, ...]:
    """How the things stand to each other in the picture, where they are the same and their places are open."""
    if len(things) != len(shown.things) or None in olds or any(thing.place for thing in things):
        return ()
    return tuple(
        _nobodys_relation(relation, [olds.index(each) for each in relation.things])
        for relation in shown.relations
    )


def _same_kind_and_colour(thing: Thing, old: Thing) -> bool:
    alike = thing.colour is not None and old.colour is not None and thing.colour.value == old.colour.value
    return _same_kind(thing, old) and alike


def _same_kind(thing: Thing, old: Thing) -> bool:
    return thing.kind.value == old.kind.value


def _filled_in(thing: Thing, old: Thing) -> Thing:
    """A thing with what is not said of it as in the picture."""
    number = thing.number
    if number and number.value == "several" and old.number and old.number.value in MANY:
        number = Said(old.number.value, number.span)
    return dataclasses.replace(
        thing,
        colour=thing.colour or (_added(old.colour) if _same_kind(thing, old) else None),
        size=thing.size or _added(old.size),
        place=thing.place or _added(old.place),
        number=number,
    )


def _nobodys_relation(relation: Relation, things: Sequence[int]) -> Relation:
    return Relation(said=Said(relation.said.value, None), things=tuple(things))


def _nobodys(thing: Thing) -> Thing:
    """A thing of the picture, which the prompt does not ask for."""
    return Thing(
        kind=Said(thing.kind.value, None),
        colour=_added(thing.colour),
        size=_added(thing.size),
        number=_added(thing.number),
        place=_added(thing.place),
    )


def _added(said: Said | None) -> Said | None:
    return said and Said(said.value, None)
