"""paint, repaint, paint_tokens: a text-to-image pipeline of diffusers paints the picture, phase by phase.

One table of a recipe becomes three stages, so that a large text encoder leaves before the denoiser comes, and
the denoiser before the autoencoder:

    encode (Plan or Draft to Conditioned)    paint (Conditioned to Latents)    decode (Latents to Picture)

Where it has controls, `control` stands behind `encode` (see `controls`).

    paint           from the plan's text alone
    repaint         from the draft's preview, or the picture that the request starts from, at a strength
    paint_tokens    from the draft's tokens, for pipelines that were trained on such
"""

import dataclasses
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import torch

from ...errors import InputError, RowError
from ...guards.finite import finite_rows
from ...models.diffusion.control.key import ControlKey
from ...models.diffusion.pipeline_sizes import BYTES, decoding_bytes, denoising_bytes, size_fault, text_bytes
from ...models.diffusion.single_files.assembly import pipeline_folder
from ...randomness import RowKey, generators
from ...stage import AnyStage, ModelKey, Models, RunContext
from ...values import Draft, Picture, Plan, Reference, Request
from .call_check import refuse_call
from .conditioned import Conditioned, Latents
from .controls import Controls, ControlStage
from .paint_at_once import PaintAtOnceStage
from .pipeline_call import (
    PIPELINE_SETTINGS,
    CallSettings,
    PipelineCall,
    check_row,
    check_steps,
    in_bytes,
    init_image,
    keys_of,
    lora_bytes,
    mask_image,
    steps_of,
    wearing,
    within_mask,
)
from .referring import EDITED_SIDE, READS, Referring, any_references, editing_fault, most_edited, with_a_picture

if TYPE_CHECKING:
    from ...models.diffusion.pipeline import PipelinePart
    from ...models.diffusion.references.adapter import ReferenceAdapter
    from ...models.diffusion.references.image_encoder import ImageEncoder


def paint_stages(
    *,
    model: "ModelKey[PipelinePart]",
    references: "ModelKey[ReferenceAdapter] | None" = None,
    image_encoder: "ModelKey[ImageEncoder] | None" = None,
    controls: tuple[ControlKey, ...] = (),
    phases: bool = True,
    **settings: Unpack[CallSettings],
) -> tuple[AnyStage, ...]:
    """Plan to Picture.

    Args:
        model: a pipeline, family `diffusers`.
        references: an IP-Adapter for it, family `ip-adapter`.
        image_encoder: what sees reference pictures for that, family `image-encoder`.
        controls: what rows may be steered by.
        phases: whether it is carried out phase by phase; a few pipelines cannot be (see `paint_at_once`).
        settings: see `PipelineCall`.
    """
    call = PipelineCall(name="paint", **settings)
    referring = Referring.of(model, references, image_encoder)
    if phases:
        return painting_stages(model, call, Plan, referring, controls)
    if referring is not None:
        raise InputError("phases = false: without phases no references are taken after: leave out one of them")
    if controls:
        raise InputError("controls: are for pipelines that paint phase by phase: leave out phases = false")
    return (PaintAtOnceStage(*keys_of(model), call),)


def repaint_stages(
    *,
    model: "ModelKey[PipelinePart]",
    references: "ModelKey[ReferenceAdapter] | None" = None,
    image_encoder: "ModelKey[ImageEncoder] | None" = None,
    controls: tuple[ControlKey, ...] = (),
    strength: float = 0.6,
    **settings: Unpack[CallSettings],
) -> tuple[AnyStage, ...]:
    """Draft to Picture, see `paint_stages`.

    Args:
        strength: how much of the draft's preview is painted over, above 0 to 1; a request with an init
            image has its own.
    """
    if not 0 < strength <= 1:
        raise InputError(f"strength = {strength}: must lie above 0, and be at most 1")
    call = PipelineCall(name="repaint", strength=strength, **settings)
    referring = Referring.of(model, references, image_encoder)
    return painting_stages(model, call, Draft, referring, controls)


