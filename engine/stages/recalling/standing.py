"""Where in a picture a thing stands that was laid there before: its drawing is held against every place.

What is painted of a sketch has the sketch's own pixels, so it is found again to the pixel, whoever kept the
picture. What was drawn in another way, or is scaled or covered, is not found.
"""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from .cut_outs import CutOut

APART = 14.0  # of 255: the root of the mean square by which a thing may differ: JPEG, rims
OPAQUE = 250  # opacity of the pixels that are compared

Corner = tuple[int, int]
"""Left and top of a drawing, in pixels."""


class Standing(NamedTuple):
    """Where a drawing stands, and the mean square by which it differs from what is seen there."""

    corner: Corner
    apart: float


class Seen:
    """A picture that things are looked for in.

    Args:
        picture: uint8 (h, w, 3).
    """

    def __init__(self, picture: np.ndarray) -> None:
        pixels = picture.astype(float)
        self.size = picture.shape[0], picture.shape[1]
        self._channels = [np.fft.rfft2(pixels[..., channel]) for channel in range(3)]
        self._squares = np.fft.rfft2((pixels**2).sum(2))

    def apart(self, drawing: np.ndarray) -> np.ndarray:
        """The mean squares by which the opaque pixels of a drawing uint8 (h', w', 4) differ, at each corner
        where it lies inside of the picture."""
        rows, columns = (own - its + 1 for own, its in zip(self.size, drawing.shape, strict=False))
        opaque = (drawing[..., 3] >= OPAQUE).astype(float)
        if min(rows, columns) < 1:
            return np.empty((0, 0))
        wanted = drawing[..., :3] * opaque[..., None]
        total = self._correlated(self._squares, opaque) + (wanted**2).sum()
        for channel, seen in enumerate(self._channels):
            total -= 2 * self._correlated(seen, wanted[..., channel])
        return total[:rows, :columns] / (3 * opaque.sum())

    def _correlated(self, seen: np.ndarray, drawing: np.ndarray) -> np.ndarray:
        """The sum of products at each corner, by Fourier transforms."""
        return np.fft.irfft2(seen * np.conj(np.fft.rfft2(drawing, self.size)), self.size)


def standing(seen: Seen, drawing: CutOut, taken: Collection[Corner] = ()) -> Standing | None:
    """Where a drawing stands in a picture, with all that is opaque inside; `None` where it does not.

    Args:
        taken: where others like it were found: what is less than half its size away is one of them.
    """
    pixels = np.asarray(drawing.image)
    opaque = pixels[..., 3] >= OPAQUE
    if not opaque.any():
        return None
    rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
    inner = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    apart = seen.apart(inner)
    half_high, half_wide = inner.shape[0] // 2, inner.shape[1] // 2
    for left, top in taken:
        y, x = top + rows[0], left + columns[0]
        apart[max(0, y - half_high) : y + half_high, max(0, x - half_wide) : x + half_wide] = np.inf
    if not apart.size or apart.min() > APART**2:
        return None
    y, x = np.unravel_index(int(apart.argmin()), apart.shape)
    return Standing((int(x - columns[0]), int(y - rows[0])), float(apart.min()))
