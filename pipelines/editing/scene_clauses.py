"""Clauses of an instruction that add things, take them away, move and exchange them; see `scene_changes`."""

import dataclasses
import re
from collections.abc import Callable, Sequence

from ...engine.errors import InputError
from ...engine.language.closed_vocabulary.composition import LEFT, MIDDLE, RIGHT
from ...engine.language.closed_vocabulary.vocabulary import Vocabulary
from ...engine.language.closed_vocabulary.wish import Said, Thing, Wish
from ...engine.language.closed_vocabulary.wish_reader import wish_of
from ...engine.language.words.common_words import NEGATIONS
from ...engine.language.words.content import plain_words
from ...engine.language.words.inflection import an
from ...engine.values.start import Wording
from .scene_changes import Claim, Scene, named_of, place_fact, said_as, scene_of

_ADD = (
    r"(?:(?:add|include|insert|draw|put|place|paint|give it|give me|i want|plus|with|also)(?: in)?\s+)"
    r"(?P<what>(?!the\b|it\b).+)",
    r"(?P<what>(?:another|one more|a second|a third|a fourth)\s.+)",
)
_REMOVE = (
    r"(?:remove|delete|erase|take away|take out|get rid of|drop|hide|without|no more|no)\s+(?P<what>.+)",
    r"take\s+(?P<what>.+?)\s+(?:away|out|off)",
)
_MOVE = (r"(?:move|shift|bring|slide|put|place|set)\s+(?P<what>.+)",)
_SWAP = (r"(?:swap|exchange|switch|interchange)\s+(?P<what>.+?)\s+(?:and|with|for|by)\s+(?P<other>.+)",)
_MORE = r"\b(?:another|one more|a second|a third|a fourth)\b"
_FROM = r"\s+(?:from|out of|in)\s+(?:the\s+|this\s+)?(?:picture|image|scene|drawing)$"
_DOWNWARDS = {"above": False, "below": True}
_ALONG = {"to the left of": False, "to the right of": True}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arranged:
    """What a clause makes of a wording.

    Args:
        gone: the things, by what is said of them, whose place in the picture is free now.
        stacked: whether these stood above or below others.
        places: where in the picture things come; empty where all may be moved for them.
        moved: whether things that were there stand elsewhere now.
        read: the words of the clause that this carries out.
    """

    wording: Wording
    read: tuple[str, ...]
    gone: tuple[Thing, ...] = ()
    stacked: bool = False
    places: tuple[str, ...] = ()
    moved: bool = True


def arranged(wording: Wording, clause: str, vocabulary: Vocabulary) -> Arranged | None:
    """What a clause makes of a wording, where it is about what is in the picture, and where; else `None`.

    Raises:
        InputError: it is, but cannot be: too many things, none left, or it is not clear which is meant.
    """
    scene = scene_of(wording, vocabulary)
    if scene is None:
        return None
    text = re.sub(_FROM, "", clause)
    for patterns, rule in _RULES.items():
        for pattern in patterns:
            match = re.fullmatch(pattern, text)
            if match and (found := rule(wording, scene, match, vocabulary)):
                return found
    return None


def _removed(wording: Wording, scene: Scene, match: re.Match[str], vocabulary: Vocabulary) -> Arranged | None:
    wish = _wish(match["what"], vocabulary)
    if wish is None or not wish.things:
        return None
    left, gone = list(scene.things), list[Thing]()
    for thing in wish.things:
        for place in _places_of(thing, scene, left, what="taken away", text=match["what"]):
            gone.append(left[place])
        left = [each for each in left if all(each is not other for other in gone)]
    if not left:
        named = " and ".join(dict.fromkeys(an(named_of(thing)) for thing in scene.things))
        raise InputError(
            f"without {named} nothing would be in the picture: put another thing in its place, as in"
            f" 'put a cat instead of the {gone[0].kind.value}'"
        )
    place = MIDDLE
    if len(left) == 1 and (places := scene.places()):
        place = next(where for where, thing in zip(places, scene.things, strict=True) if thing is left[0])
    after = scene.with_things(
        left,
        alike=scene.alike and len(left) > 1,
        place=place if place != MIDDLE or len(scene.things) == 1 else MIDDLE,
        stacked=scene.stacked and len(left) == 2,
    )
    new = said_as(wording, after, vocabulary, asked=[_count(after, vocabulary)] if scene.alike else ())
    many = len(scene.things) > 2  # of them, those that stay move together
    return Arranged(
        wording=new,
        read=plain_words(match[0]),
        gone=() if many else tuple(gone),
        stacked=scene.stacked,
        moved=many or scene.alike,
    )


