"""Sketch: a rough drawing becomes the draft, and is painted.

    paint = Sketch.from_recipe("pocket")
    paint("a red boat at sunset", image="scribble.png").images[0].save("boat.png")

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

STRENGTH = 0.5
"""Below it many plain drawings come out as they are, a disc for an apple; above it little is left of them: see
`diptych bench sketch`."""


class Sketch(ImageInputPipeline):
    """The drawing's tokens are the draft, but for those that fit the prompt least; no more of it is seen."""

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
            strength: 0 to 1: the share of the drawing's tokens that are drawn anew; at 0 none.
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
            strength: 0 to 1: the share of the drawing's tokens that are drawn anew; at 0 none.
        """
        start = self.source_image(image, **wishes).start(redraw=strength)
        return self.pipe.request(prompt, seed=seed, row=row, start=start, **wishes)
