"""Finished pixels, and what they were made from."""

import dataclasses
from typing import TYPE_CHECKING

from .contents import Contents, short, size
from .draft import Draft
from .pixels import check_pixels, to_image
from .plan import Plan

if TYPE_CHECKING:
    import PIL.Image
    import torch


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Picture(Contents):
    """Finished pixels.

    Args:
        pixels: uint8 on the CPU, (h, w, 3), RGB.
        plan: what it should show; `None` for a picture that came from outside.
        draft: the tokens it was painted from; `None` where there were none.
        is_preview: it shows what the tokens alone show, to be judged before anything is painted.
    """

    pixels: "torch.Tensor"
    plan: Plan | None = None
    draft: Draft | None = None
    is_preview: bool = False

    def __post_init__(self) -> None:
        check_pixels(self.pixels)

    def __repr__(self) -> str:
        kind = "preview, " if self.is_preview else ""
        of = f", {short(self.plan.request.prompt)}" if self.plan else ""
        return f"Picture({kind}{size(self.pixels)}{of})"

    @property
    def image(self) -> "PIL.Image.Image":
        """The picture as a PIL picture."""
        return to_image(self.pixels)
