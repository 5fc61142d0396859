"""Scenes that are nearly right: each differs from a given one in one respect, to test a score."""

import dataclasses
import random
from collections.abc import Callable, Collection

from ...pocket.world import COLOURS, KINDS, PLACES, SETTINGS, STYLES, Scene, Thing

MISMATCHES: tuple[str, ...] = (
    "thing", "colour", "swapped colours", "count", "place", "relation", "setting", "style",
)  # fmt: skip
"""In what respect a text can be wrong about a picture."""

_LARGEST = 4


def mismatches_of(scene: Scene) -> tuple[str, ...]:
    """In which respects a text about `scene` can be wrong."""
    wrong = ["thing", "colour", "setting", "style"]
    match scene.arrangement:
        case "alone":
            wrong.append("place")
        case "group":
            wrong.append("count")
        case _:
            wrong += ["swapped colours", "relation"]
    return tuple(name for name in MISMATCHES if name in wrong)


def mismatched(scene: Scene, mismatch: str, rng: random.Random) -> Scene:
    """A scene that differs from `scene` as `mismatch`, one of `mismatches_of(scene)`, says."""
    make: dict[str, Callable[[], Scene]] = {
        "thing": lambda: _with_thing(scene, "kind", KINDS, rng),
        "colour": lambda: _with_thing(scene, "colour", COLOURS, rng),
        "swapped colours": lambda: _swapped(scene, ("colour",)),
        "count": lambda: _counted(scene, rng),
        "place": lambda: _with_thing(scene, "place", PLACES, rng),
        "relation": lambda: _swapped(scene, ("kind", "colour", "size")),
        "setting": lambda: dataclasses.replace(scene, setting=_other(SETTINGS, {scene.setting}, rng)),
        "style": lambda: dataclasses.replace(scene, style=_other(STYLES, {scene.style}, rng)),
    }
    return make[mismatch]()


def without_sizes(scene: Scene) -> Scene:
    """The scene as a text without sizes describes it: a text that leaves out a size is not wrong."""
    return dataclasses.replace(
        scene, things=tuple(dataclasses.replace(thing, size="medium") for thing in scene.things)
    )


def _other(values: Collection[str], wrong: set[str], rng: random.Random) -> str:
    return rng.choice([value for value in values if value not in wrong])


def _with_thing(scene: Scene, field: str, values: Collection[str], rng: random.Random) -> Scene:
    """Another value, that no thing of the scene has, for one field of one thing, or of a whole group."""
    chosen = range(len(scene.things)) if scene.arrangement == "group" else [rng.randrange(len(scene.things))]
    value = _other(values, {getattr(thing, field) for thing in scene.things}, rng)
    things = list(scene.things)
    for i in chosen:
        things[i] = dataclasses.replace(things[i], **{field: value})
    return dataclasses.replace(scene, things=tuple(things))


def _swapped(scene: Scene, fields: tuple[str, ...]) -> Scene:
    """The first two things exchange these fields; in a row, so that another stands in the middle."""
    one, two, *rest = scene.things
    first = dataclasses.replace(one, **{field: getattr(two, field) for field in fields})
    second = dataclasses.replace(two, **{field: getattr(one, field) for field in fields})
    return dataclasses.replace(scene, things=(first, second, *rest))


def _counted(scene: Scene, rng: random.Random) -> Scene:
    count = rng.choice([n for n in range(2, _LARGEST + 1) if n != len(scene.things)])
    things: tuple[Thing, ...] = scene.things[:1] * count
    return dataclasses.replace(scene, things=things)
