"""SVG text to pixels, by resvg. The text may come from anybody: what reaches outside of it is refused, sizes
are bounded."""

import io
import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ....engine.errors import InputError

if TYPE_CHECKING:
    from types import ModuleType

Pixels = NDArray[np.uint8]
"""A picture with its opacity: uint8 (height, width, 4), colours not multiplied by opacity."""

LARGEST_SVG_BYTES = 2**20
LARGEST_SIDE_PX = 2048
_REFUSED = (
    (re.compile(r"<!(doctype|entity)", re.I), "a document type"),
    (re.compile(r"<(\w+:)?(image|feimage|foreignobject|script|text)\b", re.I), "pictures, scripts or text"),
    (re.compile(r"href\s*=\s*[\"'](?!\s*#)", re.I), "a link to elsewhere"),
    (re.compile(r"url\(\s*[\"']?(?!\s*#)", re.I), "a link to elsewhere"),
    (re.compile(r"@import", re.I), "a link to elsewhere"),
)


def draw_svg(text: str, side: int, *, where: str) -> Pixels:
    """The drawing, fitted into a square of `side` px and cut to what is not clear of it; see `trimmed`.

    Raises:
        InputError: it is too long, reaches outside (see `_REFUSED`), cannot be drawn, or shows nothing; or
            resvg is not installed. `where` names it in the message.
    """
    assert 1 <= side <= LARGEST_SIDE_PX, side
    if len(text) > LARGEST_SVG_BYTES:
        raise InputError(f"{where}: more than {LARGEST_SVG_BYTES >> 10} KiB of SVG: simplify it, or give a PNG")
    for pattern, what in _REFUSED:
        if pattern.search(text):
            raise InputError(f"{where}: an SVG with {what} is not drawn: turn it into shapes, or give a PNG")
    try:
        png = bytes(_resvg().svg_to_bytes(svg_string=text, width=side, height=side, skip_system_fonts=True))
        with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
            pixels = np.asarray(picture.convert("RGBA"))
    except (ValueError, OSError) as error:
        raise InputError(f"{where}: cannot be drawn ({str(error).strip() or 'not an SVG'})") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # what a fault inside resvg comes out as
            raise
        raise InputError(f"{where}: cannot be drawn (resvg failed)") from None
    return trimmed(pixels, where=where)


def trimmed(pixels: Pixels, *, where: str) -> Pixels:
    """`pixels` without the rows and columns at its edges that are as good as clear.

    Raises:
        InputError: nothing of it can be seen.
    """
    seen = pixels[..., 3] > 8
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not len(rows):
        raise InputError(f"{where}: shows nothing: all of it is clear")
    return np.ascontiguousarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _resvg() -> "ModuleType":
    try:
        import resvg_py
    except ImportError:
        raise InputError(
            "SVG is drawn by resvg-py, which is not installed: pip install 'diptych[art]'"
        ) from None
    return resvg_py
