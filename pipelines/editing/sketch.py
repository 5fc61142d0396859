"""Sketch: a rough drawing becomes the draft, and is painted.

    paint = Sketch.from_recipe("pocket")
    paint("a red boat at sunset", image="scribble.png").images[0].save("boat.png")

Pictures of it: `examples/README.md`.
"""

from typing import Unpack

from ...engine.values import Outcome, Request
from ..pictures.pixels import AnyPicture
from ..text_to_image import Wishes
from .image_input import ImageInputPipeline
from .source_image import SourceImage

STRENGTH = 0.0


class Sketch(ImageInputPipeline):
    """The drawing's tokens are the draft, but for those that fit the prompt least; no more of it is seen."""

    def request(
        self,
        prompt: str,
        *,
        image: "AnyPicture | Outcome | SourceImage",
        strength: float = STRENGTH,
        seed: int = 0,
        row: int = 0,
        **wishes: Unpack[Wishes],
    ) -> Request:
        """The request for one picture; arguments and errors beside these as `ImageInputPipeline.__call__`.

        Args:
            strength: 0 to 1: the share of the drawing's tokens that are drawn anew; by default none.
        """
        start = self.source_image(image, **wishes).start(redraw=strength)
        return self.pipe.request(prompt, seed=seed, row=row, start=start, **wishes)
