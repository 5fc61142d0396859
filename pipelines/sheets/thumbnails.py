"""The small pictures of the gallery: a thumbnail of each row's picture, and one sheet of a row's candidates.

They are made while the pixels are still in memory, so that a page of thousands of rows reads kilobytes a row
and shows what was thrown out as well as what was kept.
"""

import io
import math
from typing import TYPE_CHECKING

from ...engine.values import Candidate, Outcome

if TYPE_CHECKING:
    import PIL.Image

THUMBNAIL_SIDE = 384  # pixels, at most
CELL_SIDE = 160  # pixels of a candidate
MAX_CELLS = 64  # candidates of a row that are shown
_COLUMNS = 8


def thumbnail_name(row: int) -> str:
    """Where a row's thumbnail lies in the output folder."""
    return f"gallery/thumbnails/{row:04d}.webp"


def pick_thumbnail_name(row: int, candidate: int) -> str:
    """Where the thumbnail of a row's candidate lies that was picked by hand."""
    return f"gallery/thumbnails/{row:04d}.pick-{candidate}.webp"


def candidates_name(row: int) -> str:
    """Where the sheet of a row's candidates lies in the output folder."""
    return f"gallery/candidates/{row:04d}.webp"


def small_pictures(outcome: Outcome) -> dict[str, bytes]:
    """The files that the gallery shows of an outcome, by their names in the output folder.

    Every outcome has a thumbnail; one of several candidates has a sheet of them, too (`candidate_sheet`).
    """
    row = outcome.request.row
    files = {thumbnail_name(row): thumbnail(outcome.image)}
    if len(outcome.trail) > 1:
        files[candidates_name(row)] = candidate_sheet(outcome.trail)
    return files


def thumbnail(image: "PIL.Image.Image") -> bytes:
    """The picture as a WebP file, its longer side at most `THUMBNAIL_SIDE` pixels."""
    return _webp(_fitted(image, THUMBNAIL_SIDE))


def candidate_sheet(trail: tuple[Candidate, ...]) -> bytes:
    """The first `MAX_CELLS` candidates on one WebP file, in rows of eight (fewer, if there are not so many).

    Each fills a square cell as its picture or, if it was never painted, as its draft's preview.
    """
    import PIL.Image

    shown = trail[:MAX_CELLS]
    columns = min(_COLUMNS, len(shown))
    size = (columns * CELL_SIDE, math.ceil(len(shown) / columns) * CELL_SIDE)
    sheet = PIL.Image.new("RGBA", size)
    for place, candidate in enumerate(shown):
        image = _seen(candidate)
        if image is None:
            continue
        cell = _fitted(image, CELL_SIDE, pixelated=candidate.picture is None)
        x, y = place % columns * CELL_SIDE, place // columns * CELL_SIDE
        sheet.paste(cell, (x + (CELL_SIDE - cell.width) // 2, y + (CELL_SIDE - cell.height) // 2))
    return _webp(sheet)


def _seen(candidate: Candidate) -> "PIL.Image.Image | None":
    if candidate.picture is not None:
        return candidate.picture.image
    return candidate.draft.image if candidate.draft is not None else None


def _fitted(image: "PIL.Image.Image", side: int, *, pixelated: bool = False) -> "PIL.Image.Image":
    """The picture with its longer side at most `side`; a preview is enlarged to it, its pixels still seen."""
    import PIL.Image

    factor = side / max(image.size)
    if factor >= 1 and not pixelated:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    sampling = PIL.Image.Resampling.NEAREST if pixelated else PIL.Image.Resampling.LANCZOS
    return image.resize(size, sampling, reducing_gap=None if pixelated else 2.0)


def _webp(image: "PIL.Image.Image") -> bytes:
    stream = io.BytesIO()
    image.save(stream, format="WEBP", quality=82, method=2)
    return stream.getvalue()