def token_stages(*, model: "ModelKey[PipelinePart]", **settings: Unpack[CallSettings]) -> tuple[AnyStage, ...]:
    """Draft to Picture, see `paint_stages`; of the draft's tokens, for the likes of GLM-Image."""
    return painting_stages(model, PipelineCall(name="paint_tokens", tokens=True, **settings), Draft)


def painting_stages(
    model: "ModelKey[PipelinePart]",
    call: PipelineCall,
    takes: type,
    referring: Referring | None = None,
    offered: tuple[ControlKey, ...] = (),
    *,
    prefix: str = "",
) -> tuple[AnyStage, ...]:
    """The phases of painting by a pipeline.

    Args:
        takes: the kind of value that the first of them takes.
        offered: the controls that rows may ask for.
        prefix: of the names of the phases around the one that paints.
    """
    text, denoiser, vae = keys_of(model)
    controls = Controls(keys=offered, model=denoiser, from_picture=call.strength is not None)
    encode, decode = EncodeStage(text, call, takes, referring, controls), DecodeStage(vae, call)
    encode.name, decode.name = f"{prefix}encode", f"{prefix}decode"
    prepare = (ControlStage(controls, name=f"{prefix}control"),) if offered else ()
    return encode, *prepare, DenoiseStage(denoiser, vae, call, referring, controls), decode


class EncodeStage:
    """Plan, Draft or Picture to Conditioned: each row alone, so that none is padded to the length of others."""

    name = "encode"
    reads = PIPELINE_SETTINGS
    gives = Conditioned

    def __init__(
        self,
        model: "ModelKey[PipelinePart]",
        call: PipelineCall,
        takes: type,
        referring: Referring | None,
        controls: Controls,
    ) -> None:
        self._controls = controls
        self._encoders = model
        self.uses: tuple[ModelKey[Any], ...] = (model,) if referring is None else (model, referring.encoder)
        self.takes = takes
        self._call = call
        self._referring = referring
        self.edits = most_edited(model)
        if referring is not None or self.edits:
            self.reads = (*PIPELINE_SETTINGS, READS)

    def uses_for(self, requests: Sequence[Request]) -> tuple[ModelKey[Any], ...]:
        """What sees references, only where there are some."""
        return self.uses if any_references(requests) else self.uses[:1]

    def reference_fault(self, references: Sequence[Reference]) -> str:
        """Why these reference pictures are not taken after; empty where they are."""
        if self._referring is not None:
            return self._referring.fault(references)
        return editing_fault(references, self.edits) if self.edits else ""

    def workspace(self, batch: Sequence[Plan | Draft | Picture]) -> int:
        model, plans = self._encoders, [_unconditioned(value).plan for value in batch]
        work = text_bytes(pipeline_folder(model), bytes_each=BYTES[model.dtype])
        if self._referring is not None:
            work = max(work, self._referring.seeing_bytes(plan.request for plan in plans))
        if self.edits:  # a text encoder may read the pictures, too
            work *= 1 + 2 * max(len(plan.request.references) for plan in plans)
        return work + lora_bytes(model, plans)

    def size_fault(self, height: int, width: int) -> str:
        """Why the pipeline does not paint this size; empty where nothing is known against it."""
        return size_fault(pipeline_folder(self._encoders), height, width)

    def refuse(self) -> None:
        """Raise, from the checkpoint's small files, what keeps it from being called as the recipe says."""
        refuse_call(self._encoders, self._call)
        self._controls.refuse()
        if self._referring is not None:
            self._referring.refuse()

    def control_fault(self, request: Request) -> str:
        """Why the pipeline cannot follow the controls of a request; empty where it can."""
        return self._controls.fault(request) if self._controls.keys else ""

    @property
    def control_keys(self) -> tuple[ControlKey, ...]:
        """The controls that requests may ask for."""
        return self._controls.keys

    def rehearse(self, value: Plan | Draft | Picture, models: Models) -> None:
        """Raise, of a pipeline without its weights, what would keep it from painting this."""
        part = models[self._encoders]
        row = _unconditioned(value)
        if part.family.must_edit:
            row = dataclasses.replace(row, plan=with_a_picture(row.plan))
        check_row(0, row, part, self._call)
        check_steps(0, row, part, self._call)
        if not self._call.tokens:
            part.rehearse(self._call.call(part.family, [row]), self._call.new_scheduler(part, row.plan))

    def run(
        self, batch: Sequence[Plan | Draft | Picture], models: Models, context: RunContext
    ) -> list[Conditioned]:
        """Raises `RowError` for a size that the pipeline does not paint, steps that it cannot go, or tokens
        that it cannot read."""
        part = models[self._encoders]
        rows = [_unconditioned(value) for value in batch]
        tried: set[Hashable] = set()
        for i, row in enumerate(rows):
            check_row(i, row, part, self._call)
            if (steps := steps_of(row, self._call)) not in tried:
                check_steps(i, row, part, self._call)
                tried.add(steps)
            if fault := self.control_fault(row.plan.request):
                raise RowError(i, fault)
        known: dict[Hashable, tuple[tuple[object, ...], tuple[object, ...]]] = {}
        for i, row in enumerate(rows):
            request = row.plan.request
            said = (row.plan.prompt, request.negative_prompt, request.settings.loras, request.references)
            if said not in known:
                seeing = None if self._referring is None else self._referring.seeing(row.plan, models)
                with wearing(part, self._encoders, row.plan):
                    known[said] = part.encode(
                        self._call.call(part.family, [row]),
                        weights=self._call.prompt_weights,
                        seeing=seeing,
                        scheduler=self._call.new_scheduler(part, row.plan),
                    )
            context.step(i + 1, len(rows))
            encoded, seen = known[said]
            rows[i] = dataclasses.replace(row, encoded=encoded, seen=seen)
        context.check("text encodings", [row.is_sound for row in rows])
        return rows


