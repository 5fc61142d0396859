"""Pictures crowded with drawn things, to learn from what each thing looks like: more of them in a picture than
a scene has, at the places and in the sizes in which things of scenes stand.

What a picture holds is kept as rows: kind, style, colour, and box. Scenes of the art, and what models paint of
them, are told in the same form.
"""

import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image

from ....engine.stages.recalling.cut_outs import CutOut, cut_out
from ....engine.stages.recalling.places import BIG, CELLS, MEDIUM, SMALL, Place
from ...pocket.art import Art, ArtScene, Kind
from ...pocket.art.drawing import RIM_STYLES, background
from ...pocket.art.scene import OWN_COLOUR, SETTINGS

SIDE = 128  # pixels of a picture
GROUNDS = 40  # of each setting
LAYOUTS = (
    (1, (BIG,)),
    (2, (MEDIUM, MEDIUM, SMALL)),
    (3, (SMALL,)),
)  # things on a side, and how large they may be
SHARES = (0.12, 0.48, 0.40)
OFF_GRID = 0.3  # share of things that do not stand on whole cells
STRETCH = 0.12  # of those, larger or smaller by as much, at most
PLACES_OF_FOUR = ((4.0, 4.0), (12.0, 4.0), (4.0, 12.0), (12.0, 12.0))  # cells: x and y of middles
TOUCHING = 0.3  # share of pictures in which two things cover some of each other
MISSING = 0.12  # share of places that stay empty


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shown:
    """A thing in a picture. Its box is left, top, width and height, in cells of a sixteenth of the frame."""

    kind: str
    style: str
    colour: str
    box: tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Crowd:
    """A picture, uint8 (side, side, 3), and what is in it."""

    pixels: np.ndarray
    things: tuple[Shown, ...]
    setting: str


def mosaic(art: Art, kinds: Mapping[str, Sequence[Kind]], rng: random.Random) -> Crowd:
    """By lot: things of a hand each, on the ground of a setting.

    Args:
        kinds: by style, those that its hand drew and that are wanted.
    """
    setting = rng.choice(SETTINGS)
    picture = ground(setting, rng.randrange(GROUNDS)).copy()
    if rng.random() < TOUCHING:
        rooms = _touching(rng)
        things = [_laid(picture, art, *_drawing(kinds, rng), room, rng) for room in rooms]
        return Crowd(pixels=np.asarray(picture), things=tuple(things), setting=setting)
    ((along, sides),) = rng.choices(LAYOUTS, SHARES)
    step = CELLS / along
    things: list[Shown] = []
    for row in range(along):
        for column in range(along):
            if along > 1 and rng.random() < MISSING:
                continue
            room = Place(side=rng.choice(sides), xs=((column + 0.5) * step,), middle=(row + 0.5) * step)
            things.append(_laid(picture, art, *_drawing(kinds, rng), room, rng))
    return Crowd(pixels=np.asarray(picture), things=tuple(things), setting=setting)


def _touching(rng: random.Random) -> list[Place]:
    """Of two things of which the second covers some of the first, or stands on it."""
    x = rng.uniform(5, 11)
    if rng.random() < 0.5:
        behind = Place(side=BIG, xs=(x,), middle=rng.uniform(6, 9))
        return [behind, Place(side=SMALL, xs=(x + rng.uniform(-4, 4),), middle=rng.uniform(9, 13))]
    under = Place(side=MEDIUM, xs=(x,), middle=rng.uniform(9, 12))
    return [under, Place(side=SMALL, xs=(x + rng.uniform(-1, 1),), middle=under.middle - rng.uniform(4, 6))]


def _drawing(kinds: Mapping[str, Sequence[Kind]], rng: random.Random) -> tuple[Kind, str, str]:
    """A kind, a style and a colour."""
    style = rng.choice(sorted(kinds))
    kind = rng.choice(kinds[style])
    return kind, style, kind.looks[0] if rng.random() < OWN_COLOUR else rng.choice(kind.looks)


def one_each(pictures: Sequence[tuple[Image.Image, bool, int]], setting: str, variation: int) -> np.ndarray:
    """At most four pictures of things, RGBA, at `PLACES_OF_FOUR`: uint8 (side, side, 3).

    Args:
        pictures: each with whether it is to have a rim, and how many cells it is large.
    """
    picture, rng = ground(setting, variation % GROUNDS).copy(), random.Random(variation)
    for (drawn, rimmed, side), (x, y) in zip(pictures, PLACES_OF_FOUR, strict=False):
        cut = cut_out(drawn, Place(side=side, xs=(x,), middle=y), rng, floats=True, rimmed=rimmed, size=SIDE)
        picture.paste(cut.image, (cut.left, cut.top), cut.image)
    return np.asarray(picture)


def crowd_of(scene: ArtScene, art: Art, paint: Callable[[Image.Image], np.ndarray]) -> Crowd:
    """A scene of the art in the same form.

    Args:
        paint: makes pixels (side, side, 3) of its render.
    """
    rendered = art.render(scene)
    cell = rendered.image.width / CELLS
    things = tuple(
        Shown(
            kind=thing.kind,
            style=scene.style,
            colour=thing.colour,
            box=(left / cell, top / cell, (right - left) / cell, (bottom - top) / cell),
        )
        for thing, (left, top, right, bottom) in zip(scene.things, rendered.boxes, strict=True)
    )
    return Crowd(pixels=paint(rendered.image), things=things, setting=scene.setting)


def shrunk(picture: Image.Image) -> np.ndarray:
    """uint8 (side, side, 3)."""
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


@lru_cache(maxsize=GROUNDS * len(SETTINGS))
def ground(setting: str, variation: int) -> Image.Image:
    """One of `GROUNDS` grounds of a setting. Not to be written to."""
    return background(setting, variation, 2 * SIDE).reduce(2)


def _laid(
    picture: Image.Image, art: Art, kind: Kind, style: str, colour: str, room: Place, rng: random.Random
) -> Shown:
    drawing = art.hands[style].drawing(kind.name, "" if colour == kind.own else colour, kind.turns)
    drawn = Image.fromarray(np.ascontiguousarray(drawing))
    cut = cut_out(drawn, room, rng, floats=True, rimmed=style in RIM_STYLES, size=SIDE)
    if rng.random() < OFF_GRID:
        cut = _moved(cut, rng)
    picture.paste(cut.image, (cut.left, cut.top), cut.image)
    rows, columns = np.flatnonzero(cut.solid.any(1)), np.flatnonzero(cut.solid.any(0))
    cell = SIDE / CELLS
    left, top = cut.left + int(columns[0]), cut.top + int(rows[0])
    wide, high = int(columns[-1] - columns[0]) + 1, int(rows[-1] - rows[0]) + 1
    box = (left / cell, top / cell, wide / cell, high / cell)
    return Shown(kind=kind.name, style=style, colour=colour, box=box)


def _moved(cut: CutOut, rng: random.Random) -> CutOut:
    """A little larger or smaller, and up to half a cell elsewhere."""
    by, most = 1 + STRETCH * (2 * rng.random() - 1), round(SIDE / CELLS / 2)
    size = (max(4, round(cut.image.width * by)), max(4, round(cut.image.height * by)))
    image = cut.image.resize(size, Image.Resampling.BILINEAR)
    return CutOut(image, cut.left + rng.randint(-most, most), cut.top + rng.randint(-most, most))
