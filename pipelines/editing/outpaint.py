"""Outpaint: a picture gets room around it, which is filled to fit; the picture itself is only made smaller,
and redrawn along the seam.

    paint = Outpaint.from_recipe("pocket")
    paint("a small red boat in the middle at sunset", image="boat.png", margins=64).images[0].save("sea.png")

Pictures of it: `examples/README.md`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from ...engine.values import Request
from ...engine.values.setting import whole_number
from ..calls.keywords import CallOptions, RequestOptions
from ..calls.signature import spelled_out
from ..render_result import RenderResult
from ..vocabulary import vocabulary_for
from .image_input import ImageInputPipeline
from .locating import wording_of
from .phrases import phrases_in
from .source_image import Box, SourceImage, box_of, extended

if TYPE_CHECKING:
    from .image_input import Image, Images


GOES_ON = 1e6  # see `Start.lean`: the room goes on as the picture ends
HOLDS_MORE = 300.0  # the room may hold things that are not in the picture


class Outpaint(ImageInputPipeline):
    """The models paint one size: the picture is scaled so that it and its margins have that. A rim of it, a
    twentieth of its shorter side, is redrawn with the margin beside it, so that no seam is seen; inside of that
    its scaled pixels stay byte for byte."""

    @spelled_out
    def __call__(
        self,
        prompt: str | Sequence[str],
        image: "Images",
        *,
        margins: int | Box = 64,
        **call: Unpack[CallOptions],
    ) -> RenderResult:
        """Make pictures of each prompt; the other keywords and errors are those of `TextToImage`.

        Args:
            prompt: what the whole should show; or a list of them.
            image: what they start from: a PIL picture, a file, or an outcome of this engine, whose tokens and
                plan are known. One for all prompts, or one for each.
            margins: left, top, right, bottom, in pixels of the picture as it is given; or one number for all.
        """
        each = {"image": image, "margins": margins}
        return self.rendered(prompt, each=each, call=call)

    def request(
        self,
        prompt: str,
        image: "Image",
        *,
        margins: int | Box = 64,
        seed: int = 0,
        row: int = 0,
        **wishes: Unpack[RequestOptions],
    ) -> Request:
        """The request for one picture; arguments and errors beside these as `TextToImage.request`.

        Args:
            prompt: what the whole should show.
            margins: left, top, right, bottom, in pixels of the picture as it is given; or one number for all.

        Raises:
            InputError: with its margins the picture is not of the shape that is painted.
        """
        is_one = not isinstance(margins, tuple | list)
        sides = box_of("margins", (whole_number("margins", margins),) * 4 if is_one else margins)
        height, width = self.frame(wishes)
        original, mask = extended(image, sides, height=height, width=width)
        inner = self.source_image(image, **wishes)
        shows = inner.wording.prompt if inner.wording else ""
        lean = HOLDS_MORE if self._names_more(prompt, inner) else GOES_ON
        start = original.start(mask=mask, blend=True, lean=lean, shows=shows)
        return self.pipe.request(prompt, seed=seed, row=row, start=start, **wishes)

    def _names_more(self, prompt: str, image: SourceImage) -> bool:
        """Whether the prompt names things that the picture does not show."""
        vocabulary = vocabulary_for(self.pipe.recipe)
        named = {phrase.kind for phrase in phrases_in(prompt, vocabulary)}
        if not named:
            return False
        shown = wording_of(self, image)
        return not named <= {phrase.kind for phrase in phrases_in(shown, vocabulary)}
