"""Inpaint: a part of a picture is drawn anew; the rest stays as it is, byte for byte.

    paint = Inpaint.from_recipe("pocket")
    paint("a blue cat at sunset", image="boat.png", mask_image="boat").images[0].save("cat.png")

Pictures of it: `examples/README.md`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeGuard, Unpack

from ...engine.values import Request
from ..calls.keywords import CallOptions, RequestOptions
from ..calls.signature import spelled_out
from ..files import PICTURE_ENDINGS
from ..pictures.outline import outline
from ..render_result import RenderResult
from ..vocabulary import vocabulary_for
from .image_input import ImageInputPipeline
from .locating import find, reach, wording_of
from .phrases import phrases_in
from .replacing import replacing
from .source_image import Box, SourceImage, box_of

if TYPE_CHECKING:
    import torch

    from ..pictures.pixels import AnyPicture
    from .image_input import Images, Source

    Mask = AnyPicture | Box


class Inpaint(ImageInputPipeline):
    """The draft's tokens that the mask touches are drawn anew after the prompt, and painted to fit the rest."""

    @spelled_out
    def __call__(
        self,
        prompt: str | Sequence[str],
        image: "Images",
        mask_image: "Mask | Sequence[Mask]",
        *,
        strength: float = 1.0,
        **call: Unpack[CallOptions],
    ) -> RenderResult:
        """Make pictures of each prompt; the other keywords and errors are those of `TextToImage`.

        Args:
            prompt: what the whole picture should show in the end; or, where a thing is named as the mask, what
                comes in its place; or a list of them.
            image: what they start from: a PIL picture, a file, or an outcome of this engine, whose tokens and
                plan are known. One for all prompts, or one for each.
            mask_image: a picture of the same size, or its file, white where something new may come; a box
                (left, top, right, bottom) in pixels; or the name of a thing in the picture, to be looked for:
                its outline, if the prompt names that kind of thing, else the box around it.
            strength: 0 to 1: how much of what was there may go, see `ImageToImage`.
        """
        each = {"image": image, "mask_image": mask_image, "strength": strength}
        return self.rendered(prompt, each=each, call=call)

    def request(
        self,
        prompt: str,
        image: "Source",
        *,
        mask_image: "Mask",
        strength: float = 1.0,
        seed: int = 0,
        row: int = 0,
        **wishes: Unpack[RequestOptions],
    ) -> Request:
        """The request for one picture; arguments and errors beside these as `TextToImage.request`.

        Args:
            prompt: what the whole picture should show in the end; or, where a thing is named as the mask, what
                comes in its place.
            mask_image: a picture of the same size, or its file, white where something new may come; a box
                (left, top, right, bottom) in pixels; or the name of a thing in the picture, to be looked for:
                its outline, if the prompt names that kind of thing, else the box around it.
            strength: 0 to 1: how much of what was there may go, see `ImageToImage`.

        Raises:
            InputError: the mask is of another size, or allows nothing; no thing of that name was found.
        """
        original = self.source_image(image, **wishes)
        wording = None
        if not is_name(mask_image):
            mask = self.mask(original, mask_image)
        else:
            mask = self._named(original, mask_image, prompt)
            wording = replacing(self, wording_of(self, original), mask_image, prompt)
        start = original.start(mask=mask, strength=strength, redraw=strength, wording=wording)
        return self.pipe.request(prompt, seed=seed, row=row, start=start, **wishes)

    def mask(self, original: SourceImage, mask: "Mask") -> "torch.Tensor":
        """bool (height, width): where pixels may change. Arguments and errors as `request`."""
        if isinstance(mask, (tuple, list)):
            return original.box(box_of("mask_image", mask))
        if is_name(mask):
            found = find(self, original, mask)
            return outline(original.pixels, box=found.box, heat=found.heat)
        return original.mask(mask)

    def _named(self, original: SourceImage, name: str, prompt: str) -> "torch.Tensor":
        """The mask of a thing: its outline where it stays what it is; the box around it where something else
        comes in its place, which has another."""
        found, vocabulary = find(self, original, name), vocabulary_for(self.pipe.recipe)
        kinds = {phrase.kind for phrase in phrases_in(name, vocabulary)}
        if kinds & {phrase.kind for phrase in phrases_in(prompt, vocabulary)}:
            return outline(original.pixels, box=found.box, heat=found.heat)
        return original.cells(reach(original, found))


def is_name(mask: object) -> TypeGuard[str]:
    """Whether it is the name of a thing, and not a file's."""
    return isinstance(mask, str) and not mask.lower().endswith(PICTURE_ENDINGS)
