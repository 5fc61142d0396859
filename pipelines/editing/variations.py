"""Variations: a share of a picture's tokens is drawn anew, the rest is kept.

    pipe = TextToImage.from_recipe("pocket")
    boat = pipe("a red boat at sunset", seed=7).outcomes[0]
    Variations.from_pipe(pipe).of(boat, variation=0.4, num_images_per_prompt=4).images

Pictures of it: `examples/README.md`.
"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from ...engine.errors import InputError
from ...engine.messages import shown
from ...engine.randomness import RowKey, derive_seed, random_patches
from ...engine.values import Outcome, Request
from ...engine.values.start import check_share
from ..calls.call import Call
from ..calls.keywords import CallOptions, RequestOptions
from ..calls.signature import spelled_out
from ..render_result import RenderResult
from .image_input import ImageInputPipeline

if TYPE_CHECKING:
    from .image_input import Images, Source

VARIATION = 0.4
RIM = 1 / 32  # of the picture's shorter side: so far what is painted goes over into what stays
CELLS = 12  # rows and columns in which places are drawn at random, where the draft's own are not known


class Variations(ImageInputPipeline):
    """Patches of tokens are drawn again, at random places, by the seed; they fit those around them. Where
    tokens stay, so do their pixels, byte for byte, but for a rim around each patch: a variation of 0 has the
    original's bytes, one of 1 has none of it."""

    @spelled_out
    def __call__(
        self,
        prompt: str | Sequence[str],
        image: "Images",
        *,
        variation: float = VARIATION,
        **call: Unpack[CallOptions],
    ) -> RenderResult:
        """Make pictures of each prompt; the other keywords and errors are those of `TextToImage`.

        Args:
            prompt: where it is that of the outcome which is varied, so is the plan; another one is planned.
            image: what they start from: a PIL picture, a file, or an outcome of this engine, whose tokens and
                plan are known. One for all prompts, or one for each.
            variation: 0 to 1: the share of tokens that are drawn anew.
        """
        each = {"image": image, "variation": variation}
        return self.rendered(prompt, each=each, call=call)

    def request(
        self,
        prompt: str,
        image: "Source",
        *,
        variation: float = VARIATION,
        seed: int = 0,
        row: int = 0,
        **wishes: Unpack[RequestOptions],
    ) -> Request:
        """The request for one picture; arguments and errors beside these as `TextToImage.request`.

        Args:
            prompt: where it is that of the outcome which is varied, so is the plan; another one is planned.
            variation: 0 to 1: the share of tokens that are drawn anew.
        """
        original = self.source_image(image, **wishes)
        rows, columns = (CELLS, CELLS) if original.tokens is None else original.tokens.shape
        share = check_share("variation", variation)
        redraw = random_patches(RowKey(seed), "variation", (rows, columns), share=share)
        wording = original.wording if prompt == original.prompt else None
        mask = original.cells(redraw, rim=RIM)
        start = original.start(redraw=redraw, mask=mask, blend=True, wording=wording)
        return self.pipe.request(prompt, seed=seed, row=row, start=start, **wishes)

    @spelled_out
    def of(
        self,
        outcome: Outcome,
        *,
        variation: float = VARIATION,
        **call: Unpack[CallOptions],
    ) -> RenderResult:
        """So many variations of a picture that this engine made, each by a seed of its own.

        Errors as a call.

        Args:
            seed: what the seeds are made of, or a list of them.
        """
        if not isinstance(outcome, Outcome):
            raise InputError(f"outcome = {shown(outcome)}: give an outcome of a pipeline, or call with image=")
        said = Call.of(call, known=("variation",))
        seeds = said.seed
        if isinstance(seeds, int):
            seeds = [derive_seed(seeds, i + 1) for i in range(said.copies)]
        prompt = outcome.request.prompt
        requests = [
            self.request(
                prompt, image=outcome, variation=variation, seed=each.seed, row=each.row, **each.wishes
            )
            for each in dataclasses.replace(said, seed=seeds).pictures(prompt)
        ]
        return self.carried_out(requests, said)
