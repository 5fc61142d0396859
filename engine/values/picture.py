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
        bare: the pixels without what was put on them for people alone to see; see `overlaid`.
    """

    pixels: "torch.Tensor"
    plan: Plan | None = None
    draft: Draft | None = None
    is_preview: bool = False
    bare: "torch.Tensor | None" = None

    def __post_init__(self) -> None:
        check_pixels(self.pixels)
        if self.bare is not None:
            check_pixels(self.bare)

    @property
    def judged(self) -> "torch.Tensor":
        """The pixels that a captioner looks at, and that are painted over again where something is missing."""
        return self.pixels if self.bare is None else self.bare

    def overlaid(self, pixels: "torch.Tensor") -> "Picture":
        """The same picture with a frame, a caption or the like, which is for people to see: whoever judges the
        picture sees it without.

        Args:
            pixels: uint8 (h, w, 3) on the CPU, of any size.
        """
        return dataclasses.replace(self, pixels=pixels, bare=self.judged)

    def __repr__(self) -> str:
        kind = "preview, " if self.is_preview else ""
        of = f", {short(self.plan.request.prompt)}" if self.plan else ""
        return f"Picture({kind}{size(self.pixels)}{of})"

    @property
    def image(self) -> "PIL.Image.Image":
        """The picture as a PIL picture."""
        return to_image(self.pixels)
