"""A scene of drawn things as a picture, with the mask and the boxes of its things.

The same scene, drawn by the same hands, gives the same picture. Backgrounds are the world's; where things stand
says `layout`.
"""

import random
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ....engine.stages.recalling.cut_outs import SOLID, CutOut, cut_out, laid, spread, top_on
from ....engine.stages.recalling.places import order_of
from ..world import Box, Rendered, SceneError
from ..world.drawing.backgrounds import BACKGROUNDS, Backdrop
from ..world.drawing.picture import MIN_SIZE_PX
from .hands import Hand
from .layout import Place, places_of
from .scene import PLAIN, ArtScene
from .things import Kinds

PLAIN_COLOURS = (
    (244, 244, 240), (232, 236, 240), (224, 234, 246), (238, 230, 220), (226, 240, 228), (246, 234, 238),
    (252, 246, 224), (214, 220, 228),
)  # fmt: skip
RIM_STYLES = ("sticker",)  # cut out with a white rim
SEEN = 0.16  # of full light: an edge that differs less from what is behind it is lost
LOST = 0.4  # share of a thing's edge: where more is lost, it gets a halo, unless it has a rim
HALO = 1 / 100  # of the frame
LIGHT_HALO, DARK_HALO = (236, 240, 250, 190), (52, 56, 74, 120)

SHADOW_INK = (18, 18, 30)
SHADOW_OPACITY = 88
FOOT = 0.10  # of a thing's height: what counts as its foot
SHADOW_LEAST, SHADOW_MOST = 0.35, 1.05  # of a thing's width: how wide its shadow is
FLAT = 0.11  # of a shadow's width: how high it is


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
    picture = background(scene.setting, scene.variation, size)
    mask = Image.new("L", (size, size))
    cuts = _cuts(scene, hand, kinds, size)
    for index in order_of(scene.arrangement, len(cuts)):
        cut, kind = cuts[index], kinds[scene.things[index].kind]
        if not kind.floats and not _hangs(scene, index):
            _cast_shadow(picture, cut.image, cut.left, cut.top)
        if scene.style not in RIM_STYLES:
            cut = _set_off(picture, cut, max(1, round(HALO * size)))
        _lay(picture, mask, cut, label=index + 1)
    return Rendered(image=picture, mask=mask, boxes=_boxes(mask, len(cuts)))


def sketch(scene: ArtScene, hands: Mapping[str, Hand], kinds: Kinds, size: int = 256) -> np.ndarray:
    """The things of `scene` as `render` draws them, on nothing: uint8 (size, size, 4).

    Raises:
        SceneError: as `render`.
    """
    hand = hands.get(scene.style)
    if hand is None:
        raise SceneError(f"no hand draws in the style {scene.style!r}; known: {', '.join(hands) or 'none'}")
    cuts = _cuts(scene, hand, kinds, size)
    return laid(cuts, order_of(scene.arrangement, len(cuts)), size)


def background(setting: str, variation: int, size: int) -> Image.Image:
    """A setting with nothing in it."""
    rng = random.Random(f"{variation}/{setting}")
    if setting == PLAIN:
        return Image.new("RGB", (size, size), rng.choice(PLAIN_COLOURS))
    finer = Image.new("RGB", (2 * size, 2 * size))
    BACKGROUNDS[setting](Backdrop(finer, thinnest=1 / size), rng)
    return finer.reduce(2)


def _cuts(scene: ArtScene, hand: Hand, kinds: Kinds, size: int) -> list[CutOut]:
    """The things as they are laid, in the scene's order; what stands on another is fitted to it."""
    places = places_of(scene)
    cuts = [_cut(scene, index, place, hand, kinds, size) for index, place in enumerate(places)]
    if scene.arrangement == "on":
        upper, lower = cuts
        cuts[0] = replace(upper, top=top_on(upper, lower, size))
    return cuts


def _cut(scene: ArtScene, index: int, place: Place, hand: Hand, kinds: Kinds, size: int) -> CutOut:
    thing = scene.things[index]
    if thing.kind not in hand or thing.kind not in kinds:
        raise SceneError(f"the hand {hand.name!r} has not drawn {thing.kind!r}")
    kind = kinds[thing.kind]
    rng = random.Random(f"{scene.variation}/{index}/{thing.kind}")
    colour = "" if thing.colour == kind.own else thing.colour
    drawn = Image.fromarray(np.ascontiguousarray(hand.drawing(thing.kind, colour, kind.turns)))
    return cut_out(drawn, place, rng, floats=kind.floats, rimmed=scene.style in RIM_STYLES, size=size)


def _set_off(picture: Image.Image, cut: CutOut, width: int) -> CutOut:
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
    larger, wider = spread(cut.image, width)
    *colour, strength = LIGHT_HALO if np.mean(light) < 128 else DARK_HALO
    halo = Image.new("RGBA", larger.size, tuple(colour))
    halo.putalpha(wider.point([value * strength // 255 for value in range(256)]))
    return CutOut(Image.alpha_composite(halo, larger), cut.left - 3 * width, cut.top - 3 * width)


def _lay(picture: Image.Image, mask: Image.Image, cut: CutOut, *, label: int) -> None:
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
