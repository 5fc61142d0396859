"""What a picture of the illustrated world can contain: its vocabulary, a scene, and how to make a random one.

Pure data. Knows nothing of pixels (see `drawing`) nor of wording (see `captions`).
"""

import random
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

RGB = tuple[int, int, int]

KINDS: tuple[str, ...] = (
    "cat", "fish", "bird", "butterfly", "turtle", "snail",
    "tree", "flower", "mushroom", "cactus", "apple",
    "house", "castle", "lighthouse",
    "boat", "car", "rocket", "balloon", "train",
    "cup", "umbrella", "chair", "lamp", "clock",
)  # fmt: skip

COLOURS: dict[str, RGB] = {
    "red": (216, 36, 44),
    "orange": (248, 132, 20),
    "yellow": (252, 220, 44),
    "green": (28, 140, 62),
    "blue": (36, 98, 220),
    "purple": (140, 58, 180),
    "white": (248, 248, 246),
    "black": (40, 40, 46),
    "pink": (250, 150, 196),
    "brown": (134, 84, 46),
}

SIZES: tuple[str, ...] = ("small", "medium", "big")
PLACES: tuple[str, ...] = ("left", "middle", "right")
SETTINGS: tuple[str, ...] = (
    "meadow", "beach", "desert", "snow", "night", "sunset", "forest", "rain", "city", "underwater",
)  # fmt: skip
STYLES: tuple[str, ...] = ("flat", "watercolour", "ink", "pixel", "paper-cut")

ARRANGEMENTS: dict[str, tuple[str, ...]] = {
    "alone": (),
    "side by side": ("left", "right"),
    "stacked": ("above", "below"),
    "in a row": ("left", "middle", "right"),
    "group": (),
}
"""How the things of a scene stand: each arrangement with the places that it gives them, in order.

A thing alone has its own place; the members of a group (two to four alike) have none.
"""

SHARES: dict[str, float] = {
    "alone": 0.24,
    "side by side": 0.24,
    "stacked": 0.13,
    "in a row": 0.13,
    "group": 0.26,
}
"""The share of each arrangement among random scenes: harder ones more often, since one thing alone is soon
learnt."""
LARGEST_GROUP = 4
HELD_OUT_ONE_IN = 10
_VARIATIONS = 2**31


class SceneError(ValueError):
    """A thing or a scene that the world does not have."""


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One thing of a scene. `place` is '' in a group. Raises `SceneError` for a word outside the vocabulary."""

    kind: str
    colour: str
    size: str = "medium"
    place: str = ""

    def __post_init__(self) -> None:
        _require("kind", self.kind, KINDS)
        _require("colour", self.colour, COLOURS)
        _require("size", self.size, SIZES)
        _require("place", self.place, ("", "above", "below", *PLACES))


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One to four things in a setting and a style; `variation` seeds the small natural differences.

    Things that are not a group differ in kind and colour, and only a thing alone is big; else `SceneError`.
    """

    things: tuple[Thing, ...]
    setting: str
    style: str = "flat"
    arrangement: str = "alone"
    variation: int = 0

    def __post_init__(self) -> None:
        _require("setting", self.setting, SETTINGS)
        _require("style", self.style, STYLES)
        _require("arrangement", self.arrangement, ARRANGEMENTS)
        if self.arrangement == "alone":
            _check_alone(self.things)
        elif self.arrangement == "group":
            _check_group(self.things)
        else:
            _check_several(self.things, self.arrangement)


def is_held_out(kind: str, colour: str, setting: str) -> bool:
    """Whether this triple is kept from training: a fixed tenth of all triples, the same on every machine."""
    return zlib.crc32(f"{kind}/{colour}/{setting}".encode()) % HELD_OUT_ONE_IN == 0


def sample_scene(
    rng: random.Random,
    arrangement: str | None = None,
    *,
    style: str | None = None,
    held_out: bool = False,
) -> Scene:
    """A random scene, uniform over kinds, colours, settings, styles, sizes and places.

    `arrangement`, drawn by `SHARES`, and `style` are drawn unless they are given. Every thing of the
    scene has a triple (kind, colour, setting) on the asked side of `is_held_out`.
    """
    drawn = rng.choices(tuple(SHARES), tuple(SHARES.values()))[0]
    drawn_style = rng.choice(STYLES)
    arrangement = drawn if arrangement is None else arrangement
    setting = rng.choice(SETTINGS)
    return Scene(
        things=_things(rng, arrangement, _pool(setting, held_out)),
        setting=setting,
        style=drawn_style if style is None else style,
        arrangement=arrangement,
        variation=rng.randrange(_VARIATIONS),
    )


def _things(rng: random.Random, arrangement: str, pool: tuple[tuple[str, str], ...]) -> tuple[Thing, ...]:
    _require("arrangement", arrangement, ARRANGEMENTS)
    kind, colour = rng.choice(pool)
    if arrangement == "alone":
        return (Thing(kind=kind, colour=colour, size=rng.choice(SIZES), place=rng.choice(PLACES)),)
    if arrangement == "group":
        return (Thing(kind=kind, colour=colour),) * rng.randint(2, LARGEST_GROUP)
    chosen = [(kind, colour)]
    places = ARRANGEMENTS[arrangement]
    while len(chosen) < len(places):
        kinds, colours = {k for k, _ in chosen}, {c for _, c in chosen}
        chosen.append(rng.choice([(k, c) for k, c in pool if k not in kinds and c not in colours]))
    sizes = ("small", "medium") if arrangement == "side by side" else ("medium",)
    return tuple(
        Thing(kind=k, colour=c, size=rng.choice(sizes), place=place)
        for (k, c), place in zip(chosen, places, strict=True)
    )


@cache
def _pool(setting: str, held_out: bool) -> tuple[tuple[str, str], ...]:
    """The (kind, colour) pairs on one side of the split."""
    return tuple((k, c) for k in KINDS for c in COLOURS if is_held_out(k, c, setting) == held_out)


def _check_alone(things: tuple[Thing, ...]) -> None:
    if len(things) != 1 or things[0].place not in PLACES:
        raise SceneError(f"alone is one thing, on the left, in the middle or on the right, not {things}")


def _check_group(things: tuple[Thing, ...]) -> None:
    if not 2 <= len(things) <= LARGEST_GROUP or len(set(things)) != 1:
        raise SceneError(f"a group is two to {LARGEST_GROUP} things alike, not {things}")
    if things[0].size != "medium" or things[0].place:
        raise SceneError(f"the members of a group have no size and no place of their own, not {things[0]}")


def _check_several(things: tuple[Thing, ...], arrangement: str) -> None:
    places = tuple(thing.place for thing in things)
    if places != ARRANGEMENTS[arrangement]:
        raise SceneError(f"things {arrangement} stand {ARRANGEMENTS[arrangement]}, not {places}")
    if len({t.kind for t in things}) < len(things) or len({t.colour for t in things}) < len(things):
        raise SceneError(f"things that are not a group differ in kind and colour: {things}")
    for thing in things:
        if thing.size == "big":
            raise SceneError(f"a big thing does not fit beside another: {thing}")


def _require(name: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise SceneError(f"unknown {name} {value!r}; known: {', '.join(known) or 'none'}")
