"""How a text-to-image pipeline of diffusers is called for a recipe's stage, and its arguments for each row."""

import contextlib
import dataclasses
from collections.abc import Generator, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import torch

from ...errors import CheckpointError, InputError, RowError
from ...models.diffusion.lora.rack import Rack
from ...models.diffusion.pipeline_families import Family
from ...models.diffusion.pipeline_folder import new_scheduler
from ...models.diffusion.pipeline_parts import DENOISER, TEXT, VAE
from ...models.diffusion.pipeline_sizes import BYTES, side_fault, vae_dtype
from ...stage import ModelKey
from ...values import Plan
from ...values.setting import Setting
from .call_check import refuse_arguments, refuse_stage
from .conditioned import Conditioned
from .referring import pictures_of

if TYPE_CHECKING:
    import PIL.Image

    from ...models.diffusion.pipeline import PipelinePart


class CallSettings(TypedDict, total=False):
    """What a recipe may say of how a pipeline is called; see `PipelineCall`."""

    scheduler: str
    scheduler_config: Mapping[str, object]
    arguments: Mapping[str, object]
    tile_above: Annotated[int, Setting("Larger pictures are decoded in tiles.", low=64, high=65536)]
    prompt_weights: bool


PIPELINE_SETTINGS = ("num_inference_steps", "guidance_scale", "negative_prompt", "scheduler", "loras")
"""Settings of requests that a pipeline is called with."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PipelineCall:
    """How a pipeline is called.

    Args:
        name: of the stage that denoises.
        scheduler: a scheduler class of diffusers, for requests that name none; the checkpoint's own, if empty.
        scheduler_config: what differs from the checkpoint's configuration of its scheduler.
        arguments: of the library's call, for what requests say nothing of (`max_sequence_length`, …).
        strength: of repainting, 0 to 1; `None` where nothing is repainted.
        tokens: whether the draft's tokens are painted from.
        tile_above: a picture with a longer side is decoded tile by tile; in pixels.
        prompt_weights: whether `(red boat:1.3)`, `[x]` and `BREAK` in prompts say how strongly words count, and
            prompts of any length are read, where the text encoders can; the marks are taken out where they
            cannot.
    """

    name: str
    scheduler: str = ""
    scheduler_config: Mapping[str, object] = dataclasses.field(default_factory=dict)
    arguments: Mapping[str, object] = dataclasses.field(default_factory=dict)
    strength: float | None = None
    tokens: bool = False
    tile_above: int = 1024
    prompt_weights: bool = True

    def strength_of(self, plan: Plan) -> float | None:
        """The strength of image-to-image: the request's own where it has an init image; `None` where there is
        none."""
        start = plan.request.start
        if self.strength is None or start is None or start.picture is None:
            return self.strength
        return start.strength

    def new_scheduler(self, part: "PipelinePart", plan: Plan) -> Any:
        """A scheduler of this call's own: the request's, the recipe's or the checkpoint's.

        Raises:
            InputError: there is no such one, or it does not fit the checkpoint.
        """
        if wished := plan.request.settings.scheduler:
            return new_scheduler(part, wished)
        return new_scheduler(part, self.scheduler, self.scheduler_config)

    def call(self, family: Family, rows: Sequence[Conditioned]) -> dict[str, object]:
        """Arguments of the library's call for rows of one size, steps and guidance."""
        request = rows[0].plan.request
        settings = request.settings
        call: dict[str, object] = {
            "prompt": [row.plan.prompt for row in rows],
            "height": request.height,
            "width": request.width,
            "num_inference_steps": settings.num_inference_steps,
            family.guidance: settings.guidance_scale,
            "max_area": request.height * request.width,  # to which FLUX.1 Kontext scales what is asked for
        }
        if family.edits and request.references:
            call["image"] = [pictures_of(row.plan.request) for row in rows]
        negatives = [row.plan.request.negative_prompt or family.negative for row in rows]
        if any(negatives):
            call["negative_prompt"] = [each or "" for each in negatives]
        if self.tokens:
            call["prior_token_ids"] = torch.cat([_prior_tokens(row) for row in rows])
        return {name: value for name, value in call.items() if value is not None} | dict(self.arguments)


def keys_of(
    model: "ModelKey[PipelinePart]",
) -> "tuple[ModelKey[PipelinePart], ModelKey[PipelinePart], ModelKey[PipelinePart]]":
    """A pipeline's text encoders, denoiser and autoencoder."""
    bare = dataclasses.replace(model, loras=(), on_request=(), lora_folder="", embeddings=())
    vae = dataclasses.replace(bare, part=VAE, dtype=vae_dtype(model.dtype))
    denoiser = dataclasses.replace(model, part=DENOISER, embeddings=())
    return dataclasses.replace(model, part=TEXT), denoiser, vae


def lora_bytes(model: "ModelKey[PipelinePart]", plans: Iterable[Plan]) -> int:
    """Of the LoRA weights that rows put on, the most of one row: those of a micro-batch are the same."""
    rack, bytes_each = Rack.of(model), BYTES[model.dtype]
    asked = {plan.request.settings.loras for plan in plans}
    return max((rack.bytes_of(each, bytes_each) for each in asked if each), default=0)


