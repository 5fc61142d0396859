"""A scene of drawn things as a picture, with the mask and the boxes of its things.

The same scene, drawn by the same hands, gives the same picture. Backgrounds are the world's; where things stand
says `layout`.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ..world import Box, Rendered, SceneError
from ..world.drawing.backgrounds import BACKGROUNDS, Backdrop
from ..world.drawing.picture import MIN_SIZE_PX
from .hands import Hand
from .layout import CELLS, Place, places_of
from .scene import PLAIN, ArtScene
from .things import Kinds

PLAIN_COLOURS = (
    (244, 244, 240), (232, 236, 240), (224, 234, 246), (238, 230, 220), (226, 240, 228), (246, 234, 238),
    (252, 246, 224), (214, 220, 228),
)  # fmt: skip
RIM_STYLES = ("sticker",)  # cut out with a white rim
RIM = 1 / 75  # of the frame
RIM_COLOUR = (255, 255, 255)
SOLID = 192  # opacity from which a pixel is of the thing, and not of its halo
SEEN = 0.16  # of full light: an edge that differs less from what is behind it is lost
LOST = 0.4  # share of a thing's edge: where more is lost, it gets a halo, unless it has a rim
HALO = 1 / 100  # of the frame
LIGHT_HALO, DARK_HALO = (236, 240, 250, 190), (52, 56, 74, 120)
SUNK = 0.012  # of the frame: how far a thing stands into what carries it
ABOVE = 0.25  # of a cell: how far what stands on another may hang over it

SHADOW_INK = (18, 18, 30)
SHADOW_OPACITY = 88
FOOT = 0.10  # of a thing's height: what counts as its foot
SHADOW_LEAST, SHADOW_MOST = 0.35, 1.05  # of a thing's width: how wide its shadow is
FLAT = 0.11  # of a shadow's width: how high it is


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
            _cast_shadow(picture, cut.image, cut.left, cut.top)
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
    places = places_of(scene)
    cuts = [_cut(scene, index, place, hand, kinds, size) for index, place in enumerate(places)]
    if scene.arrangement == "on":
        upper, lower = cuts
        cuts[0] = replace(upper, top=_top_on(upper, lower, size))
    return cuts


def _cut(scene: ArtScene, index: int, place: Place, hand: Hand, kinds: Kinds, size: int) -> _Cut:
    thing = scene.things[index]
    if thing.kind not in hand or thing.kind not in kinds:
        raise SceneError(f"the hand {hand.name!r} has not drawn {thing.kind!r}")
    kind = kinds[thing.kind]
    rng = random.Random(f"{scene.variation}/{index}/{thing.kind}")
    colour = "" if thing.colour == kind.own else thing.colour
    drawn = Image.fromarray(np.ascontiguousarray(hand.drawing(thing.kind, colour, kind.turns)))
    rim = max(1, round(RIM * size)) if scene.style in RIM_STYLES else 0
    cell = size / CELLS
    by = (place.side * cell - 2 * rim) / max(drawn.size)
    wide, high = (max(2, round(by * pixels)) for pixels in drawn.size)
    finer = Image.Resampling.LANCZOS if by < 1 else Image.Resampling.BICUBIC
    shaped = drawn.resize((wide, high), finer)
    wide, high = wide + 2 * rim, high + 2 * rim
    cells = math.ceil(wide / cell - 0.01), math.ceil(high / cell - 0.01)
    left, top = place.box(*cells, rng, floats=kind.floats)
    x, y = round((left + cells[0] / 2) * cell - wide / 2), round((top + cells[1]) * cell - high)
    return _Cut(_rimmed(shaped, rim), x - 2 * rim, y - 2 * rim) if rim else _Cut(shaped, x, y)


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
    cell = size / CELLS
    down = touched + max(1, round(SUNK * size)) - lowest - upper.top  # in whole cells, for the same patches
    highest = -math.floor((upper.top + int(rows[0])) / cell)
    return upper.top + round(max(highest, math.ceil(down / cell - ABOVE)) * cell)


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


def _cast_shadow(picture: Image.Image, drawn: Image.Image, left: int, top: int) -> None:
    """Darken `picture` under a drawing (RGBA) that is laid at (left, top): it stands, and does not float."""
    opaque = np.asarray(drawn)[..., 3] >= 128
    rows = np.flatnonzero(opaque.any(1))
    if not len(rows):
        return
    lowest = int(rows[-1])
    foot = np.flatnonzero(opaque[max(0, lowest - round(FOOT * drawn.height)) : lowest + 1].any(0))
    middle = (int(foot[0]) + int(foot[-1])) / 2
    wide = float(np.clip(1.12 * (foot[-1] - foot[0]), SHADOW_LEAST * drawn.width, SHADOW_MOST * drawn.width))
    high = max(3.0, FLAT * wide)
    blur = max(1.0, high * 0.3)
    margin = round(3 * blur) + 1
    patch = Image.new("L", (round(wide) + 2 * margin, round(high) + 2 * margin))
    ImageDraw.Draw(patch).ellipse((margin, margin, margin + wide, margin + high), fill=SHADOW_OPACITY)
    soft = patch.filter(ImageFilter.GaussianBlur(blur))
    x, y = round(left + middle - wide / 2) - margin, round(top + lowest - high * 0.62) - margin
    picture.paste(SHADOW_INK, (x, y, x + soft.width, y + soft.height), soft)
