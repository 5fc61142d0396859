"""Numbers from 0 to 1 as colours: dark violet over red to bright yellow, readable in grey as well.

The stops are those of matplotlib's `inferno` (Smith & van der Walt 2015, CC0).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import PIL.Image

STOPS = (
    (0, 0, 4), (31, 12, 72), (85, 15, 109), (136, 34, 106), (186, 54, 85),
    (227, 89, 51), (249, 140, 10), (249, 201, 50), (252, 255, 164),
)  # fmt: skip


def colour(value: float) -> tuple[int, int, int]:
    """The colour of a number; what is beyond an end has that end's."""
    place = min(max(value, 0.0), 1.0) * (len(STOPS) - 1)
    low = min(int(place), len(STOPS) - 2)
    first, second = STOPS[low], STOPS[low + 1]
    red, green, blue = (round(a + (place - low) * (b - a)) for a, b in zip(first, second, strict=True))
    return red, green, blue


def heat(values: Sequence[float], grid: tuple[int, int], side: int) -> "PIL.Image.Image":
    """Numbers, row by row of a grid (rows, columns), as a square of `side` pixels."""
    import PIL.Image

    image = PIL.Image.new("RGB", (grid[1], grid[0]))
    image.putdata([colour(value) for value in values])
    return image.resize((side, side), PIL.Image.Resampling.NEAREST)
