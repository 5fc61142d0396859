"""What of a sketch is in the picture already that a request starts from: it stays where it stands, and what is
new comes where something may change."""

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...values.start import Start
from .cut_outs import CutOut
from .places import CELLS, Place
from .standing import Corner, Seen, standing

NEAR = 1.5  # cells: so far beside its place a thing may stand that is where the plan wants it
MOST = 0.98  # of a thing that must lie where something may change, or it is moved there
LEAST_SIDE = 3  # cells: of a thing that is made smaller

CLOSE = 1.5  # times the least mean square: another size with up to that, and
LITTLE = 9.0  # more, fits as well

Fitted = Callable[[int, Place], CutOut]
"""A thing, by its number, at another place."""
Looks = Callable[[int], Iterable[Iterable[tuple[CutOut, Place]]]]
"""What a thing may look like, by its number."""


def kept_of(start: Start | None, side: int) -> np.ndarray | None:
    """The square in the middle of the picture to start from, uint8 (side, side, 3), if anything of it, or of
    what it shows, is to stay; else `None`."""
    if start is None or start.picture is None or not (start.keeps_something or start.wording):
        return None
    return _square(start.picture.numpy(), side)


def as_they_stand(
    cuts: Mapping[int, CutOut], places: Sequence[Place], looks: Looks, fitted: Fitted, picture: np.ndarray
) -> tuple[dict[int, CutOut], Collection[int]]:
    """The things, by their numbers; and the numbers of those that stand in the picture about where the plan
    wants them: these are as they stand there. One that is to stand elsewhere is as large as it was, and as far
    down.

    Args:
        looks: what a thing may have looked like there, the likeliest first; each in several sizes.
    """
    taken: list[Corner] = []
    laid, stand = dict(cuts), set[int]()
    seen, cell = Seen(picture), len(picture) / CELLS
    for i, wanted in cuts.items():
        found = next(filter(None, (_sized(seen, sizes, taken) for sizes in looks(i))), None)
        if found is None:
            continue
        corner, place = found
        there = replace(fitted(i, place), left=corner[0], top=corner[1])
        if _is_near(there, wanted, places[i], cell=cell):
            taken.append(corner)
            stand.add(i)
            laid[i] = there
        elif place.kept:
            foot = int(there.box[3] / cell)  # of what stood above another thing it is none to stand on
            laid[i] = fitted(i, replace(place, foot=foot if foot in place.feet else place.foot))
    return laid, stand


def _sized(
    seen: Seen, sizes: Iterable[tuple[CutOut, Place]], taken: Collection[Corner]
) -> tuple[Corner, Place] | None:
    """Where a thing stands, and its place in the size that it has there: the largest of those that fit about as
    well as the best, for a small one may be seen in a large one."""
    found = [(standing(seen, look, taken), place) for look, place in sizes]
    apart = [each.apart for each, _ in found if each is not None]
    fit = ((each.corner, place) for each, place in found if each and each.apart <= CLOSE * min(apart) + LITTLE)
    return next(fit, None)


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


def _is_near(stands: CutOut, wanted: CutOut, place: Place, *, cell: float) -> bool:
    """Whether a thing stands about where one like it is wanted, at a place where it may be by lot."""
    x, y = _middle(stands)
    first, last = place.zone or (min(place.xs) - NEAR, max(place.xs) + NEAR)
    return first <= x / cell <= last and abs(y - _middle(wanted)[1]) <= (NEAR + place.sway) * cell


def _middle(cut: CutOut) -> tuple[float, float]:
    left, top, right, bottom = cut.box
    return (left + right) / 2, (top + bottom) / 2


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
