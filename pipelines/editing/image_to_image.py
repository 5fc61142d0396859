"""Image to image: a picture and a prompt in, and out comes what the prompt makes of the picture.

    paint = ImageToImage.from_recipe("pocket")
    paint("a green boat at sunset", image="red_boat.png", strength=0.5).images[0].save("green_boat.png")

Pictures of it: `examples/README.md`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from ...engine.values import Request
from ..calls.keywords import CallOptions, RequestOptions
from ..calls.signature import spelled_out
from ..render_result import RenderResult
from .image_input import ImageInputPipeline

if TYPE_CHECKING:
    from .image_input import Images, Source

STRENGTH = 0.6


class ImageToImage(ImageInputPipeline):
    """The picture's tokens are the draft, but for those that fit the prompt least, which are drawn anew; what
    is kept is painted from the picture, with noise on it."""

    @spelled_out
    def __call__(
        self,
        prompt: str | Sequence[str],
        image: "Images",
        *,
        strength: float = STRENGTH,
        **call: Unpack[CallOptions],
    ) -> RenderResult:
        """Make pictures of each prompt; the other keywords and errors are those of `TextToImage`.

        Args:
            prompt: one, or a list of them, which is rendered as a batch.
            image: what they start from: a PIL picture, a file, or an outcome of this engine, whose tokens and
                plan are known. One for all prompts, or one for each.
            strength: 0 to 1: the share of tokens that are drawn anew, and the noise that the rest is painted
                from. 0 gives the picture back, 1 leaves nothing of it.
        """
        each = {"image": image, "strength": strength}
        return self.rendered(prompt, each=each, call=call)

    def request(
        self,
        prompt: str,
        image: "Source",
        *,
        strength: float = STRENGTH,
        seed: int = 0,
        row: int = 0,
        **wishes: Unpack[RequestOptions],
    ) -> Request:
        """The request for one picture; arguments and errors beside these as `TextToImage.request`.

        Args:
            strength: 0 to 1: the share of tokens that are drawn anew, and the noise that the rest is painted
                from. 0 gives the picture back, 1 leaves nothing of it. Below 0.5 what the prompt changes is
                drawn anew as a whole, if that is at most twice the share, and else not at all.
        """
        start = self.source_image(image, **wishes).start(strength=strength, redraw=strength)
        return self.pipe.request(prompt, seed=seed, row=row, start=start, **wishes)
