"""Where things stand: on a grid of cells, each a sixteenth of the frame, upright, in one of three sizes.

The cells are those of the image tokens. So a thing is the same tokens wherever it stands, but for what is
behind it. All in cells: x to the right, y DOWN.
"""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

CELLS = 16  # on the frame's side
SMALL, MEDIUM, BIG = 5, 7, 10  # of a thing's longer side, its rim included
_SIDES = {"small": SMALL, "medium": MEDIUM, "big": BIG}
_ALONE_XS = {
    "": (6.5, 7.5, 8.5, 9.5),
    "left": (3.5, 4.5, 5.5),
    "middle": (7.5, 8.5),
    "right": (10.5, 11.5, 12.5),
}
ZONES = {"left": (-99.0, 6.5), "middle": (6.5, 9.5), "right": (9.5, 99.0)}
"""Where the middle of a thing alone lies that counts as there, as a finder of things judges it."""
_BIG_XS = {"": (8.0,), "left": (5.5,), "middle": (8.0,), "right": (10.5,)}
_ANY_SIDES = (MEDIUM, MEDIUM + 1)  # of a thing alone, where nobody asks for a size
_ANY_FEET = (13, 14, 15)
_PAIR_XS = {"left": (3.5, 4.5), "right": (12.5,)}
_ROW_XS = (2.5, 8.0, 13.5)
_FOUR_XS = (4.5, 11.5)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Room for one thing.

    Args:
        side: of its longer side.
        xs: where its middle may lie, one of them by lot.
        foot: where a standing thing ends.
        middle: where a floating one's middle lies.
        hangs: also what stands lies around `middle`.
        sides: instead of `side`, one of them by lot, where there are any.
        feet: the same, instead of `foot`.
        kept: sides that a thing may keep there which is in the picture already; or else `side` alone.
        zone: from where to where its middle counts as there, in a picture that goes on; `None` for near `xs`.
    """

    side: int
    xs: tuple[float, ...]
    foot: int = 14
    middle: float = 8.0
    hangs: bool = False
    sides: tuple[int, ...] = ()
    feet: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    zone: tuple[float, float] | None = None

    def settled(self, rng: random.Random, turn: int = 0) -> "Place":
        """The place, as large and as far down as it is by lot; at each turn otherwise, until all have been."""
        sides, feet = self.sides or (self.side,), self.feet or (self.foot,)
        first = rng.choice(sides), rng.choice(feet)
        others = [each for each in itertools.product(sides, feet) if each != first]
        rng.shuffle(others)
        side, foot = [first, *others][turn % (1 + len(others))]
        return replace(self, side=side, foot=foot)

    @property
    def sway(self) -> float:
        """By how much the middles of things alike may lie above each other, of those there by lot."""
        sides, feet = self.kept or (self.side,), self.feet or (self.foot,)
        return (max(sides) - min(sides)) / 2 + max(feet) - min(feet)

    def box(self, wide: int, high: int, rng: random.Random, *, floats: bool) -> tuple[int, int]:
        """Left and top of a thing of so many cells."""
        left = int(rng.choice(self.xs) - wide / 2 + 0.5)
        top = int(self.middle - high / 2 + 0.5) if floats or self.hangs else self.foot - high
        return min(max(left, 0), CELLS - wide), min(max(top, 0), CELLS - high)


def places_of(arrangement: str, sizes: Sequence[str], where: Sequence[str]) -> list[Place]:
    """A place for each thing, in order.

    Args:
        arrangement: one of `composition.Arrangement`.
        sizes: small, medium or big, of each thing; '' where it does not matter: alone it may then be larger
            than medium, and alone or side by side with another it may stand a cell higher or lower.
        where: of a thing alone left, middle or right, or '' for somewhere about the middle; of two side by side
            left and right.
    """
    match arrangement:
        case "alone":
            xs = (_BIG_XS if sizes[0] == "big" else _ALONE_XS)[where[0]]
            return [replace(_sized(sizes[0], xs, _ANY_SIDES), zone=ZONES.get(where[0]))]
        case "side by side":
            return [_sized(size, _PAIR_XS[at]) for size, at in zip(sizes, where, strict=True)]
        case "stacked":
            lot = Place(side=MEDIUM, xs=(7.0, 8.0, 9.0))
            return [replace(lot, middle=3.5, hangs=True), replace(lot, foot=15, middle=11.5)]
        case "in a row":
            return [Place(side=SMALL, xs=(x,)) for x in _ROW_XS]
        case "in front":
            front = Place(side=SMALL, xs=(6.0, 7.0, 8.0, 9.0, 10.0), foot=15, middle=12.0, hangs=False)
            return [front, Place(side=BIG, xs=(7.0, 8.0, 9.0), foot=13)]
        case "on":
            return [Place(side=SMALL, xs=(8.0,)), Place(side=MEDIUM, xs=(8.0,), middle=10.0)]
        case _:
            return _group(len(sizes))


def order_of(arrangement: str, count: int) -> Sequence[int]:
    """The things from back to front."""
    return range(count) if arrangement not in ("in front", "on") else (1, 0)


def _sized(size: str, xs: tuple[float, ...], sides: tuple[int, ...] = ()) -> Place:
    """Of that size; or else of one of the sides, and anywhere about the ground."""
    if size:
        return Place(side=_SIDES[size], xs=xs)
    return Place(side=MEDIUM, xs=xs, sides=sides, feet=_ANY_FEET, kept=_ANY_SIDES)


def _group(count: int) -> list[Place]:
    """Two or three in a row, or two rows of two."""
    if count == 2:
        return [Place(side=MEDIUM, xs=_PAIR_XS[where][:1]) for where in ("left", "right")]
    if count == 3:
        return [Place(side=SMALL, xs=(x,)) for x in _ROW_XS]
    row = [Place(side=SMALL, xs=(x,), foot=15, middle=11.5) for x in _FOUR_XS]
    return [*(replace(place, middle=4.5, hangs=True) for place in row), *row]
