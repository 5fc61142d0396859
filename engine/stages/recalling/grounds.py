"""Cuts a thing out of a picture of it: by its opacity, or from a ground of one colour, or of a few.

What is of the ground's colour and hangs together with the border is cut away; the same colour inside the thing
stays. Of a ground of several colours, a sky above a meadow, smaller things go with it: clouds, a sun. Anything
finer is left to a picture that is cut out already.
"""

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from ...errors import InputError

LOOKED_AT = 256  # pixels of the longer side: of larger pictures, a smaller one
NEAR = 36  # of 255, in any channel: what differs by less from the ground is of it
PLAIN = 0.9  # share of the border that a ground of one colour has
ALL = 0.95  # share of the border that grounds of several colours have, of
GROUNDS = 6  # colours at most,
SEEN = 0.03  # none of which has less of the border than that
BESIDE = 0.5  # of the largest thing's size, which another one must have to be taken along
LEAST, MOST = 0.005, 0.97  # share of the picture that a thing may be
OPAQUE = 250  # opacity of 255: a picture with none less has no opacity to go by


def thing_in(picture: np.ndarray) -> Image.Image:
    """The thing of a picture, RGBA, as close around it as may be.

    Args:
        picture: uint8 (h, w, 3), or (h, w, 4) with opacity.

    Raises:
        InputError: it has neither opacity nor a ground of one colour, or nothing stands before it.
    """
    image = Image.fromarray(picture)
    if image.mode == "RGBA" and int(picture[..., 3].min()) < OPAQUE:
        return _close(image)
    image = image.convert("RGB")
    image.thumbnail((LOOKED_AT * 2, LOOKED_AT * 2), Image.Resampling.LANCZOS)
    image.putalpha(_before_ground(image))
    return _close(image)


def _before_ground(image: Image.Image) -> Image.Image:
    """What does not hang together with the border by the ground's colours: the opacity, L, of a picture RGB."""
    small = image.copy()
    small.thumbnail((LOOKED_AT, LOOKED_AT), Image.Resampling.BOX)
    pixels = np.asarray(small).astype(np.int16)  # (h, w, 3)
    away, grounds = np.zeros(pixels.shape[:2], bool), 0
    while (left := _border(~away)).mean() > 1 - (PLAIN if grounds == 1 else ALL):
        ground, share = _commonest(_border(pixels)[left], len(left))
        if grounds == GROUNDS or share < SEEN:
            raise InputError(
                "its ground is of too many colours: cut the thing out of it first (a PNG with opacity)"
            )
        away |= _reached(np.abs(pixels - ground).max(2) < NEAR)
        grounds += 1
    if grounds > 1:
        away |= ~_largest(~away)
    cut = Image.fromarray(away.astype(np.uint8) * 255)
    cut = cut.filter(ImageFilter.MaxFilter(3))  # the edge, which is half of the ground's colour
    share = 1 - float((np.asarray(cut) > 0).mean())
    if not LEAST < share < MOST:
        raise InputError("nothing can be told from its ground: cut the thing out of it first")
    return ImageChops.invert(cut.resize(image.size, Image.Resampling.BICUBIC))


def _border(values: np.ndarray) -> np.ndarray:
    """The outermost pixels of (h, w, …): (n, …)."""
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def _commonest(colours: np.ndarray, of: int) -> tuple[np.ndarray, float]:
    """Of colours (n, 3) the one that most others are near to; and what share of so many these are."""
    few = colours[:: max(1, len(colours) // 64)]
    near = (np.abs(few[:, None] - colours[None]).max(2) < NEAR).sum(1)
    return few[near.argmax()], float(near.max()) / of


def _reached(alike: np.ndarray) -> np.ndarray:
    """Which places (h, w) can be reached from outside of the picture by way of these."""
    mask = Image.new("L", (alike.shape[1] + 2, alike.shape[0] + 2), 255)  # a way around the picture
    mask.paste(Image.fromarray(alike.astype(np.uint8) * 255), (1, 1))
    ImageDraw.floodfill(mask, (0, 0), 128)
    return np.asarray(mask)[1:-1, 1:-1] == 128


def _largest(places: np.ndarray) -> np.ndarray:
    """The largest of the parts (h, w) that hang together, and others that are nearly as large."""
    mask, sizes = Image.fromarray(places.astype(np.uint8)).copy(), list[int]()
    while len(sizes) < 200 and len(rest := np.argwhere(np.asarray(mask) == 1)):
        y, x = map(int, rest[0])
        ImageDraw.floodfill(mask, (x, y), 2 + len(sizes))
        sizes.append(int((np.asarray(mask) == 2 + len(sizes)).sum()))
    kept = [2 + i for i, size in enumerate(sizes) if size >= BESIDE * max(sizes)]
    return np.isin(np.asarray(mask), kept)


def _close(image: Image.Image) -> Image.Image:
    box = image.getchannel("A").point([255 * (i > 16) for i in range(256)]).getbbox()
    if box is None:
        raise InputError("it is transparent throughout: there is nothing in it")
    return image.crop(box)
