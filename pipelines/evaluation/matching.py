"""Does a picture show what was asked? One question a category: the six of GenEval (Ghosh et al. 2023), and two.

A question that a scene does not put (how many? of a thing alone) is not asked.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise

from ..pocket.world import Scene, Thing
from .inspector import Seen, Sighting, pairs_of

APART = 0.08  # of the frame: by so much, at least, must centres differ for one to be left of or above another
MIDDLE = (0.41, 0.59)  # x of what stands in the middle: half way to where things on the left and right stand

ALL_RIGHT = "all_right"
"""The one question that allows no other thing in the picture either."""


def one_thing(seen: Sighting, scene: Scene) -> bool:
    """A thing of the kind is there. Asked of things alone."""
    return bool(_of_kind(seen, scene.things[0]))


def colour(seen: Sighting, scene: Scene) -> bool:
    """A thing of the kind is there in its colour. Asked of things alone."""
    return _own_colour(seen, scene.things[0])


def two_things(seen: Sighting, scene: Scene) -> bool:
    """Things of both kinds are there. Asked of two different things."""
    return all(_of_kind(seen, thing) for thing in scene.things)


def colour_binding(seen: Sighting, scene: Scene) -> bool:
    """Things of both kinds are there, each in its own colour. Asked of two different things."""
    return all(_own_colour(seen, thing) for thing in scene.things)


def counting(seen: Sighting, scene: Scene) -> bool:
    """Exactly as many things of the kind are there. Asked of groups of two to four."""
    return len(_of_kind(seen, scene.things[0])) == len(scene.things)


def position(seen: Sighting, scene: Scene) -> bool:
    """Things are there, and where they should be. Asked of all scenes but groups.

    A thing alone: in its place (see `MIDDLE`). Several: their centres follow each other as they should, from
    left to right or from top to bottom, at least `APART` from one to the next.
    """
    found = [_one_of(seen, thing) for thing in scene.things]
    places = [each for each in found if each is not None]
    if len(places) < len(found):
        return False
    if scene.arrangement == "alone":
        return place_of(places[0].x) == scene.things[0].place
    along = [each.y if scene.arrangement == "stacked" else each.x for each in places]
    return all(after - before >= APART for before, after in pairwise(along))


def setting(seen: Sighting, scene: Scene) -> bool:
    """The likeliest setting is the scene's. Asked of all scenes."""
    return seen.setting == scene.setting


def style(seen: Sighting, scene: Scene) -> bool:
    """The likeliest style is the scene's. Asked of all scenes."""
    return seen.style == scene.style


def place_of(x: float) -> str:
    """'left', 'middle' or 'right', of an x from 0 to 1."""
    return "left" if x < MIDDLE[0] else "right" if x > MIDDLE[1] else "middle"


def asked_of(scene: Scene) -> tuple[str, ...]:
    """The categories whose questions a scene puts, but `all_right`."""
    match scene.arrangement:
        case "alone":
            own = ("one_thing", "colours", "position")
        case "group":
            own = ("counting",)
        case "in a row":
            own = ("position",)
        case _:
            own = ("two_things", "colour_binding", "position")
    return (*own, "setting", "style")


def answers(seen: Sighting | None, scene: Scene) -> dict[str, bool]:
    """Each question that the scene puts, answered; all wrong where there is no picture to be seen.

    `all_right`: every other answer is right, and the things of the picture are those of the scene, each in its
    own colour, and no more.
    """
    rows = {name: seen is not None and QUESTIONS[name](seen, scene) for name in asked_of(scene)}
    whole = seen is not None and seen.pairs == pairs_of(scene) and all(rows.values())
    return {**rows, ALL_RIGHT: whole}


QUESTIONS: Mapping[str, Callable[[Sighting, Scene], bool]] = {
    "one_thing": one_thing,
    "two_things": two_things,
    "counting": counting,
    "colours": colour,
    "colour_binding": colour_binding,
    "position": position,
    "setting": setting,
    "style": style,
}
CATEGORIES: tuple[str, ...] = (*QUESTIONS, ALL_RIGHT)


def _of_kind(seen: Sighting, thing: Thing) -> list[Seen]:
    return [each for each in seen.things if each.kind == thing.kind]


def _own_colour(seen: Sighting, thing: Thing) -> bool:
    return any(each.colour == thing.colour for each in _of_kind(seen, thing))


def _one_of(seen: Sighting, thing: Thing) -> Seen | None:
    """Of the things of the kind the surest in its own colour, else the surest."""
    found = _of_kind(seen, thing)
    return next((each for each in found if each.colour == thing.colour), found[0] if found else None)


def wrong_in(answered: Mapping[str, bool]) -> list[str]:
    """The categories that are answered wrongly, but for `ALL_RIGHT`."""
    return [name for name, truth in answered.items() if not truth and name != ALL_RIGHT]
