"""A scene of drawn things as a picture, with the mask and the boxes of its things.

The same scene, drawn by the same hands, gives the same picture. Backgrounds, slots and the way that things are
fitted into them are the world's.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from PIL import Image, ImageFilter

from ..world import Box, Rendered, Scene, SceneError
from ..world.drawing.backgrounds import BACKGROUNDS, Backdrop
from ..world.drawing.layout import Placement, Slot, fit, slots_of
from ..world.drawing.pen import box
from ..world.drawing.picture import MIN_SIZE_PX
from .hands import Hand
from .scene import PLAIN, ArtScene
from .shadows import cast_shadow
from .things import Kinds

PLAIN_COLOURS = (
    (244, 244, 240), (232, 236, 240), (224, 234, 246), (238, 230, 220), (226, 240, 228), (246, 234, 238),
    (252, 246, 224), (214, 220, 228),
)  # fmt: skip
RIM_STYLES = ("sticker",)  # cut out with a white rim
RIM = 1 / 75  # of the frame
RIM_COLOUR = (255, 255, 255)
SOLID = 192  # opacity from which a pixel is of the thing, and not of its halo
LEAN = {"ground": 1.5, "air": 6.0, "water": 4.0}  # degrees at most
MIRRORED = frozenset(
    {"animals", "vehicles", "people", "fantasy", "plants", "food"}
)  # categories: either way round
BY_NATURE = {"small": 0.84, "middling": 1.0, "large": 1.1}  # of things that touch

BEHIND = Slot(side=0.58, x=0.5, standing_y=0.82, wide=0.72, high=0.62, slip=0.05)
FRONT = Slot(side=0.34, x=0.5, standing_y=0.95, floating_y=0.74, wide=0.40, high=0.38, slip=0.10)
UNDER = Slot(side=0.48, x=0.5, standing_y=0.90, floating_y=0.70, wide=0.66, high=0.46, slip=0.03)
ON = Slot(side=0.30, x=0.5, wide=0.36, high=0.36, slip=0.02)
SEEN = 0.16  # of full light: an edge that differs less from what is behind it is lost
LOST = 0.4  # share of a thing's edge: where more is lost, it gets a halo, unless it has a rim
HALO = 1 / 100  # of the frame
LIGHT_HALO, DARK_HALO = (236, 240, 250, 190), (52, 56, 74, 120)
SUNK = 0.012  # of the frame: how far a thing stands into what carries it
LEAST_TOP = 0.03  # of the frame: what stands on another stays this far below the upper edge


@dataclass(frozen=True)
class _Cut:
    """A drawing as it is laid on the picture: RGBA, and its place in pixels."""

    image: Image.Image
    left: int
    top: int

    @property
    def solid(self) -> np.ndarray:
        return np.asarray(self.image)[..., 3] >= SOLID

    @property
    def box(self) -> Box:
        return self.left, self.top, self.left + self.image.width, self.top + self.image.height


def render(scene: ArtScene, hands: Mapping[str, Hand], kinds: Kinds, size: int = 256) -> Rendered:
    """Draw `scene` as a square of `size` pixels a side, with the drawings of the hand of its style.

    The picture is RGB; the mask numbers the things from 1, as far as each is seen; boxes are those of the mask.

    Raises:
        ValueError: `size` is below 16.
        SceneError: there is no such hand, or it has not drawn one of the things.
    """
    if size < MIN_SIZE_PX:
        raise ValueError(f"a picture of {size} px is too small to draw: at least {MIN_SIZE_PX}")
    hand = hands.get(scene.style)
    if hand is None:
        raise SceneError(f"no hand draws in the style {scene.style!r}; known: {', '.join(hands) or 'none'}")
    picture, mask = _background(scene, size), Image.new("L", (size, size))
    cuts = _cuts(scene, hand, kinds, size)
    order = range(len(cuts)) if scene.arrangement not in ("in front", "on") else (1, 0)
    for index in order:
        cut, kind = cuts[index], kinds[scene.things[index].kind]
        if not kind.floats and not _hangs(scene, index):
            cast_shadow(picture, cut.image, cut.left, cut.top)
        if scene.style not in RIM_STYLES:
            cut = _set_off(picture, cut, max(1, round(HALO * size)))
        _lay(picture, mask, cut, label=index + 1)
    return Rendered(image=picture, mask=mask, boxes=_boxes(mask, len(cuts)))


def _background(scene: ArtScene, size: int) -> Image.Image:
    rng = random.Random(f"{scene.variation}/{scene.setting}")
    if scene.setting == PLAIN:
        return Image.new("RGB", (size, size), rng.choice(PLAIN_COLOURS))
    finer = Image.new("RGB", (2 * size, 2 * size))
    BACKGROUNDS[scene.setting](Backdrop(finer, thinnest=1 / size), rng)
    return finer.reduce(2)


def _cuts(scene: ArtScene, hand: Hand, kinds: Kinds, size: int) -> list[_Cut]:
    """The things as they are laid, in the scene's order; what stands on another is fitted to it."""
    slots = _slots(scene, kinds)
    cuts = [_cut(scene, index, slot, hand, kinds, size) for index, slot in enumerate(slots)]
    if scene.arrangement == "on":
        upper, lower = cuts
        cuts[0] = replace(upper, top=_top_on(upper, lower, size))
    return cuts


