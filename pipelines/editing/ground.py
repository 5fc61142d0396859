"""The ground of a picture goes on where there is none: in room around it, and where a thing was."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

STRIP = 1 / 8  # of the width: so much of either side is mirrored, to and fro
SIDE = 1 / 4  # of the width: what is behind things is seen there, on one side at least
FADES = 1 / 4  # of the shorter side: how far above and below it is that what is at the edge goes on
ALIKE = 24  # of 255: so far apart are two shades of one thing, at most


def continued(pixels: "np.ndarray", rows: tuple[int, int], columns: tuple[int, int]) -> "np.ndarray":
    """uint8 (h, w, 3) with room around it. To the sides a strip of the picture is mirrored: horizons and the
    trees of a wood go on. Above and below the edge goes on, and fades into what is usual along it: what stands
    on the edge does not become a streak.

    Args:
        rows: how many above and below; `columns`, to the left and right.
    """
    import numpy as np

    height, width = pixels.shape[:2]
    left = _mirrored(pixels, columns[0])
    right = _mirrored(pixels[:, ::-1], columns[1])[:, ::-1]
    wide = np.concatenate([left, pixels, right], axis=1)
    around = (rows, (0, 0), (0, 0))
    edges = np.pad(wide, around, mode="edge").astype(float)
    usual = np.pad(np.median(wide, axis=1, keepdims=True), around, mode="edge")
    away = np.pad(np.zeros(height), rows, mode="linear_ramp", end_values=rows)
    share = np.clip(away / (FADES * min(height, width)), 0, 1)[:, None, None]
    return np.round(edges + share * (usual - edges)).astype(np.uint8)


def _mirrored(pixels: "np.ndarray", count: int) -> "np.ndarray":
    """uint8 (h, count, 3): room to the left of a picture. What stands on the left alone is a thing, and is not
    mirrored, but what is usual at its height on both sides."""
    import numpy as np

    width = pixels.shape[1]
    strip, side = pixels[:, : max(1, round(STRIP * width))], max(1, round(SIDE * width))
    sides = pixels[:, :side], pixels[:, -side:]
    usual = np.median(np.concatenate(sides, axis=1), axis=1, keepdims=True)  # (h, 1, 3)
    apart = np.abs(strip[:, :, None].astype(int) - sides[1][:, None]).max(3).min(2)  # (h, strip)
    ground = np.where((apart <= ALIKE)[..., None], strip, usual).astype(np.uint8)
    room = np.pad(ground, ((0, 0), (count, 0), (0, 0)), mode="symmetric")
    return room[:, :count]


def without(pixels: "np.ndarray", gone: "np.ndarray", others: "np.ndarray") -> "np.ndarray":
    """uint8 (h, w, 3) with the ground in the place of what is `gone`: at each height what is on one side of it
    goes over into what is on the other.

    Args:
        gone, others: bool (h, w); `others` are things that are no ground, either.
    """
    import numpy as np

    ground, known = pixels.copy(), ~(gone | others)
    seen = np.flatnonzero(known.any(1))
    for y in np.flatnonzero(gone.any(1)):
        near = y if known[y].any() or not len(seen) else seen[np.abs(seen - y).argmin()]
        at = np.flatnonzero(known[near]) if known[near].any() else np.arange(pixels.shape[1])
        for channel in range(3):
            ground[y, gone[y], channel] = np.interp(np.flatnonzero(gone[y]), at, pixels[near, at, channel])
    return ground
