"""Pictures that a pipeline starts from, as the engine takes them: scaled, and with what is known of them."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.errors import InputError
from ...engine.messages import shown
from ...engine.values import Outcome
from ...engine.values.setting import whole_number
from ...engine.values.start import Start, Wording
from ..pictures.pixels import AnyPicture, mask_of, rgb_of
from ..rendering.provenance.history import History
from ..rendering.provenance.provenance import known_history
from ..rendering.provenance.start_text import parse_wording
from .ground import continued

if TYPE_CHECKING:
    import PIL.Image
    import torch

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels of the picture as it was given."""
RIM = 1 / 20
"""Of the shorter side of a picture that gets room around it: so much is redrawn, so that no seam is seen."""
LEAST_SIDE = 8
"""Pixels: of a picture that gets room around it so much stays, at least, once it is scaled with that."""


def box_of(name: str, value: object) -> Box:
    """Four whole numbers.

    Raises:
        InputError: it is something else.
    """
    if not isinstance(value, tuple | list) or len(value) != 4:
        raise InputError(f"{name} = {shown(value)}: give left, top, right, bottom, in pixels")
    left, top, right, bottom = (whole_number(name, side) for side in value)
    return left, top, right, bottom


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SourceImage:
    """A picture to start from.

    Args:
        pixels: uint8 (height, width, 3), of the size that is to be painted.
        size: width and height as it was given.
        outcome: what it came from, where this engine made it: then its tokens and its plan are known.
        history: of a file of this engine that nobody has changed since: then its plan is.
    """

    pixels: "torch.Tensor"
    size: tuple[int, int]
    outcome: Outcome | None = None
    history: History | None = None

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def tokens(self) -> "torch.Tensor | None":
        draft = self.outcome and self.outcome.draft
        return draft.tokens if draft else None

    @property
    def wording(self) -> Wording | None:
        """The plan that it was made by."""
        if plan := self.outcome and self.outcome.plan:
            return Wording(prompt=plan.prompt, facts=plan.facts, left_out=plan.left_out)
        return parse_wording(self.history["plan"]) if self.history else None

    @property
    def prompt(self) -> str | None:
        """The prompt that it was made of, where that is known."""
        if self.outcome:
            return self.outcome.request.prompt
        return self.history["request"]["prompt"] if self.history else None

    def start(self, **more: Any) -> Start:
        """What begins with this picture, and with its tokens and what it shows where they are known."""
        start = Start(**{"picture": self.pixels, "tokens": self.tokens, **more})
        if start.shows or self.wording is None or not start.keeps_something:
            return start
        return dataclasses.replace(start, shows=self.wording.prompt)

    def cells(self, grid: "torch.Tensor", *, rim: float = 0.0) -> "torch.Tensor":
        """bool (height, width): the pixels of those cells of a grid, bool (h, w), that are true.

        Args:
            rim: how far around them pixels count, too, as a share of the picture's shorter side.
        """
        import PIL.Image
        from torch.nn.functional import max_pool2d

        drawn = PIL.Image.fromarray(grid.byte().numpy() * 255)
        cells = _tensor(drawn.resize((self.width, self.height), PIL.Image.Resampling.NEAREST)) > 127
        around = round(rim * min(self.width, self.height))
        return max_pool2d(cells[None].float(), 2 * around + 1, 1, around)[0] > 0

    def mask(self, image: AnyPicture) -> "torch.Tensor":
        """bool (height, width): where a mask image of the picture's own size is lighter than mid-grey; or more
        than half opaque, if it is transparent anywhere.

        Raises:
            InputError: it is no picture, of another size, or black throughout.
        """
        opened = mask_of(image)
        if opened.size != self.size:
            sizes = f"the mask is {_shown(opened.size)} pixels, the picture {_shown(self.size)}"
            raise InputError(f"{sizes}: give a mask of the picture's size")
        mask = _tensor(_fitted(opened, self.width, self.height)) > 127
        if not mask.any():
            raise InputError(
                "the mask is black throughout, so nothing may change: paint white what is to be redrawn"
            )
        return mask

    def box(self, box: Box) -> "torch.Tensor":
        """bool (height, width): the inside of a box.

        Raises:
            InputError: it is empty, or reaches out of the picture.
        """
        import PIL.Image
        import PIL.ImageDraw

        left, top, right, bottom = box
        if not (0 <= left < right <= self.size[0] and 0 <= top < bottom <= self.size[1]):
            inside = f"inside of the picture's {_shown(self.size)} pixels"
            raise InputError(f"box {box}: must be left, top, right, bottom {inside}")
        drawn = PIL.Image.new("L", self.size)
        PIL.ImageDraw.Draw(drawn).rectangle((left, top, right - 1, bottom - 1), fill=255)
        return self.mask(drawn)


