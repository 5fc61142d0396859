"""Where in a picture a thing stands that was laid there before: its drawing is held against every place.

What is painted of a sketch has the sketch's own pixels, so it is found again to the pixel, whoever kept the
picture. What was drawn in another way, or is scaled or covered, is not found.
"""

from collections.abc import Collection

import numpy as np

from .cut_outs import CutOut

APART = 14.0  # of 255: the root of the mean square by which a thing may differ: JPEG, rims
OPAQUE = 250  # opacity of the pixels that are compared

Corner = tuple[int, int]
"""Left and top of a drawing, in pixels."""


def standing(picture: np.ndarray, drawing: CutOut, taken: Collection[Corner] = ()) -> Corner | None:
    """Where a drawing stands in a picture uint8 (h, w, 3), with all that is opaque inside; `None` where it does
    not.

    Args:
        taken: where others like it were found: what is less than half its size away is one of them.
    """
    pixels = np.asarray(drawing.image)
    opaque = pixels[..., 3] >= OPAQUE
    if not opaque.any():
        return None
    rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
    inner = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    apart = _apart(picture, inner)
    half_high, half_wide = inner.shape[0] // 2, inner.shape[1] // 2
    for left, top in taken:
        y, x = top + rows[0], left + columns[0]
        apart[max(0, y - half_high) : y + half_high, max(0, x - half_wide) : x + half_wide] = np.inf
    if not apart.size or apart.min() > APART**2:
        return None
    y, x = np.unravel_index(int(apart.argmin()), apart.shape)
    return int(x - columns[0]), int(y - rows[0])


def _apart(picture: np.ndarray, drawing: np.ndarray) -> np.ndarray:
    """The mean squares by which the opaque pixels of a drawing uint8 (h', w', 4) differ, at each corner where
    it lies inside of the picture."""
    height, width = drawing.shape[:2]
    rows, columns = picture.shape[0] - height + 1, picture.shape[1] - width + 1
    opaque = (drawing[..., 3] >= OPAQUE).astype(float)
    if min(rows, columns) < 1:
        return np.empty((0, 0))
    seen, wanted = picture.astype(float), drawing[..., :3] * opaque[..., None]
    total = _correlated((seen**2).sum(2), opaque) + (wanted**2).sum()
    for channel in range(3):
        total -= 2 * _correlated(seen[..., channel], wanted[..., channel])
    return total[:rows, :columns] / (3 * opaque.sum())


def _correlated(picture: np.ndarray, drawing: np.ndarray) -> np.ndarray:
    """The sum of products at each corner, by Fourier transforms."""
    far = np.fft.rfft2(picture) * np.conj(np.fft.rfft2(drawing, picture.shape))
    return np.fft.irfft2(far, picture.shape)
