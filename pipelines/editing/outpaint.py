"""Outpaint: a picture gets room around it, which is filled to fit; the picture itself is only made smaller,
and redrawn along the seam.

    paint = Outpaint.from_recipe("pocket")
    paint("a small red boat in the middle at sunset", image="boat.png", margins=64).images[0].save("sea.png")

Pictures of it: `examples/README.md`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ...engine.values import Outcome, Request
from ..text_to_image import Wishes
from ..vocabulary import vocabulary_for
from .image_input import ImageInputPipeline
from .locating import wording_of
from .phrases import phrases_in
from .source_image import Box, extended

if TYPE_CHECKING:
    import PIL.Image


GOES_ON = 1e6  # see `Start.lean`: the room goes on as the picture ends
HOLDS_MORE = 300.0  # the room may hold things that are not in the picture


class Outpaint(ImageInputPipeline):
    """The models paint one size: the picture is scaled so that it and its margins have that. A rim of it, a
    twentieth of its shorter side, is redrawn with the margin beside it, so that no seam is seen; inside of that
    its scaled pixels stay byte for byte."""

    def request(
        self,
        prompt: str,
        *,
        image: "PIL.Image.Image | str | Path | Outcome",
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
        lean = HOLDS_MORE if self._names_more(prompt, image, **wishes) else GOES_ON
        start = original.start(mask=mask, blend=True, lean=lean)
        return self.pipe.request(prompt, seed=seed, row=row, start=start, **wishes)

    def _names_more(self, prompt: str, image: Any, **wishes: Any) -> bool:
        """Whether the prompt names things that the picture does not show."""
        vocabulary = vocabulary_for(self.pipe.recipe)
        named = {phrase.kind for phrase in phrases_in(prompt, vocabulary)}
        if not named:
            return False
        shown = wording_of(self, self.source_image(image, **wishes))
        return not named <= {phrase.kind for phrase in phrases_in(shown, vocabulary)}
