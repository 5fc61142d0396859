"""What a scene of drawn things can contain, and how to draw one by lot: the world's grammar, with more kinds.

Things also stand in front of and on one another; there is a plain ground; a thing may have a colour without a
name, its own. Pure data. Knows nothing of pixels (see `drawing`) nor of wording (see `captions`).
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..world import ARRANGEMENTS as WORLD_ARRANGEMENTS
from ..world import COLOURS, PLACES, SIZES, SceneError, is_held_out
from ..world import SETTINGS as WORLD_SETTINGS
from ..world.scene import LARGEST_GROUP
from .things import SIZES_BY_NATURE, Kind, Kinds

PLAIN = "plain"
SETTINGS: tuple[str, ...] = (*WORLD_SETTINGS, PLAIN)
ARRANGEMENTS: Mapping[str, tuple[str, ...]] = {
    **WORLD_ARRANGEMENTS,
    "in front": ("front", "behind"),
    "on": ("on", "under"),
}
"""The world's arrangements, and two in which things touch, each with the places that it gives its things, in
order."""

SHARES: Mapping[str, float] = {
    "alone": 0.26,
    "side by side": 0.20,
    "stacked": 0.10,
    "in a row": 0.10,
    "group": 0.20,
    "in front": 0.07,
    "on": 0.07,
}
OWN_COLOUR = 0.4  # share of things that could be turned to another colour, and are not
_ALL_PLACES = ("", *PLACES, "above", "below", "front", "behind", "on", "under")
_VARIATIONS = 2**31
_TRIES = 10_000


@dataclass(frozen=True, kw_only=True)
class ArtThing:
    """One thing of a scene: `colour` '' is its own, where that has no name; `place` is '' in a group.

    Raises `SceneError` for a word outside the vocabulary. Which kinds there are, the hands know.
    """

    kind: str
    colour: str = ""
    size: str = "medium"
    place: str = ""

    def __post_init__(self) -> None:
        _require("colour", self.colour, ("", *COLOURS))
        _require("size", self.size, SIZES)
        _require("place", self.place, _ALL_PLACES)


@dataclass(frozen=True, kw_only=True)
class ArtScene:
    """One to four things in a setting, by one hand; `variation` seeds the small natural differences.

    Things that are not a group differ in kind, and in colour where both have one; only a thing alone is big,
    and things that touch are of medium size; else `SceneError`.
    """

    things: tuple[ArtThing, ...]
    setting: str
    style: str
    arrangement: str = "alone"
    variation: int = 0

    def __post_init__(self) -> None:
        _require("setting", self.setting, SETTINGS)
        _require("arrangement", self.arrangement, ARRANGEMENTS)
        if self.arrangement == "alone":
            if len(self.things) != 1 or self.things[0].place not in PLACES:
                raise SceneError(
                    f"alone is one thing, on the left, in the middle or on the right, not {self.things}"
                )
        elif self.arrangement == "group":
            if not 2 <= len(self.things) <= LARGEST_GROUP or len(set(self.things)) != 1:
                raise SceneError(f"a group is two to {LARGEST_GROUP} things alike, not {self.things}")
            if self.things[0].size != "medium" or self.things[0].place:
                raise SceneError(f"the members of a group have no size and no place, not {self.things[0]}")
        else:
            _check_several(self.things, self.arrangement)


def sample_scene(
    rng: random.Random,
    kinds: Kinds,
    styles: Sequence[str],
    arrangement: str | None = None,
    *,
    held_out: bool = False,
) -> ArtScene:
    """A scene by lot, of `kinds`, in one of `styles`; `arrangement` is drawn by `SHARES` unless it is given.

    Every thing of it has a triple (kind, colour, setting) on the asked side of `is_held_out`.

    Raises:
        SceneError: the kinds are too few for it.
    """
    drawn = rng.choices(tuple(SHARES), tuple(SHARES.values()))[0]
    arrangement = drawn if arrangement is None else arrangement
    _require("arrangement", arrangement, ARRANGEMENTS)
    setting = rng.choice(SETTINGS)
    return ArtScene(
        things=_Lot(rng, kinds, setting, held_out).things(arrangement),
        setting=setting,
        style=rng.choice(list(styles)),
        arrangement=arrangement,
        variation=rng.randrange(_VARIATIONS),
    )


def may_be_in_front(front: Kind, behind: Kind) -> bool:
    """Whether what stands behind is large enough to be seen past what stands in front of it."""
    return front.size != "large" and behind.size != "small" and not behind.floats


def may_be_on(upper: Kind, lower: Kind) -> bool:
    return lower.carries and SIZES_BY_NATURE.index(upper.size) <= SIZES_BY_NATURE.index(lower.size)


@dataclass(frozen=True)
class _Lot:
    rng: random.Random
    kinds: Kinds
    setting: str
    held_out: bool

    def things(self, arrangement: str) -> tuple[ArtThing, ...]:
        rng = self.rng
        if arrangement == "alone":
            kind, colour = self._one([])
            return (ArtThing(kind=kind, colour=colour, size=rng.choice(SIZES), place=rng.choice(PLACES)),)
        if arrangement == "group":
            kind, colour = self._one([])
            return (ArtThing(kind=kind, colour=colour),) * rng.randint(2, LARGEST_GROUP)
        chosen: list[tuple[str, str]] = []
        places = ARRANGEMENTS[arrangement]
        for place in reversed(places):  # what carries or stands behind comes first, being the rarer
            chosen.insert(0, self._one(chosen, place))
        sizes = ("small", "medium") if arrangement == "side by side" else ("medium",)
        return tuple(
            ArtThing(kind=kind, colour=colour, size=rng.choice(sizes), place=place)
            for (kind, colour), place in zip(chosen, places, strict=True)
        )

    def _one(self, others: list[tuple[str, str]], place: str = "") -> tuple[str, str]:
        """A kind and a colour that go with the others, which stand behind or below where that is asked."""
        names = list(self.kinds)
        for _ in range(_TRIES):
            kind = self.kinds[self.rng.choice(names)]
            looks = kind.looks
            colour = looks[0] if self.rng.random() < OWN_COLOUR else self.rng.choice(looks)
            if is_held_out(kind.name, colour, self.setting) == self.held_out and self._goes(
                kind, colour, others, place
            ):
                return kind.name, colour
        raise SceneError(f"the {len(names)} kinds are too few to draw a scene with a thing {place or 'alone'}")

    def _goes(self, kind: Kind, colour: str, others: list[tuple[str, str]], place: str) -> bool:
        if any(kind.name == name or (colour and colour == taken) for name, taken in others):
            return False
        match place:
            case "behind":
                return kind.size != "small" and not kind.floats
            case "under":
                return kind.carries
            case "front":
                return may_be_in_front(kind, self.kinds[others[0][0]])
            case "on":
                return may_be_on(kind, self.kinds[others[0][0]])
            case _:
                return True


def _check_several(things: tuple[ArtThing, ...], arrangement: str) -> None:
    places = tuple(thing.place for thing in things)
    if places != ARRANGEMENTS[arrangement]:
        raise SceneError(f"things {arrangement} stand {ARRANGEMENTS[arrangement]}, not {places}")
    colours = [thing.colour for thing in things if thing.colour]
    if len({thing.kind for thing in things}) < len(things) or len(set(colours)) < len(colours):
        raise SceneError(f"things that are not a group differ in kind and colour: {things}")
    for thing in things:
        if thing.size == "big" or (thing.size != "medium" and arrangement in ("in front", "on")):
            raise SceneError(f"a {thing.size} thing does not fit where things are {arrangement}: {thing}")


def _require(name: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise SceneError(f"unknown {name} {value!r}; known: {', '.join(known) or 'none'}")
