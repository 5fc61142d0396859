"""What a picture of the illustrated world can contain: its vocabulary, one scene, and how to draw one by lot.

Pure data. Knows nothing of pixels (see `drawing`) nor of wording (see `captions`).
"""

import random
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

RGB = tuple[int, int, int]

KINDS: tuple[str, ...] = (
    "cat", "fish", "bird", "tree", "flower", "mushroom", "house",
    "castle", "boat", "car", "rocket", "balloon", "cup", "umbrella",
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
}

SIZES: dict[str, float] = {"small": 0.34, "medium": 0.46, "big": 0.60}  # side of the thing's box, of the frame
PAIR_SIZES: dict[str, float] = {"small": 0.32, "medium": 0.43}  # the same, when two things share the frame
PLACES: dict[str, float] = {"left": 0.28, "middle": 0.50, "right": 0.72}  # x of the centre, of the frame
BIG_PLACES: dict[str, float] = {"left": 0.345, "middle": 0.50, "right": 0.655}  # the same, for a big thing
PAIR_PLACES: dict[str, float] = {"left": 0.26, "right": 0.74}  # the same, when two things share the frame
SETTINGS: tuple[str, ...] = ("meadow", "beach", "desert", "snow", "night", "sunset")

HELD_OUT_ONE_IN = 10
_VARIATIONS = 2**31


class SceneError(ValueError):
    """A thing or a scene that the world does not have."""


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One thing of a scene. Raises `SceneError` for a word outside the vocabulary."""

    kind: str
    colour: str
    size: str
    place: str

    def __post_init__(self) -> None:
        _require("kind", self.kind, KINDS)
        _require("colour", self.colour, COLOURS)
        _require("size", self.size, SIZES)
        _require("place", self.place, PLACES)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One or two things in a setting; `variation` seeds the small natural differences.

    Two things stand left then right, differ in kind and colour, and are not big; else `SceneError`.
    """

    things: tuple[Thing, ...]
    setting: str
    variation: int = 0

    def __post_init__(self) -> None:
        _require("setting", self.setting, SETTINGS)
        if len(self.things) not in (1, 2):
            raise SceneError(f"a scene has one or two things, not {len(self.things)}")
        if len(self.things) == 2:
            _check_pair(*self.things)


def is_held_out(kind: str, colour: str, setting: str) -> bool:
    """Whether this triple is kept from training: a fixed tenth of all triples, the same on every machine."""
    return zlib.crc32(f"{kind}/{colour}/{setting}".encode()) % HELD_OUT_ONE_IN == 0


def sample_scene(rng: random.Random, two_things: float = 0.35, *, held_out: bool = False) -> Scene:
    """A scene by lot, uniform over the attributes.

    `two_things` is the share of scenes with two things, 0 to 1. Every thing of the scene has a triple
    (kind, colour, setting) on the asked side of `is_held_out`.
    """
    setting = rng.choice(SETTINGS)
    pool = _pool(setting, held_out)
    kind, colour = rng.choice(pool)
    variation = rng.randrange(_VARIATIONS)
    if rng.random() < two_things:
        others = [pair for pair in pool if pair[0] != kind and pair[1] != colour]
        assert others, f"no partner for a {colour} {kind}, {setting}, held_out={held_out}"
        couple = [(kind, colour), rng.choice(others)]
        things = tuple(
            Thing(kind=k, colour=c, size=rng.choice(tuple(PAIR_SIZES)), place=place)
            for (k, c), place in zip(couple, ("left", "right"), strict=True)
        )
    else:
        size, place = rng.choice(tuple(SIZES)), rng.choice(tuple(PLACES))
        things = (Thing(kind=kind, colour=colour, size=size, place=place),)
    return Scene(things=things, setting=setting, variation=variation)


@cache
def _pool(setting: str, held_out: bool) -> tuple[tuple[str, str], ...]:
    """The (kind, colour) pairs on one side of the split."""
    return tuple((k, c) for k in KINDS for c in COLOURS if is_held_out(k, c, setting) == held_out)


def _check_pair(first: Thing, second: Thing) -> None:
    if (first.place, second.place) != ("left", "right"):
        raise SceneError(f"two things stand left then right, not {first.place} then {second.place}")
    if first.kind == second.kind or first.colour == second.colour:
        raise SceneError(f"two things differ in kind and colour: {first}, {second}")
    for thing in (first, second):
        if thing.size not in PAIR_SIZES:
            raise SceneError(f"a {thing.size} thing does not fit beside another; known: {tuple(PAIR_SIZES)}")


def _require(name: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise SceneError(f"unknown {name} {value!r}; known: {', '.join(known)}")
