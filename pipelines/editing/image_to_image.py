"""Image to image: a picture and a prompt in, and out comes what the prompt makes of the picture.

    paint = ImageToImage.from_recipe("pocket")
    paint("a green boat at sunset", image="red_boat.png", strength=0.5).images[0].save("green_boat.png")

Pictures of it: `examples/README.md`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from ...engine.values import Outcome, Request
from ..text_to_image import Wishes
from .image_input import ImageInputPipeline
from .source_image import SourceImage

if TYPE_CHECKING:
    import PIL.Image

STRENGTH = 0.6


class ImageToImage(ImageInputPipeline):
    """The picture's tokens are the draft, but for those that fit the prompt least, which are drawn anew; what
    is kept is painted from the picture, with noise on it."""

    def request(
        self,
        prompt: str,
        *,
        image: "PIL.Image.Image | str | Path | Outcome | SourceImage",
        strength: float = STRENGTH,
        seed: int = 0,
        row: int = 0,
        **wishes: Unpack[Wishes],
    ) -> Request:
        """The request for one picture; arguments and errors beside these as `ImageInputPipeline.__call__`.

        Args:
            strength: 0 to 1: the share of tokens that are drawn anew, and the noise that the rest is painted
                from. 0 gives the picture back, 1 leaves nothing of it. Below 0.5 what the prompt changes is
                drawn anew as a whole, if that is at most twice the share, and else not at all.
        """
        start = self.source_image(image, **wishes).start(strength=strength, redraw=strength)
        return self.pipe.request(prompt, seed=seed, row=row, start=start, **wishes)
