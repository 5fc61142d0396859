"""Where things stand in the frame: the slots of each arrangement, and how a thing is fitted into its slot.

All in fractions of the frame: x to the right, y DOWN, both 0 to 1. Knows nothing of pixels.
"""

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..scene import Scene, Thing
from .pen import Point

STANDING_Y, FLOATING_Y = 0.86, 0.50  # base of a standing thing; centre of a floating one
LOW_STANDING_Y, LOW_FLOATING_Y, HIGH_Y = 0.885, 0.70, 0.265  # of a lower and of an upper row

ALONE_SIZES = {"small": 0.34, "medium": 0.46, "big": 0.60}
ALONE_XS = {"left": 0.28, "middle": 0.50, "right": 0.72}
BIG_XS = {"left": 0.345, "middle": 0.50, "right": 0.655}
PAIR_SIZES = {"small": 0.32, "medium": 0.43}
PAIR_XS = {"left": 0.26, "middle": 0.50, "right": 0.74}
ROW_SIZE, ROW_XS, ROW_ROOM = 0.30, (0.165, 0.50, 0.835), 0.29
STACK_SIZE, STACK_ROOM = 0.40, 0.375
TWO_SIZE, TWO_XS = 0.36, (0.28, 0.72)
FOUR_SIZE, FOUR_XS, FOUR_ROOM = 0.33, (0.29, 0.71), 0.34


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Room for one thing: the side of its box, the centre and the height it stands or floats at, and limits.

    `wide` and `high` bound the thing as drawn, edge included, so that neighbours never touch.
    """

    side: float
    x: float
    standing_y: float = STANDING_Y
    floating_y: float = FLOATING_Y
    hangs: bool = False  # centred on `floating_y` even if its kind stands
    wide: float = 0.64
    high: float = 0.64
    slip: float = 0.015  # how far it may be moved aside, at most


@dataclass(frozen=True, slots=True)
class Placement:
    """An affine map from a thing's box (y up) to the frame (y down): x' = ax x + bx y + ox, y' alike."""

    ax: float
    bx: float
    ay: float
    by: float
    ox: float
    oy: float

    @property
    def unit(self) -> float:
        """What one unit of the box's width measures in the frame."""
        return math.hypot(self.ax, self.ay)

    def place(self, path: Iterable[Point], scale: float = 1.0) -> list[Point]:
        """The path in the frame, times `scale`."""
        ax, bx, ox = self.ax * scale, self.bx * scale, self.ox * scale
        ay, by, oy = self.ay * scale, self.by * scale, self.oy * scale
        return [(ax * x + bx * y + ox, ay * x + by * y + oy) for x, y in path]


def slots_of(scene: Scene) -> list[Slot]:
    """A slot for each thing of `scene`, in order."""
    if scene.arrangement == "group":
        return _group(len(scene.things))
    if scene.arrangement == "stacked":
        return _stack()
    if scene.arrangement == "in a row":
        return _row()
    of_one = _alone if scene.arrangement == "alone" else _beside
    return [of_one(thing) for thing in scene.things]


def fit(
    paths: Sequence[Iterable[Point]],
    slot: Slot,
    rng: random.Random,
    *,
    floats: bool,
    lean: float,
    edge: float,
) -> Placement:
    """Place a thing of these paths in its slot, a little tilted, stretched and moved at random.

    `lean` in degrees at most; `edge` is what the drawing adds around the paths, of the frame.
    """
    side = slot.side * rng.uniform(0.96, 1.04)
    stretch = rng.uniform(0.96, 1.04)
    tilt = math.radians(rng.uniform(-lean, lean))
    x = slot.x + rng.uniform(-slot.slip, slot.slip)
    drift = rng.uniform(-1, 1)
    cos, sin = math.cos(tilt), math.sin(tilt)
    turned = Placement(stretch * cos, -sin / stretch, -stretch * sin, -cos / stretch, 0, 0)
    points = [point for path in paths for point in turned.place(path)]
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    side = min(side, (slot.wide - 2 * edge) / (right - left), (slot.high - 2 * edge) / (bottom - top))
    if floats or slot.hangs:
        y = slot.floating_y + drift * slot.slip - side * (top + bottom) / 2
    else:
        y = slot.standing_y + drift * slot.slip / 2 - side * bottom
    x -= side * (left + right) / 2
    return Placement(side * turned.ax, side * turned.bx, side * turned.ay, side * turned.by, x, y)


def _alone(thing: Thing) -> Slot:
    xs = BIG_XS if thing.size == "big" else ALONE_XS
    return Slot(side=ALONE_SIZES[thing.size], x=xs[thing.place])


def _beside(thing: Thing) -> Slot:
    return Slot(side=PAIR_SIZES[thing.size], x=PAIR_XS[thing.place], wide=0.43)


def _stack() -> list[Slot]:
    slot = Slot(side=STACK_SIZE, x=0.5, high=STACK_ROOM)
    return [_high(slot), _low(slot)]


def _row() -> list[Slot]:
    return [Slot(side=ROW_SIZE, x=x, wide=ROW_ROOM, slip=0.006) for x in ROW_XS]


def _group(count: int) -> list[Slot]:
    """Two or three in a row, or two rows of two."""
    if count == 2:
        return [Slot(side=TWO_SIZE, x=x, wide=0.38) for x in TWO_XS]
    if count == 3:
        return _row()
    slots = [Slot(side=FOUR_SIZE, x=x, wide=FOUR_ROOM, high=FOUR_ROOM) for x in FOUR_XS]
    return [_high(slot) for slot in slots] + [_low(slot) for slot in slots]


def _high(slot: Slot) -> Slot:
    return replace(slot, floating_y=HIGH_Y, hangs=True)


def _low(slot: Slot) -> Slot:
    return replace(slot, standing_y=LOW_STANDING_Y, floating_y=LOW_FLOATING_Y)
