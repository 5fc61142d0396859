"""The small soft shadow where a thing touches the ground, so that it stands and does not float."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

INK = (18, 18, 30)
OPACITY = 88
FOOT = 0.10  # of a thing's height: what counts as its foot
LEAST, MOST = 0.35, 1.05  # of a thing's width: how wide its shadow is
FLAT = 0.11  # of a shadow's width: how high it is


def cast_shadow(picture: Image.Image, drawn: Image.Image, left: int, top: int) -> None:
    """Darken `picture` under a drawing (RGBA) whose upper left corner will lie at (left, top)."""
    opaque = np.asarray(drawn)[..., 3] >= 128
    rows = np.flatnonzero(opaque.any(1))
    if not len(rows):
        return
    lowest = int(rows[-1])
    foot = np.flatnonzero(opaque[max(0, lowest - round(FOOT * drawn.height)) : lowest + 1].any(0))
    middle = (int(foot[0]) + int(foot[-1])) / 2
    wide = float(np.clip(1.12 * (foot[-1] - foot[0]), LEAST * drawn.width, MOST * drawn.width))
    high = max(3.0, FLAT * wide)
    blur = max(1.0, high * 0.3)
    margin = round(3 * blur) + 1
    patch = Image.new("L", (round(wide) + 2 * margin, round(high) + 2 * margin))
    ImageDraw.Draw(patch).ellipse((margin, margin, margin + wide, margin + high), fill=OPACITY)
    soft = patch.filter(ImageFilter.GaussianBlur(blur))
    x, y = round(left + middle - wide / 2) - margin, round(top + lowest - high * 0.62) - margin
    picture.paste(INK, (x, y, x + soft.width, y + soft.height), soft)
