"""The small pictures of the gallery: a thumbnail of each row's picture, one sheet of a row's candidates, and
one of the pictures that it was given.

They are made while the pixels are still in memory, so that a page of thousands of rows reads kilobytes a row
and shows what was thrown out as well as what was kept.
"""

import io
import itertools
import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ...engine.values import Candidate, Outcome, Request

if TYPE_CHECKING:
    import PIL.Image
    import torch

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


def given_name(row: int) -> str:
    """Where the sheet of the pictures lies that a row was given."""
    return f"gallery/given/{row:04d}.webp"


def given_to(request: Request) -> "dict[str, torch.Tensor]":
    """The pictures that a request starts from, takes after and follows, uint8 (h, w, 3 or 4), by what they
    are."""
    found: dict[str, torch.Tensor] = {}
    if request.start is not None and request.start.picture is not None:
        found["start"] = request.start.picture
    for each in request.references:
        found[_another(f"reference: {each.name}" if each.name else "reference", found)] = each.picture
    for each in request.controls:
        found[_another(f"control: {each.kind}", found)] = each.picture
    return found


def _another(name: str, known: Collection[str]) -> str:
    """The name, or it with the first number that makes it another."""
    numbered = (f"{name} {i}" for i in itertools.count(2))
    return next(each for each in itertools.chain([name], numbered) if each not in known)


def small_pictures(outcome: Outcome) -> dict[str, bytes]:
    """The files that the gallery shows of an outcome, by their names in the output folder.

    Every outcome has a thumbnail; one of several candidates has a sheet of them, too (`candidate_sheet`), and
    one that was given pictures a sheet of those.
    """
    row = outcome.request.row
    files = {thumbnail_name(row): thumbnail(outcome.image)}
    if len(outcome.trail) > 1:
        files[candidates_name(row)] = candidate_sheet(outcome.trail)
    if given := given_to(outcome.request):
        import PIL.Image

        images = [PIL.Image.fromarray(each.numpy()) for each in given.values()]
        files[given_name(row)] = _webp(_in_cells(images[:MAX_CELLS]))
    return files


def thumbnail(image: "PIL.Image.Image") -> bytes:
    """The picture as a WebP file, its longer side at most `THUMBNAIL_SIDE` pixels."""
    return _webp(_fitted(image, THUMBNAIL_SIDE))


def candidate_sheet(trail: tuple[Candidate, ...]) -> bytes:
    """The first `MAX_CELLS` candidates on one WebP file, in rows of eight (fewer, if there are not so many).

    Each fills a square cell as its picture or, if it was never painted, as its draft's preview.
    """
    cells: list[PIL.Image.Image | None] = []
    for candidate in trail[:MAX_CELLS]:
        image = _seen(candidate)
        cells.append(image and _fitted(image, CELL_SIDE, pixelated=candidate.picture is None))
    return _webp(_in_cells(cells))


def _in_cells(images: "Sequence[PIL.Image.Image | None]") -> "PIL.Image.Image":
    """Pictures side by side, each in the middle of a square cell."""
    import PIL.Image

    columns = min(_COLUMNS, len(images))
    size = (columns * CELL_SIDE, math.ceil(len(images) / columns) * CELL_SIDE)
    sheet = PIL.Image.new("RGBA", size)
    for place, image in enumerate(images):
        if image is None:
            continue
        cell = _fitted(image, CELL_SIDE)
        x, y = place % columns * CELL_SIDE, place // columns * CELL_SIDE
        sheet.paste(cell, (x + (CELL_SIDE - cell.width) // 2, y + (CELL_SIDE - cell.height) // 2))
    return sheet


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