def _slots(scene: ArtScene, kinds: Kinds) -> list[Slot]:
    if scene.arrangement not in ("in front", "on"):
        return slots_of(cast(Scene, scene))  # which looks at the arrangement, and at sizes and places of things
    pair = (FRONT, BEHIND) if scene.arrangement == "in front" else (ON, UNDER)
    natural = [BY_NATURE[kinds[thing.kind].size] for thing in scene.things]
    return [replace(slot, side=slot.side * by) for slot, by in zip(pair, natural, strict=True)]


def _cut(scene: ArtScene, index: int, slot: Slot, hand: Hand, kinds: Kinds, size: int) -> _Cut:
    thing = scene.things[index]
    if thing.kind not in hand or thing.kind not in kinds:
        raise SceneError(f"the hand {hand.name!r} has not drawn {thing.kind!r}")
    kind = kinds[thing.kind]
    rng = random.Random(f"{scene.variation}/{index}/{thing.kind}")
    colour = "" if thing.colour == kind.own else thing.colour
    drawn = Image.fromarray(np.ascontiguousarray(hand.drawing(thing.kind, colour, kind.turns)))
    if kind.category in MIRRORED and rng.random() < 0.5:
        drawn = drawn.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    rim = RIM if scene.style in RIM_STYLES else 0.0
    longer = max(drawn.size)
    wide, high = drawn.width / longer, drawn.height / longer
    lean = LEAN[kind.stands]
    hung = slot if not (kind.floats and scene.arrangement == "in front") else replace(slot, hangs=True)
    placed = fit([box(-wide / 2, 0, wide / 2, high)], hung, rng, floats=kind.floats, lean=lean, edge=rim)
    return _shaped(drawn, placed, (wide, high), rim, size)


def _shaped(drawn: Image.Image, placed: Placement, room: tuple[float, float], rim: float, size: int) -> _Cut:
    """The drawing at its size and tilt, with a white rim if it has one."""
    wide, high = room
    unit = placed.unit * size
    fine = (max(2, round(wide * unit)), max(2, round(high * unit)))
    shaped = drawn.resize(fine, Image.Resampling.LANCZOS if fine[0] < drawn.width else Image.Resampling.BICUBIC)
    tilt = float(np.degrees(np.arctan2(-placed.ay, placed.ax)))
    if abs(tilt) > 0.3:
        shaped = shaped.rotate(tilt, Image.Resampling.BICUBIC, expand=True)
    if rim:
        shaped = _rimmed(shaped, max(1, round(rim * size)))
    ((x, y),) = placed.place([(0.0, high / 2)], size)
    return _Cut(shaped, round(x - shaped.width / 2), round(y - shaped.height / 2))


