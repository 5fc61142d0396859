"""The questions of `matching`, put to scenes of the art: things may have no named colour, and may touch.

A colour without a name is not asked.
"""

from collections import Counter
from itertools import pairwise

from ...pocket.art import ArtScene, ArtThing
from ..inspector import Seen, Sighting
from ..matching import ALL_RIGHT, APART, place_of

NOTHING = Sighting(things=(), setting="", style="")
UPRIGHT = ("stacked", "on")  # the first is above the second


def answers(seen: Sighting | None, scene: ArtScene) -> dict[str, bool]:
    """Each question that the scene puts, answered; all wrong where there is no picture to be seen."""
    rows = _answers(seen or NOTHING, scene)
    if seen is None:
        return dict.fromkeys([*rows, ALL_RIGHT], False)
    kinds = Counter(each.kind for each in seen.things) == Counter(thing.kind for thing in scene.things)
    coloured = all(len(_coloured(seen, thing)) >= scene.things.count(thing) for thing in scene.things)
    return {**rows, ALL_RIGHT: kinds and coloured and all(rows.values())}


def _answers(seen: Sighting, scene: ArtScene) -> dict[str, bool]:
    things, found = scene.things, [_of_kind(seen, thing) for thing in scene.things]
    named = any(thing.colour for thing in things)
    rows: dict[str, bool] = {}
    match scene.arrangement:
        case "alone":
            rows["one_thing"] = bool(found[0])
            rows |= {"colours": bool(_coloured(seen, things[0]))} if named else {}
        case "group":
            rows["counting"] = len(found[0]) == len(things)
        case "in a row":
            rows["three_things"] = all(found)
        case _:
            rows["two_things"] = all(found)
            rows |= {"colour_binding": all(_coloured(seen, thing) for thing in things)} if named else {}
    if scene.arrangement != "group" and scene.arrangement != "in front":
        rows["position"] = _stand(seen, scene)
    return {**rows, "setting": seen.setting == scene.setting, "style": seen.style == scene.style}


def _stand(seen: Sighting, scene: ArtScene) -> bool:
    places = [_one_of(seen, thing) for thing in scene.things]
    known = [each for each in places if each is not None]
    if len(known) < len(places):
        return False
    if scene.arrangement == "alone":
        return place_of(known[0].x) == scene.things[0].place
    along = [each.y if scene.arrangement in UPRIGHT else each.x for each in known]
    return all(after - before >= APART for before, after in pairwise(along))


def _of_kind(seen: Sighting, thing: ArtThing) -> list[Seen]:
    return [each for each in seen.things if each.kind == thing.kind]


def _coloured(seen: Sighting, thing: ArtThing) -> list[Seen]:
    """Of its kind, and of its colour where that has a name."""
    return [each for each in _of_kind(seen, thing) if thing.colour in ("", each.colour)]


def _one_of(seen: Sighting, thing: ArtThing) -> Seen | None:
    return next(iter([*_coloured(seen, thing), *_of_kind(seen, thing)]), None)