def source_image_of(image: "AnyPicture | Outcome", *, height: int, width: int) -> SourceImage:
    """The picture, scaled to `height` and `width`; cut at its longer sides where it is of another shape.

    Raises:
        InputError: it cannot be read, or is no picture.
    """
    if isinstance(image, Outcome):
        pixels = image.picture.pixels
        if tuple(pixels.shape[:2]) == (height, width):
            return SourceImage(pixels=pixels, size=(width, height), outcome=image)
        image = image.image
    opened = rgb_of(image)
    history, is_whole = None, opened.width * height == opened.height * width
    if isinstance(image, str | Path) and is_whole:  # of one that is cut, who knows what is left
        history = known_history(Path(image), _tensor(opened))
    return SourceImage(pixels=_tensor(_fitted(opened, width, height)), size=opened.size, history=history)


def extended(
    image: "AnyPicture | Outcome", margins: Box, *, height: int, width: int
) -> "tuple[SourceImage, torch.Tensor]":
    """The picture with room around it, scaled to `height` and `width`; and what of it is to be drawn, bool
    (h, w): the room, and a rim of the picture beside it.

    Args:
        margins: left, top, right, bottom, in pixels of the picture as it was given.

    Raises:
        InputError: it cannot be read, or is no picture; a margin is negative, or all are nought; with them the
            picture is of another shape than what is painted, or almost nothing of it is left.
    """
    import numpy as np
    import torch

    opened = image.image if isinstance(image, Outcome) else rgb_of(image)
    left, top, right, bottom = margins
    if min(margins) < 0 or not any(margins):
        raise InputError(
            f"margins {margins}: must be left, top, right, bottom, none negative, one at least above 0"
        )
    whole = (opened.width + left + right, opened.height + top + bottom)
    if whole[0] * height != whole[1] * width:
        raise InputError(
            f"with its margins the picture is {_shown(whole)} pixels, but {_shown((width, height))} are"
            " painted: choose margins that give it that shape"
        )
    scale = width / whole[0]
    x, y = round(left * scale), round(top * scale)
    inner = (max(1, round(opened.width * scale)), max(1, round(opened.height * scale)))
    if min(inner) < LEAST_SIDE:
        raise InputError(
            f"margins {margins}: leave {_shown(inner)} pixels of the picture, which are too few to go on from:"
            f" choose smaller ones, which leave {LEAST_SIDE} a side"
        )
    rim = round(RIM * min(inner))
    x0, y0, x1, y1 = (rim if margin else 0 for margin in margins)
    kept = np.array(_fitted(opened, *inner))[y0 : inner[1] - y1, x0 : inner[0] - x1]
    rows, columns = (y + y0, y + y0 + kept.shape[0]), (x + x0, x + x0 + kept.shape[1])
    mask = torch.ones(height, width, dtype=torch.bool)
    mask[slice(*rows), slice(*columns)] = False
    pixels = continued(kept, (rows[0], height - rows[1]), (columns[0], width - columns[1]))
    return SourceImage(pixels=torch.from_numpy(pixels), size=whole), mask


def _fitted(image: "PIL.Image.Image", width: int, height: int) -> "PIL.Image.Image":
    import PIL.Image
    import PIL.ImageOps

    if image.size == (width, height):
        return image
    return PIL.ImageOps.fit(image, (width, height), PIL.Image.Resampling.LANCZOS)


def _tensor(image: "PIL.Image.Image") -> "torch.Tensor":
    """uint8 (h, w, 3) or (h, w)."""
    import numpy as np
    import torch

    return torch.from_numpy(np.array(image))


def _shown(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
