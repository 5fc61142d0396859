"""Outpaint: a picture gets room around it, which is filled to fit; the picture itself is only made smaller.

    paint = Outpaint.from_recipe("pocket")
    paint("a small red boat in the middle at sunset", image="boat.png", margins=64).images[0].save("sea.png")

Pictures of it: `examples/README.md`.
"""

from typing import Unpack

from ...engine.values import Outcome, Request
from ..pictures.pixels import AnyPicture
from ..text_to_image import Wishes
from .image_input import ImageInputPipeline
from .source_image import Box, extended


class Outpaint(ImageInputPipeline):
    """The models paint one size: the picture is scaled so that it and its margins have that. Nothing else
    happens to it: its scaled pixels stay byte for byte."""

    def request(
        self,
        prompt: str,
        *,
        image: "AnyPicture | Outcome",
        margins: int | Box = 64,
        seed: int = 0,
        row: int = 0,
        **wishes: Unpack[Wishes],
    ) -> Request:
        """The request for one picture; arguments and errors beside these as `ImageInputPipeline.__call__`.

        Args:
            prompt: what the whole should show.
            margins: left, top, right, bottom, in pixels of the picture as it is given; or one number for all.

        Raises:
            InputError: with its margins the picture is not of the shape that is painted.
        """
        sides: Box = (margins, margins, margins, margins) if isinstance(margins, int) else margins
        recipe = self.pipe.recipe
        height, width = wishes.get("height", recipe.height), wishes.get("width", recipe.width)
        original, mask = extended(image, sides, height=height, width=width)
        return self.pipe.request(prompt, seed=seed, row=row, start=original.start(mask=mask), **wishes)