def _added(wording: Wording, scene: Scene, match: re.Match[str], vocabulary: Vocabulary) -> Arranged | None:
    wish = _wish(re.sub(_MORE, "a", match["what"]), vocabulary)
    if wish is None or not wish.things:
        return None
    relation = wish.relations[0] if wish.relations else None
    if relation is not None and len(wish.things) == 2 and len(relation.things) == 2:
        return _added_beside(wording, scene, wish, vocabulary, match[0])
    if relation is not None:
        return None
    more = bool(re.search(_MORE, match["what"]))
    things = list(scene.things)
    new: list[Thing] = []
    for thing in wish.things:
        alike = _like(thing, scene.things) if more or scene.alike else None
        whole = alike or _coloured(thing, [*things, *new], vocabulary)
        count = thing.number.value if thing.number else "1"
        new += [_bare(whole) for _ in range(2 if count == "several" else min(int(count), 9))]
    place = wish.things[0].place
    if len(new) == 1 and all(_same(new[0], each) for each in things) and (more or scene.alike):
        after = scene.with_things([*things, *new], alike=True)
        asked: list[Claim] = [("thing", an(new[0].kind.value)), _count(after, vocabulary)]
        return Arranged(wording=said_as(wording, after, vocabulary, asked=asked), read=_read(match[0], wish))
    where = place.value if place and len(new) == 1 else ""
    free = _free(scene, where) if len(things) == len(new) == 1 else ""
    after = _with_new(scene, new, where or free)
    asked = [claim for thing in wish.things for claim in _claims(thing)]
    if where:
        asked.append(place_fact(new[0], where))
    if any(thing.number for thing in wish.things):
        asked.append(_count(after, vocabulary))
    big = any(thing.size and thing.size.value == "big" for thing in things)
    return Arranged(
        wording=said_as(wording, after, vocabulary, asked=asked),
        read=_read(match[0], wish),
        places=(free,) if free and not big else (),
        moved=not free or big,
    )


def _added_beside(
    wording: Wording, scene: Scene, wish: Wish, vocabulary: Vocabulary, clause: str
) -> Arranged | None:
    """'a bird above the boat'; of which one is there already."""
    relation = wish.relations[0]
    first, second = (wish.things[i] for i in relation.things)
    (at,) = _places_of(second, scene, scene.things, what="meant", text=second.kind.value)[:1] or (None,)
    if at is None:
        return None
    new = _bare(_coloured(first, list(scene.things), vocabulary))
    things = list(scene.things)
    value = relation.said.value
    if value in _DOWNWARDS:
        if len(things) != 1:
            raise InputError(f"{len(things) + 1} things: two at most can be drawn above each other")
        things.insert(1 if _DOWNWARDS[value] else 0, new)
    else:
        things.insert(at + _ALONG[value], new)
    after = scene.with_things(things, stacked=value in _DOWNWARDS)
    asked = [*_claims(first), _relation(after)]
    return Arranged(wording=said_as(wording, after, vocabulary, asked=asked), read=_read(clause, wish))


