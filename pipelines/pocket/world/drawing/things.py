"""The table `LOOKS`: how each kind of thing is drawn.

To add a kind: its name in `scene.KINDS`, its function in the file of its sort, its line here, its words in
`words`.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from ..scene import RGB
from . import buildings, creatures, household, plants, vehicles
from .pen import Pen

Draw = Callable[[Pen, RGB, random.Random], None]


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a kind is drawn, whether it hangs in the air, and by how many degrees it may lean."""

    draw: Draw
    floats: bool = False
    lean: float = 0.0


LOOKS: dict[str, Look] = {
    "cat": Look(draw=creatures.cat),
    "fish": Look(draw=creatures.fish, floats=True, lean=5),
    "bird": Look(draw=creatures.bird, floats=True, lean=5),
    "butterfly": Look(draw=creatures.butterfly, floats=True, lean=6),
    "turtle": Look(draw=creatures.turtle, lean=2),
    "snail": Look(draw=creatures.snail, lean=2),
    "tree": Look(draw=plants.tree, lean=2),
    "flower": Look(draw=plants.flower, lean=4),
    "mushroom": Look(draw=plants.mushroom, lean=3),
    "cactus": Look(draw=plants.cactus, lean=3),
    "apple": Look(draw=plants.apple, lean=5),
    "house": Look(draw=buildings.house),
    "castle": Look(draw=buildings.castle),
    "lighthouse": Look(draw=buildings.lighthouse),
    "boat": Look(draw=vehicles.boat, lean=2),
    "car": Look(draw=vehicles.car),
    "rocket": Look(draw=vehicles.rocket, floats=True, lean=6),
    "balloon": Look(draw=vehicles.balloon, floats=True, lean=3),
    "train": Look(draw=vehicles.train),
    "cup": Look(draw=household.cup),
    "umbrella": Look(draw=household.umbrella, lean=5),
    "chair": Look(draw=household.chair),
    "lamp": Look(draw=household.lamp, lean=2),
    "clock": Look(draw=household.clock, lean=3),
}
