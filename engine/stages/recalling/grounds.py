"""Cuts a thing out of a picture of it: by its opacity, or from a ground of one colour.

What is of the ground's colour and hangs together with the border is cut away; the same colour inside the thing
stays. Anything finer is left to a picture that is cut out already.
"""

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from ...errors import InputError

LOOKED_AT = 256  # pixels of the longer side: of larger pictures, a smaller one
NEAR = 36  # of 255, in any channel: what differs by less from the ground is of it
PLAIN = 0.6  # share of the border that must be of the ground's colour
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
    """What does not hang together with the border by the ground's colour: the opacity, L, of a picture RGB."""
    small = image.copy()
    small.thumbnail((LOOKED_AT, LOOKED_AT), Image.Resampling.BOX)
    pixels = np.asarray(small).astype(np.int16)  # (h, w, 3)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    ground = np.median(border, axis=0)
    if float((np.abs(border - ground).max(1) < NEAR).mean()) < PLAIN:
        raise InputError("its ground is not of one colour: cut the thing out of it first (a PNG with opacity)")
    alike = (np.abs(pixels - ground).max(2) < NEAR).astype(np.uint8) * 255
    mask = Image.new("L", (small.width + 2, small.height + 2), 255)  # a way around the picture
    mask.paste(Image.fromarray(alike), (1, 1))
    ImageDraw.floodfill(mask, (0, 0), 128)
    away = mask.crop((1, 1, small.width + 1, small.height + 1)).point([255 * (i == 128) for i in range(256)])
    away = away.filter(ImageFilter.MaxFilter(3))  # the edge, which is half of the ground's colour
    share = 1 - float((np.asarray(away) > 0).mean())
    if not LEAST < share < MOST:
        raise InputError("nothing can be told from its ground: cut the thing out of it first")
    return ImageChops.invert(away.resize(image.size, Image.Resampling.BICUBIC))


def _close(image: Image.Image) -> Image.Image:
    box = image.getchannel("A").point([255 * (i > 16) for i in range(256)]).getbbox()
    if box is None:
        raise InputError("it is transparent throughout: there is nothing in it")
    return image.crop(box)