def _unconditioned(value: Plan | Draft | Picture) -> Conditioned:
    if isinstance(value, Picture):
        assert value.plan is not None, "of a chain's own"
        return Conditioned(plan=value.plan, encoded=(), draft=value.draft, picture=value)
    if isinstance(value, Draft):
        return Conditioned(plan=value.plan, encoded=(), draft=value)
    return Conditioned(plan=value, encoded=())


class DenoiseStage:
    """Conditioned to Latents."""

    takes = Conditioned
    gives = Latents

    def __init__(
        self,
        model: "ModelKey[PipelinePart]",
        vae: "ModelKey[PipelinePart]",
        call: PipelineCall,
        referring: Referring | None,
        controls: Controls,
    ) -> None:
        self.name = call.name
        self._denoiser, self._vae = model, vae
        self._without: tuple[ModelKey[Any], ...] = (model,) if call.strength is None else (model, vae)
        self._edits = call.strength is None and most_edited(model) > 0
        self._call = call
        self._referring, self._controls = referring, controls
        of_references = () if referring is None else (referring.adapter,)
        vaes = (vae,) if self._edits or controls.encodes else ()
        self.uses = tuple(dict.fromkeys((*self._without, *vaes, *of_references, *controls.models)))

    def uses_for(self, requests: Sequence[Request]) -> tuple[ModelKey[Any], ...]:
        """What references and controls need only where there are some."""
        needed: list[ModelKey[Any]] = [*self._without]
        if any_references(requests):
            needed += (self._vae,) if self._edits else ()
            needed += (self._referring.adapter,) if self._referring is not None else ()
        if steered := self._controls.models_for(requests):
            needed += (self._vae,) if self._controls.encodes else ()
            needed += steered
        return tuple(dict.fromkeys(needed))

    def workspace(self, batch: Sequence[Conditioned]) -> int:
        """The denoiser's activations, with half as much for each control; or, if larger, those of encoding the
        init images and control pictures."""
        request, model = batch[0].plan.request, self._denoiser
        folder, size = pipeline_folder(model), {"height": request.height, "width": request.width}
        work = denoising_bytes(folder, **size, rows=len(batch), bytes_each=BYTES[model.dtype])
        work += work * len(request.controls if self._controls.keys else ()) // 2
        work += lora_bytes(model, [row.plan for row in batch])
        editing = self._edits and bool(request.references)
        encoding = self._controls.encodes and bool(request.controls)
        if self._call.strength is None and not editing and not encoding:
            return work
        if editing:
            edited = {"height": EDITED_SIDE, "width": EDITED_SIDE}
            more = denoising_bytes(folder, **edited, rows=1, bytes_each=BYTES[model.dtype])
            work += more * len(request.references)  # they are read beside what is painted
            size = {name: max(side, EDITED_SIDE) for name, side in size.items()}
        each = BYTES[self._vae.dtype]
        return max(work, decoding_bytes(folder, **size, tiled=False, bytes_each=each) * len(batch))

    def run(self, batch: Sequence[Conditioned], models: Models, context: RunContext) -> list[Latents]:
        if context.batch_invariant and len(batch) > 1 and any(row.is_ragged for row in batch):
            alone = ((row, context.of_rows([i])) for i, row in enumerate(batch))
            return [each for row, its in alone for each in self.run([row], models, its)]
        part = models[self._denoiser]
        call = self._call
        start = None
        if (strength := call.strength_of(batch[0].plan)) is not None:
            if strength == 0:
                return [Latents(conditioned=row, latents=torch.zeros(1)) for row in batch]
            start = (models[self._vae], [init_image(row) for row in batch], strength)
        keys = [RowKey(row.plan.request.seed, row.plan.request.candidate) for row in batch]
        taking = None if self._referring is None else self._referring.taking(batch, models)
        editing = self._edits and bool(batch[0].plan.request.references)
        with wearing(part, self._denoiser, batch[0].plan):
            latents = part.denoise(
                [row.encoded for row in batch],
                call.call(part.family, batch),
                generators=generators(keys, self.name),
                scheduler=call.new_scheduler(part, batch[0].plan),
                on_step=context.step,
                start=start,
                steering=self._controls.steering(batch, models, self._vae),
                masks=[mask_image(row) for row in batch] if start is not None and part.kind.masks else None,
                taking=taking,
                reads=models[self._vae] if editing else None,
            )
        context.check("latents", finite_rows(latents).tolist())
        return [Latents(conditioned=row, latents=latents[i : i + 1]) for i, row in enumerate(batch)]


