"""Inpaint: a part of a picture is drawn anew; the rest stays as it is, byte for byte.

    paint = Inpaint.from_recipe("pocket")
    paint("a blue cat at sunset", image="boat.png", mask_image="boat").images[0].save("cat.png")

Pictures of it: `examples/README.md`.
"""

from typing import TYPE_CHECKING, Unpack

from ...engine.values import Outcome, Request
from ..pictures.pixels import AnyPicture
from ..text_to_image import Wishes
from .image_input import ImageInputPipeline
from .locating import find
from .source_image import Box, SourceImage

if TYPE_CHECKING:
    import torch

    Mask = AnyPicture | Box

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""By these a mask's file is told from a thing's name."""


class Inpaint(ImageInputPipeline):
    """The draft's tokens that the mask touches are drawn anew after the prompt, and painted to fit the rest."""

    def request(
        self,
        prompt: str,
        *,
        image: "AnyPicture | Outcome | SourceImage",
        mask_image: "Mask",
        strength: float = 1.0,
        seed: int = 0,
        row: int = 0,
        **wishes: Unpack[Wishes],
    ) -> Request:
        """The request for one picture; arguments and errors beside these as `ImageInputPipeline.__call__`.

        Args:
            prompt: what the whole picture should show in the end.
            mask_image: a picture of the same size, or its file, white where something new may come; a box
                (left, top, right, bottom) in pixels; or the name of a thing in the picture, to be looked for.
            strength: 0 to 1: how much of what was there may go, see `ImageToImage`.

        Raises:
            InputError: the mask is of another size, or allows nothing; no thing of that name was found.
        """
        original = self.source_image(image, **wishes)
        mask = self.mask(original, mask_image)
        start = original.start(mask=mask, strength=strength, redraw=strength)
        return self.pipe.request(prompt, seed=seed, row=row, start=start, **wishes)

    def mask(self, original: SourceImage, mask: "Mask") -> "torch.Tensor":
        """bool (height, width): where pixels may change. Arguments and errors as `request`."""
        if isinstance(mask, (tuple, list)):
            return original.box(mask)
        if isinstance(mask, str) and not mask.lower().endswith(SUFFIXES):
            return original.cells(find(self, original, mask).box)
        return original.mask(mask)
