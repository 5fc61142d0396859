"""Things that are added to a wording, taken away, moved and exchanged, in a closed vocabulary.

A wording is read as a scene; that is changed, and said again in the wording that the models know. What they
cannot draw together is refused. Which words of an instruction ask for what, `scene_clauses` knows.
"""

import dataclasses
from collections.abc import Collection, Sequence

from ...engine.errors import InputError
from ...engine.language.closed_vocabulary.composition import (
    LEFT,
    MIDDLE,
    MOST_ALIKE,
    MOST_THINGS,
    RIGHT,
    Arrangement,
    Composition,
    composition_of,
)
from ...engine.language.closed_vocabulary.vocabulary import Vocabulary
from ...engine.language.closed_vocabulary.wish import Said, Thing
from ...engine.language.closed_vocabulary.wish_reader import wish_of
from ...engine.language.closed_vocabulary.wording import asked_wording, facts_of, only_wording
from ...engine.language.words.inflection import an
from ...engine.values.fact import Fact, FactKind, Span
from ...engine.values.start import Wording

Claim = tuple[FactKind, str]
"""What a fact says, as `Fact.claim`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    """What a wording says.

    Args:
        things: each for itself, from left to right, or from top to bottom.
        stacked: they stand above each other.
        alike: they are a group: so many of a kind, in no order.
        place: of a thing alone.
    """

    things: tuple[Thing, ...]
    stacked: bool = False
    alike: bool = False
    place: str = MIDDLE
    setting: Said | None = None
    style: Said | None = None

    def with_things(self, things: Sequence[Thing], **changes: bool | str) -> "Scene":
        """The scene with these things in it; they stand side by side, unless `changes` say otherwise."""
        return dataclasses.replace(
            self, **{"things": tuple(things), "stacked": False, "alike": False, "place": MIDDLE, **changes}
        )

    def places(self) -> tuple[str, ...]:
        """Where the things stand; empty where that cannot be said of each."""
        if self.alike or self.stacked:
            return ()
        return ((self.place,), (LEFT, RIGHT), (LEFT, MIDDLE, RIGHT))[len(self.things) - 1]


def scene_of(wording: Wording, vocabulary: Vocabulary) -> Scene | None:
    """The scene that a wording describes; `None` where it names nothing that the vocabulary knows."""
    wish = wish_of(wording.prompt, vocabulary)
    if not wish.things:
        return None
    seen = composition_of(wish)
    things = [dataclasses.replace(thing, number=None, place=None) for thing in seen.things]
    alike = seen.arrangement == "group"
    place = seen.things[0].place if seen.arrangement == "alone" else None
    if alike:
        things = [dataclasses.replace(things[0]) for _ in range(seen.count or 2)]
    return Scene(
        things=tuple(things),
        stacked=seen.arrangement == "stacked",
        alike=alike,
        place=place.value if place else MIDDLE,
        setting=seen.setting,
        style=seen.style,
    )


def said_as(before: Wording, scene: Scene, vocabulary: Vocabulary, *, asked: Collection[Claim]) -> Wording:
    """The wording of a changed scene. What it says that was asked for `before` still is, and so is what `asked`
    says; sizes that there is no room for are left out by name, if they were asked for.

    Raises:
        InputError: that many things, or such as these, cannot be drawn together.
    """
    check(scene)
    prompt = _prompt(scene, vocabulary)
    seen = composition_of(wish_of(prompt, vocabulary))
    prompt = only_wording(seen, vocabulary) or asked_wording(seen, vocabulary)
    seen = composition_of(wish_of(prompt, vocabulary))
    wanted = {fact.claim for fact in before.facts if fact.asked} | {*asked}
    facts = tuple(
        Fact(kind=fact.kind, text=fact.text, asked=fact.claim in wanted)
        for fact in facts_of(seen, seen, vocabulary)
    )
    return Wording(prompt=prompt, facts=facts, left_out=(*before.left_out, *_no_room(before, scene, facts)))


def check(scene: Scene) -> None:
    """Raises InputError where the things of a scene cannot be drawn together."""
    count = len(scene.things)
    if not count:
        raise InputError("that would leave nothing in the picture: name a thing that is to be in its place")
    if scene.alike and count > MOST_ALIKE:
        raise InputError(f"that would be {count} alike: {MOST_ALIKE} at most can be drawn")
    if not scene.alike and count > MOST_THINGS:
        named = ", ".join(an(named_of(thing)) for thing in scene.things)
        raise InputError(
            f"that would be {count} things ({named}): {MOST_THINGS} at most can be drawn, or {MOST_ALIKE} alike"
        )


def named_of(thing: Thing) -> str:
    """`red boat`."""
    return " ".join(part.value for part in (thing.colour, thing.kind) if part)


def place_fact(thing: Thing, place: str) -> Claim:
    return "place", f"{an(thing.kind.value)} {place}"


def _prompt(scene: Scene, vocabulary: Vocabulary) -> str:
    """The scene in usual words, sizes and all."""
    number = str(len(scene.things))
    first = scene.things[0]
    arrangement: Arrangement = "alone"
    things = scene.things
    if scene.alike and len(things) > 1:
        arrangement = "group"
        things = (dataclasses.replace(first, number=Said(number, None), size=None),)
    elif len(things) == 1:
        things = (dataclasses.replace(first, place=Said(scene.place, None)),)
    else:
        arrangement = "stacked" if scene.stacked else "in a row" if len(things) == 3 else "side by side"
    full = Composition(
        arrangement=arrangement,
        things=things,
        count=len(scene.things),
        setting=scene.setting,
        style=scene.style,
    )
    return only_wording(full, vocabulary) or asked_wording(full, vocabulary)


def _no_room(before: Wording, scene: Scene, facts: Collection[Fact]) -> list[Span]:
    """Sizes that were asked for, of things that are there still, and are there no more."""
    kinds, said = {thing.kind.value for thing in scene.things}, {fact.claim for fact in facts}
    lost = [
        fact
        for fact in before.facts
        if fact.kind == "size" and fact.asked and fact.claim not in said and fact.text.split()[-1] in kinds
    ]
    return [Span.elsewhere(fact.text.split()[1]) for fact in lost]
