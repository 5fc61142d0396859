"""Variations: a share of a picture's tokens is drawn anew, the rest is kept.

    pipe = TextToImage.from_recipe("pocket")
    boat = pipe("a red boat at sunset", seed=7).outcomes[0]
    Variations.from_pipe(pipe).of(boat, variation=0.4, num_images_per_prompt=4).images

Pictures of it: `examples/README.md`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ...engine.randomness import RowKey, derive_seed, random_patches
from ...engine.values import Outcome, Request
from ...engine.values.start import check_share
from ...engine.watch import Watcher
from ..render_result import RenderResult
from ..text_to_image import Wishes
from .image_input import ImageInputPipeline
from .source_image import SourceImage

if TYPE_CHECKING:
    import PIL.Image

VARIATION = 0.4
RIM = 1 / 32  # of the picture's shorter side: so far what is painted goes over into what stays
CELLS = 12  # rows and columns in which places are drawn at random, where the draft's own are not known


class Variations(ImageInputPipeline):
    """Patches of tokens are drawn again, at random places, by the seed; they fit those around them. Where
    tokens stay, so do their pixels, byte for byte, but for a rim around each patch: a variation of 0 has the
    original's bytes, one of 1 has none of it."""

    def request(
        self,
        prompt: str,
        *,
        image: "PIL.Image.Image | str | Path | Outcome | SourceImage",
        variation: float = VARIATION,
        seed: int = 0,
        row: int = 0,
        **wishes: Unpack[Wishes],
    ) -> Request:
        """The request for one picture; arguments and errors beside these as `ImageInputPipeline.__call__`.

        Args:
            prompt: where it is that of the outcome which is varied, so is the plan; another one is planned.
            variation: 0 to 1: the share of tokens that are drawn anew.
        """
        original = self.source_image(image, **wishes)
        rows, columns = (CELLS, CELLS) if original.tokens is None else original.tokens.shape
        share = check_share("variation", variation)
        redraw = random_patches(RowKey(seed), "variation", (rows, columns), share=share)
        made_by = original.outcome and original.outcome.request.prompt
        wording = original.wording if prompt == made_by else None
        mask = original.cells(redraw, rim=RIM)
        start = original.start(redraw=redraw, mask=mask, blend=True, wording=wording)
        return self.pipe.request(prompt, seed=seed, row=row, start=start, **wishes)

    def of(
        self,
        outcome: Outcome,
        *,
        variation: float = VARIATION,
        num_images_per_prompt: int = 1,
        seed: int = 0,
        watch: Watcher | None = None,
        **wishes: Any,
    ) -> RenderResult:
        """So many variations of a picture that this engine made, each by a seed of its own.

        Errors as `ImageInputPipeline.__call__`.
        """
        seeds = [derive_seed(seed, i + 1) for i in range(num_images_per_prompt)]
        requests = [
            self.request(
                outcome.request.prompt, image=outcome, variation=variation, seed=own, row=row, **wishes
            )
            for row, own in enumerate(seeds, start=1)
        ]
        return self.result(requests, watch)
