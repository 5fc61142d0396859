"""What of a sketch is in the picture already that a request starts from: it stays where it stands, and what is
new comes where something may change."""

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...values.start import Start
from .cut_outs import CutOut
from .places import CELLS, Place
from .standing import Corner, standing

NEAR = 1.5  # cells: so far beside its place a thing may stand that is where the plan wants it
MOST = 0.9  # of a thing that must lie where something may change, or it is moved there
LEAST_SIDE = 3  # cells: of a thing that is made smaller

Fitted = Callable[[int, Place], CutOut]
"""A thing, by its number, at another place."""


def kept_of(start: Start | None, side: int) -> np.ndarray | None:
    """The square in the middle of the picture to start from, uint8 (side, side, 3), if anything of it, or of
    what it shows, is to stay; else `None`."""
    if start is None or start.picture is None or not (start.keeps_something or start.wording):
        return None
    return _square(start.picture.numpy(), side)


def as_they_stand(
    cuts: Mapping[int, CutOut],
    places: Sequence[Place],
    looks: Callable[[int], Iterable[CutOut]],
    picture: np.ndarray,
) -> dict[int, CutOut]:
    """Those of the things, by their numbers, that stand in the picture about where the plan wants them; as they
    stand there.

    Args:
        looks: what a thing may have looked like there, the likeliest first.
    """
    taken: list[Corner] = []
    found: dict[int, CutOut] = {}
    for i, cut in cuts.items():
        corners = (standing(picture, look, taken) for look in looks(i))
        corner = next((each for each in corners if each is not None), None)
        if corner is not None and _is_near(corner, cut, places[i], cell=len(picture) / CELLS):
            taken.append(corner)
            found[i] = replace(cut, left=corner[0], top=corner[1])
    return found


def where_free(
    cuts: Mapping[int, CutOut], stand: Collection[int], places: Sequence[Place], fitted: Fitted, start: Start
) -> dict[int, CutOut]:
    """The things, by their numbers; one that is new, and does not lie where the start allows a change, is made
    to.

    Args:
        stand: the numbers of those that are in the picture already.
    """
    new = [i for i in cuts if i not in stand]
    if start.mask is None or len(new) != 1:
        return dict(cuts)
    (i,) = new
    side = min(start.mask.shape)
    free = _square(start.mask.numpy(), side)
    if not free.any() or _share_inside(cuts[i], free) >= MOST:
        return dict(cuts)
    rows, columns = (np.flatnonzero(free.any(axis)) * CELLS / side for axis in (1, 0))
    left, right = int(columns[0]), int(np.ceil(columns[-1]))
    top, bottom = int(rows[0]), int(np.ceil(rows[-1]))
    wide, high = right - left, bottom - top
    room = max(LEAST_SIDE, min(wide, high, places[i].side))
    foot = min(bottom, places[i].foot) if top + room <= places[i].foot else bottom
    there = Place(side=room, xs=((left + right) / 2,), foot=foot, middle=(top + bottom) / 2)
    return {**cuts, i: fitted(i, there)}


def ground_of(
    colours: Sequence[Sequence[int]], picture: np.ndarray | None, lot: random.Random
) -> Sequence[int]:
    """The colour of a plain ground: the picture's, where one goes on; else one by lot."""
    if picture is None:
        return lot.choice(list(colours))
    usual = np.median(picture, axis=(0, 1))
    return min(colours, key=lambda colour: float(np.abs(usual - np.asarray(colour)).sum()))


def _is_near(corner: Corner, cut: CutOut, place: Place, *, cell: float) -> bool:
    middle = (corner[0] + cut.image.width / 2) / cell
    across = max(min(place.xs) - middle, middle - max(place.xs), 0.0)
    return across <= NEAR and abs(corner[1] - cut.top) <= NEAR * cell


def _share_inside(cut: CutOut, free: np.ndarray) -> float:
    """How much of a thing lies where something may change."""
    solid = np.zeros(free.shape, bool)
    left, top, right, bottom = cut.box
    rows, columns = slice(max(0, top), max(0, bottom)), slice(max(0, left), max(0, right))
    part = solid[rows, columns]
    part |= cut.solid[max(0, -top) :, max(0, -left) :][: part.shape[0], : part.shape[1]]
    return float((solid & free).sum() / max(1, solid.sum()))


def _square(of: np.ndarray, side: int) -> np.ndarray:
    top, left = (of.shape[0] - side) // 2, (of.shape[1] - side) // 2
    return of[top : top + side, left : left + side]