def _moved(wording: Wording, scene: Scene, match: re.Match[str], vocabulary: Vocabulary) -> Arranged | None:
    """'move the boat to the left', 'put the boat above the tree'."""
    wish = _wish(match["what"], vocabulary)
    if wish is None or not wish.things or scene.alike:
        return None
    is_there = [bool(_found(thing, scene.things)) for thing in wish.things]
    if not all(is_there) or not re.match(r"(?:the|it|that|this)\b", match["what"]):
        return None
    things = list(scene.things)
    if len(wish.things) == 1 and (said := wish.things[0].place):
        bare = dataclasses.replace(wish.things[0], place=None)
        (at,) = _places_of(bare, scene, things, what="moved", text=match["what"])
        thing = things.pop(at)
        after = _with_new(scene.with_things(things), [thing], said.value) if things else None
        after = after or scene.with_things([thing], place=said.value)
        if after.things == scene.things and after.place == scene.place and not scene.stacked:
            raise InputError(f"{an(named_of(thing))} is {said.value} already: nothing is to be changed")
        asked: list[Claim] = [place_fact(thing, said.value)]
        alone = not things
        return Arranged(
            wording=said_as(wording, after, vocabulary, asked=asked),
            read=_read(match[0], wish),
            gone=(thing,) if alone else (),
            places=(said.value,) if alone else (),
        )
    if len(wish.things) == 2 and wish.relations:
        relation = wish.relations[0]
        first, second = (_found(wish.things[i], things)[0] for i in relation.things)
        value = relation.said.value
        if value in _DOWNWARDS and len(things) != 2:
            raise InputError(f"{len(things)} things: two at most can be drawn above each other")
        thing = things[first]
        other = things[second]
        rest = [each for each in things if each is not thing]
        behind = {**_DOWNWARDS, **_ALONG}[value]
        rest.insert(next(i for i, each in enumerate(rest) if each is other) + behind, thing)
        after = scene.with_things(rest, stacked=value in _DOWNWARDS)
        return Arranged(
            wording=said_as(wording, after, vocabulary, asked=[_relation(after)]), read=_read(match[0], wish)
        )
    return None


def _swapped(wording: Wording, scene: Scene, match: re.Match[str], vocabulary: Vocabulary) -> Arranged | None:
    """'swap the boat and the tree', which are both there."""
    wishes = [_wish(match[name], vocabulary) for name in ("what", "other")]
    found = [_found(wish.things[0], scene.things) for wish in wishes if wish and len(wish.things) == 1]
    if len(found) != 2 or not all(found) or found[0] == found[1]:
        return None
    things, (one, other) = list(scene.things), (found[0][0], found[1][0])
    things[one], things[other] = things[other], things[one]
    after = scene.with_things(things, stacked=scene.stacked)
    asked: list[Claim] = [
        place_fact(thing, place) for thing, place in zip(after.things, after.places(), strict=False)
    ]
    asked = [claim for i, claim in enumerate(asked) if i in (one, other)] or [_relation(after)]
    read = tuple(word for wish in wishes if wish for word in _read(match[0], wish))
    return Arranged(wording=said_as(wording, after, vocabulary, asked=asked), read=read)


_RULES: dict[tuple[str, ...], Callable[[Wording, Scene, re.Match[str], Vocabulary], Arranged | None]]
_RULES = {_REMOVE: _removed, _SWAP: _swapped, _MOVE: _moved, _ADD: _added}
"""The rules by their patterns; the first that understands a clause carries it out."""


def _wish(text: str, vocabulary: Vocabulary) -> Wish | None:
    """What a clause speaks of; `None` where it denies something."""
    text = re.sub(r"\bto (?:the )?(middle|cent(?:re|er))\b", "in the middle", text)
    return None if NEGATIONS.intersection(plain_words(text)) else wish_of(text, vocabulary)


def _read(clause: str, wish: Wish) -> tuple[str, ...]:
    """The words of a clause that a wish carries."""
    left_out = {word for span in wish.left_out for word in plain_words(span.text)}
    return tuple(word for word in plain_words(clause) if word not in left_out)


def _found(thing: Thing, things: Sequence[Thing]) -> list[int]:
    """Which of the things may be meant."""
    return [i for i, each in enumerate(things) if _fits(thing, each)]


def _fits(said: Thing, thing: Thing) -> bool:
    pairs = ((said.kind, thing.kind), (said.colour, thing.colour), (said.size, thing.size))
    return all(a is None or (b is not None and a.value == b.value) for a, b in pairs)