def _rimmed(drawn: Image.Image, width: int) -> Image.Image:
    """The drawing on a white shape that is `width` px wider all round, and as smooth."""
    larger, spread = _spread(drawn, width)
    under = Image.new("RGBA", larger.size, (*RIM_COLOUR, 0))
    under.putalpha(spread)
    return Image.alpha_composite(under, larger)


def _set_off(picture: Image.Image, cut: _Cut, width: int) -> _Cut:
    """The drawing with a soft halo, if its edge would be lost on what is behind it."""
    opacity = np.asarray(cut.image)[..., 3]
    near = np.asarray(cut.image.getchannel("A").filter(ImageFilter.BoxBlur(width)))
    edge = (opacity >= SOLID) & (near < 250)
    if not edge.any():
        return cut
    light = np.asarray(cut.image.convert("L"), np.int16)[edge]
    behind = np.asarray(picture.crop(cut.box).convert("L"), np.int16)[edge]
    if np.mean(np.abs(light - behind) < SEEN * 255) < LOST:
        return cut
    larger, spread = _spread(cut.image, width)
    *colour, strength = LIGHT_HALO if np.mean(light) < 128 else DARK_HALO
    halo = Image.new("RGBA", larger.size, tuple(colour))
    halo.putalpha(spread.point([value * strength // 255 for value in range(256)]))
    return _Cut(Image.alpha_composite(halo, larger), cut.left - 3 * width, cut.top - 3 * width)


def _spread(drawn: Image.Image, width: int) -> tuple[Image.Image, Image.Image]:
    """The drawing with room of three times `width` px around it, and its opacity grown by about `width`."""
    room = 3 * width
    larger = Image.new("RGBA", (drawn.width + 2 * room, drawn.height + 2 * room))
    larger.paste(drawn, (room, room))
    soft = larger.getchannel("A").filter(ImageFilter.GaussianBlur(width))
    return larger, soft.point([min(255, max(0, (value - 24) * 7)) for value in range(256)])


def _top_on(upper: _Cut, lower: _Cut, size: int) -> int:
    """Where the upper thing begins, for its foot to touch what is below it."""
    rows = np.flatnonzero(upper.solid.any(1))
    foot, lowest = _columns_of_foot(upper, rows), int(rows[-1]) + 1
    solid = lower.solid
    below = np.clip(foot - lower.left, 0, solid.shape[1] - 1)
    surface = solid[:, below].argmax(0)[solid[:, below].any(0)]
    touched = lower.top + (int(np.percentile(surface, 55)) if len(surface) else solid.shape[0] // 2)
    highest = round(LEAST_TOP * size) - int(rows[0])
    return max(highest, touched + max(1, round(SUNK * size)) - lowest)


def _columns_of_foot(cut: _Cut, rows: np.ndarray) -> np.ndarray:
    """The columns, in the picture, of the lowest tenth of a thing that has these `rows`."""
    foot = max(1, round(len(rows) * 0.1))
    return cut.left + np.flatnonzero(cut.solid[rows[-1] + 1 - foot : rows[-1] + 1].any(0))


def _lay(picture: Image.Image, mask: Image.Image, cut: _Cut, *, label: int) -> None:
    picture.paste(cut.image, (cut.left, cut.top), cut.image)
    solid = Image.fromarray(cut.solid.astype(np.uint8) * 255)
    mask.paste(label, (cut.left, cut.top, cut.left + solid.width, cut.top + solid.height), solid)


def _hangs(scene: ArtScene, index: int) -> bool:
    """Whether a thing that would stand hangs in the air: above others, or carried by one, which has no
    ground."""
    if scene.arrangement == "group":
        return len(scene.things) == 4 and index < 2
    return scene.things[index].place in ("above", "on")


def _boxes(mask: Image.Image, count: int) -> tuple[Box, ...]:
    labels = np.asarray(mask)
    boxes = []
    for label in range(1, count + 1):
        rows, columns = np.nonzero(labels == label)
        assert len(rows), f"thing {label} left no mark on a mask of {mask.size}"
        boxes.append((int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1))
    return tuple(boxes)
