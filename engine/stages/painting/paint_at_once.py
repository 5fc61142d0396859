"""paint without phases: for a pipeline that cannot be stopped and continued between its phases.

Such are latent consistency models, which do not decode what their loop ends with. All parts are on the device
together, and rows are painted one after the other.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...guards.finite import finite_rows
from ...models.diffusion.pipeline_sizes import BYTES, decoding_bytes, denoising_bytes, size_fault, text_bytes
from ...models.diffusion.single_files.assembly import pipeline_folder
from ...randomness import RowKey, generators
from ...stage import ModelKey, Models, RunContext
from ...values import Picture, Plan
from .call_check import refuse_call
from .conditioned import Conditioned
from .pipeline_call import (
    PIPELINE_SETTINGS,
    PipelineCall,
    check_row,
    check_steps,
    in_bytes,
    lora_bytes,
    wearing,
)

if TYPE_CHECKING:
    from ...models.diffusion.pipeline import PipelinePart


class PaintAtOnceStage:
    """Plan to Picture.

    Args:
        text, denoiser, vae: the parts of a pipeline.
    """

    reads = PIPELINE_SETTINGS
    takes = Plan
    gives = Picture

    def __init__(
        self,
        text: "ModelKey[PipelinePart]",
        denoiser: "ModelKey[PipelinePart]",
        vae: "ModelKey[PipelinePart]",
        call: PipelineCall,
    ) -> None:
        self.name = call.name
        self.uses = (text, denoiser, vae)
        self._call = call

    def workspace(self, batch: Sequence[Plan]) -> int:
        """That of the phase which takes most, for one row."""
        request, (text, denoiser, vae) = batch[0].request, self.uses
        folder, height, width = pipeline_folder(text), request.height, request.width
        work = max(
            text_bytes(folder, bytes_each=BYTES[text.dtype]),
            denoising_bytes(folder, height=height, width=width, rows=1, bytes_each=BYTES[denoiser.dtype]),
            decoding_bytes(folder, height=height, width=width, tiled=False, bytes_each=BYTES[vae.dtype]),
        )
        return work + lora_bytes(denoiser, batch)

    def size_fault(self, height: int, width: int) -> str:
        """Why the pipeline does not paint this size; empty where nothing is known against it."""
        return size_fault(pipeline_folder(self.uses[0]), height, width)

    def refuse(self) -> None:
        """Raise, from the checkpoint's small files, what keeps it from being called as the recipe says."""
        refuse_call(self.uses[0], self._call)

    def rehearse(self, plan: Plan, models: Models) -> None:
        """Raise, of a pipeline without its weights, what would keep it from painting this."""
        part = models[self.uses[0]]
        row = Conditioned(plan=plan, encoded=())
        check_row(0, row, part, self._call)
        check_steps(0, row, part, self._call)
        part.rehearse(self._call.call(part.family, [row]), self._call.new_scheduler(part, plan))

    def run(self, batch: Sequence[Plan], models: Models, context: RunContext) -> list[Picture]:
        """Raises `RowError` for a size that the pipeline does not paint, or steps that it cannot go."""
        first, *others = (models[key] for key in self.uses)
        part = first.joined(others)
        rows = [Conditioned(plan=plan, encoded=()) for plan in batch]
        for i, row in enumerate(rows):
            check_row(i, row, part, self._call)
            check_steps(i, row, part, self._call)
        keys = [RowKey(plan.request.seed, plan.request.candidate) for plan in batch]
        pictures: list[Picture] = []
        for i, (row, generator) in enumerate(zip(rows, generators(keys, self.name), strict=True)):
            with wearing(part, self.uses[0], row.plan):
                shades = part.paint(
                    self._call.call(part.family, [row]),
                    generator=generator,
                    scheduler=self._call.new_scheduler(part, row.plan),
                    on_step=context.step,
                    weights=self._call.prompt_weights,
                )
            context.of_rows([i]).check("pixels", finite_rows(shades[None]).tolist())
            pictures.append(Picture(pixels=in_bytes(shades), plan=row.plan))
        return pictures