def _places_of(said: Thing, scene: Scene, things: Sequence[Thing], *, what: str, text: str) -> list[int]:
    """Which of `things` are meant: so many as is said, all of them where several are.

    Raises:
        InputError: none is there, or it is not clear which.
    """
    found = _found(said, things)
    if said.place and scene.places() and len(things) == len(scene.things):
        found = [i for i in found if scene.places()[i] == said.place.value]
    shown = " and ".join(dict.fromkeys(an(named_of(thing)) for thing in scene.things))
    if not found:
        raise InputError(f"there is no {named_of(said)!r} in the picture, which shows {shown}")
    number = said.number.value if said.number else ""
    if scene.alike:
        singular = number.isdigit() or re.match(r"(?:an?|one)\b", text)
        return found[: int(number) if number.isdigit() else 1 if singular else len(found)]
    if number == "several" or (number.isdigit() and int(number) == len(found)):
        return found
    if len(found) > 1:
        places = " or ".join(f"the one {place}" for place in scene.places()) or shown
        raise InputError(f"it is not clear which {said.kind.value} is {what}: {places}?")
    return found


def _like(thing: Thing, things: Sequence[Thing]) -> Thing | None:
    """The one of its kind that is there, where nothing is said of this one that is otherwise."""
    found = _found(thing, things)
    return things[found[0]] if found else None


def _coloured(thing: Thing, beside: Sequence[Thing], vocabulary: Vocabulary) -> Thing:
    """The thing; where none is said, in a usual colour, and if there is one, in one that no other has."""
    if thing.colour:
        return thing
    taken = {each.colour.value for each in beside if each.colour}
    usual = vocabulary.kinds[thing.kind.value].colours
    return dataclasses.replace(
        thing, colour=Said(next((colour for colour in usual if colour not in taken), usual[0]), None)
    )


def _bare(thing: Thing) -> Thing:
    return dataclasses.replace(thing, number=None, place=None)


def _same(one: Thing, other: Thing) -> bool:
    return named_of(one) == named_of(other)


def _free(scene: Scene, wanted: str) -> str:
    """The side of a thing alone that is free, where that is wanted, or nothing is; else empty."""
    sides = {LEFT: RIGHT, RIGHT: LEFT}
    free = sides.get(scene.place, "")
    return free if wanted in ("", free) else ""


def _with_new(scene: Scene, new: Sequence[Thing], place: str) -> Scene:
    """The scene with more things in it, at a place if one is said."""
    things = list(scene.things)
    alike = all(_same(new[0], each) for each in (*things, *new)) and len(things) + len(new) > 3
    if place == LEFT:
        return scene.with_things([*new, *things], alike=alike)
    if place == MIDDLE and len(things) + len(new) == 3:
        return scene.with_things([things[0], *new, *things[1:]], alike=alike)
    if place == MIDDLE:
        raise InputError("of two things none stands in the middle: say 'on the left' or 'on the right'")
    return scene.with_things([*things, *new], alike=alike)


def _claims(thing: Thing) -> list[Claim]:
    """What is said of a thing."""
    kind = thing.kind.value
    claims: list[Claim] = [("thing", an(kind))]
    if thing.colour:
        claims.append(("colour", an(f"{thing.colour.value} {kind}")))
    if thing.size:
        claims.append(("size", an(f"{thing.size.value} {kind}")))
    return claims


def _relation(scene: Scene) -> Claim:
    kinds = [an(thing.kind.value) for thing in scene.things]
    if len(kinds) == 3:
        return "relation", f"{kinds[1]} between {kinds[0]} and {kinds[2]}"
    return "relation", f"{kinds[0]} {'above' if scene.stacked else 'to the left of'} {kinds[1]}"


def _count(scene: Scene, vocabulary: Vocabulary) -> Claim:
    count = len(scene.things)
    number = vocabulary.numbers[str(count)]
    if scene.alike and count > 1:
        return "count", f"{number} {vocabulary.kinds[scene.things[0].kind.value].plural}"
    return "count", f"{number} things" if count > 1 else "one thing"