class DecodeStage:
    """Latents to Picture, one at a time: an autoencoder's activations are the largest of a whole chain."""

    name = "decode"
    takes = Latents
    gives = Picture

    def __init__(self, model: "ModelKey[PipelinePart]", call: PipelineCall) -> None:
        self._vae = model
        self.uses = (model,)
        self._call = call

    def workspace(self, batch: Sequence[Latents]) -> int:
        request, model = batch[0].plan.request, self._vae
        return decoding_bytes(
            pipeline_folder(model),
            height=request.height,
            width=request.width,
            tiled=self._tiled(batch[0].plan),
            bytes_each=BYTES[model.dtype],
        )

    def run(self, batch: Sequence[Latents], models: Models, context: RunContext) -> list[Picture]:
        part = models[self._vae]
        pictures: list[Picture] = []
        for i, row in enumerate(batch):
            pixels = self._pixels(row, part, context.of_rows([i]))
            pictures.append(Picture(pixels=pixels, plan=row.plan, draft=row.conditioned.draft))
            context.step(i + 1, len(batch))
        return pictures

    def _pixels(self, row: Latents, part: "PipelinePart", context: RunContext) -> torch.Tensor:
        """uint8 (h, w, 3)."""
        strength, start = self._call.strength_of(row.plan), row.plan.request.start
        if strength == 0:
            assert start is not None and start.picture is not None, "a recipe's own strength is above 0"
            return start.picture
        arguments = self._call.call(part.family, [row.conditioned])
        arguments.pop("image", None)  # it is in the latents
        shades = part.decode(row.latents, row.conditioned.encoded, arguments, tiled=self._tiled(row.plan))
        context.check("pixels", finite_rows(shades[None]).tolist())
        pixels = in_bytes(shades)
        return pixels if strength is None else within_mask(pixels, row.plan)

    def _tiled(self, plan: Plan) -> bool:
        return max(plan.request.height, plan.request.width) > self._call.tile_above