@contextlib.contextmanager
def wearing(part: "PipelinePart", model: "ModelKey[PipelinePart]", plan: Plan) -> Generator[None]:
    """While a part works for a row, it wears the LoRA weights that the row asks for.

    Raises:
        InputError: one is not known, or is not for this pipeline.
    """
    with contextlib.ExitStack() as worn:
        try:
            worn.enter_context(part.wearing(Rack.of(model).named(plan.request.settings.loras)))
        except CheckpointError as error:  # of this row, and nobody else's
            raise InputError(str(error)) from error
        yield


def in_bytes(shades: torch.Tensor) -> torch.Tensor:
    """Float (h, w, 3), 0 to 1, to uint8."""
    return (shades * 255).round().clamp(0, 255).to(torch.uint8)


def check_row(index: int, row: Conditioned, part: "PipelinePart", call: PipelineCall) -> None:
    """Raises where the pipeline cannot paint this."""
    height, width = row.plan.request.height, row.plan.request.width
    name, family, most = type(part.pipeline).__name__, part.family, part.largest_side()
    refuse_stage(part.kind, call)
    if fault := side_fault(name, family.multiple, most, height, width):
        raise RowError(index, fault)
    try:
        call.new_scheduler(part, row.plan)
    except InputError as error:
        raise RowError(index, str(error)) from None
    if family.must_edit and not row.plan.request.references:
        raise RowError(index, f"{name} edits pictures: give one to edit, as reference")
    if call.tokens:
        _check_tokens(index, row, part)
    refuse_arguments(type(part.pipeline), part.kind, call.arguments)


def steps_of(row: Conditioned, call: PipelineCall) -> Hashable:
    """All that `check_steps` looks at: one row is checked for all that have the same."""
    request = row.plan.request
    ranges = tuple((each.start, each.stop) for each in request.controls)
    return request.settings.num_inference_steps, request.settings.scheduler, call.strength_of(row.plan), ranges


def check_steps(index: int, row: Conditioned, part: "PipelinePart", call: PipelineCall) -> None:
    """Raises `RowError` where the scheduler cannot go the steps that the row asks for."""
    strength = call.strength_of(row.plan)
    if strength == 0:
        return  # the picture stays as it is
    try:
        part.try_steps(
            call.call(part.family, [row]),
            call.new_scheduler(part, row.plan),
            strength=strength,
            controls=row.plan.request.controls,
        )
    except InputError as error:
        raise RowError(index, str(error)) from None


def _check_tokens(index: int, row: Conditioned, part: "PipelinePart") -> None:
    assert row.draft is not None, "stages that paint from tokens take a Draft"
    request, draft = row.plan.request, row.draft
    known = part.pipeline.transformer.config["prior_vq_quantizer_codebook_size"]
    if draft.codebook.size != known:
        raise InputError(
            f"the pipeline paints from tokens of a codebook of {known}, the draft's is {draft.codebook.name} of"
            f" {draft.codebook.size}: name a matching pair in the recipe"
        )
    grid = (request.height // part.family.multiple, request.width // part.family.multiple)
    if draft.grid != grid:
        raise RowError(
            index,
            f"a draft of {draft.grid[1]}x{draft.grid[0]} tokens for {request.width}x{request.height} pixels:"
            f" it must be {grid[1]}x{grid[0]}",
        )


def _prior_tokens(row: Conditioned) -> torch.Tensor:
    """The draft's tokens as the denoiser reads them, twice as fine, row by row: int64 (1, 4 · h · w)."""
    assert row.draft is not None, "stages that paint from tokens take a Draft"
    return row.draft.tokens.repeat_interleave(2, 0).repeat_interleave(2, 1).reshape(1, -1)


def within_mask(pixels: torch.Tensor, plan: Plan) -> torch.Tensor:
    """Where a request's picture may not change, its own pixels."""
    start = plan.request.start
    if start is None or start.picture is None or start.mask is None:
        return pixels
    return torch.where(start.mask[..., None], pixels, start.picture)


def mask_image(row: Conditioned) -> "PIL.Image.Image":
    """White where the picture may change: all of it, where the request says no mask."""
    import PIL.Image

    request = row.plan.request
    mask = request.start.mask if request.start is not None else None
    if mask is None:
        return PIL.Image.new("L", (request.width, request.height), 255)
    return PIL.Image.fromarray((mask.to(torch.uint8) * 255).numpy())


def init_image(row: Conditioned) -> "PIL.Image.Image":
    """What is painted over: the picture that the request starts from, or the one that was painted, or the
    draft's preview, in full size."""
    import PIL.Image

    request = row.plan.request
    given = request.start.picture if request.start is not None else None
    if given is None and row.picture is not None:
        given = row.picture.pixels
    if given is None:
        assert row.draft is not None, "stages that repaint take a Draft or a Picture"
        given = row.draft.preview
    image = PIL.Image.fromarray(given.numpy())
    size = (request.width, request.height)
    return image if image.size == size else image.resize(size, PIL.Image.Resampling.BICUBIC)
