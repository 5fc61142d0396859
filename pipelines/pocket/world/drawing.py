"""A scene as a picture, with the mask and the boxes of its things. The same scene gives the same picture."""

import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

from .pen import DARK, Pen
from .scene import BIG_PLACES, COLOURS, PAIR_PLACES, PAIR_SIZES, PLACES, RGB, SIZES, Scene, Thing
from .settings import BACKGROUNDS, Backdrop
from .things import LOOKS

Box = tuple[int, int, int, int]

LIGHT_OUTLINE: RGB = (196, 198, 206)  # around black things, so that they read at night
OUTLINE = 1 / 90  # of the frame
STANDING_Y = 0.86  # base of a standing thing, of the frame
FLOATING_Y = 0.50  # centre of a floating thing
MIN_SIZE_PX = 16


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """`image` RGB; `mask` L (0 background, n the n-th thing); `boxes` left, top, right, bottom px of each."""

    image: Image.Image
    mask: Image.Image
    boxes: tuple[Box, ...]


def render(scene: Scene, size: int = 256) -> Rendered:
    """Draw `scene` as a square of `size` pixels a side; `ValueError` below 16."""
    if size < MIN_SIZE_PX:
        raise ValueError(f"a picture of {size} px is too small to draw: at least {MIN_SIZE_PX}")
    finer = 3 if size >= 128 else 4  # drawn this much larger, for smooth edges
    side = size * finer
    canvas = Image.new("RGB", (side, side))
    mask = Image.new("L", (size, size))
    draw, mask_draw = ImageDraw.Draw(canvas), ImageDraw.Draw(mask)
    BACKGROUNDS[scene.setting](Backdrop(draw, side), random.Random(f"{scene.variation}/{scene.setting}"))
    for index in range(len(scene.things)):
        _draw_thing(scene, index, draw=draw, mask_draw=mask_draw, side=side, finer=finer)
    boxes = tuple(_box_of(mask, index + 1) for index in range(len(scene.things)))
    return Rendered(image=canvas.reduce(finer), mask=mask, boxes=boxes)


def _draw_thing(
    scene: Scene,
    index: int,
    *,
    draw: ImageDraw.ImageDraw,
    mask_draw: ImageDraw.ImageDraw,
    side: int,
    finer: int,
) -> None:
    thing = scene.things[index]
    look = LOOKS[thing.kind]
    rng = random.Random(f"{scene.variation}/{index}/{thing.kind}")
    extent, x = _layout(thing, alone=len(scene.things) == 1)
    extent *= rng.uniform(0.96, 1.04)
    x += rng.uniform(-0.015, 0.015)
    if look.floats:
        base = FLOATING_Y + extent / 2 + rng.uniform(-0.03, 0.03)
    else:
        base = STANDING_Y + rng.uniform(-0.015, 0.015)
    pen = Pen(
        draw,
        mask_draw,
        label=index + 1,
        base=(x * side, base * side),
        side=extent * side,
        stretch=rng.uniform(0.96, 1.04),
        tilt=rng.uniform(-look.lean, look.lean),
        outline=LIGHT_OUTLINE if thing.colour == "black" else DARK,
        outline_px=OUTLINE * side,
        mask_scale=1 / finer,
    )
    look.draw(pen, COLOURS[thing.colour], rng)


def _layout(thing: Thing, *, alone: bool) -> tuple[float, float]:
    """(side of the thing's box, x of its centre), of the frame."""
    if not alone:
        return PAIR_SIZES[thing.size], PAIR_PLACES[thing.place]
    return SIZES[thing.size], (BIG_PLACES if thing.size == "big" else PLACES)[thing.place]


def _box_of(mask: Image.Image, label: int) -> Box:
    found = mask.point([255 if value == label else 0 for value in range(256)]).getbbox()
    assert found is not None, f"thing {label} left no mark on a mask of {mask.size}"
    return found
