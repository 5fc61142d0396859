"""Text-to-image pipelines of diffusers, a part at a time: text encoders, denoiser, autoencoder.

The library's own call carries out each part, with the other parts' work left out:

    encode    the call is left where it would draw the noise; what its `encode_prompt` gave is kept
    denoise   the call's `encode_prompt` gives back what was kept; it ends with latents
    decode    as before, with a scheduler that has no steps left, and those latents in place of noise

So whatever a pipeline does about its prompts, sizes and latents is done by the pipeline, and one that this file
has never heard of works too. Knows nothing of plans, drafts or the chain.
"""

import contextlib
import copy
import dataclasses
import inspect
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from ...errors import InputError
from ...stage import Lora
from ...values.control import Control
from .classes.calling import (
    Encoded,
    OnStep,
    Steps,
    accepted,
    blank,
    counting_infinities,
    decoding_in_tiles,
    on_cpu,
    picture_of,
    playing_back,
    refuse_other_size,
    row_of,
    rows_alike,
    without_pictures,
)
from .classes.kinds import Kind, kind_of
from .classes.outlines import Finished, Left, Reader
from .classes.outlines import Outline as Outline
from .classes.outlines import TextOutline as TextOutline
from .classes.trial import no_step_left, try_steps
from .control.steering import Steering
from .lora.layout import Layout
from .lora.merging import fit_to
from .lora.wearing import wearing
from .pipeline_families import Family, family_of
from .pipeline_parts import COMPONENTS
from .references.seeing import Seeing, Taking
from .texts.reading import Reading, reading

if TYPE_CHECKING:
    import PIL.Image


@dataclasses.dataclass(frozen=True, kw_only=True)
class PipelinePart:
    """A pipeline of which one part has its weights; the others are outlines.

    Args:
        pipeline: of diffusers. It is copied for each call, and so keeps no state of one.
        layout: where LoRA weights of rows can go; `None` where rows have none.
        words: the embeddings that prompts may use, see `texts.embeddings`.
    """

    pipeline: Any
    text_encoder: torch.nn.Module | None = None
    text_encoder_2: torch.nn.Module | None = None
    text_encoder_3: torch.nn.Module | None = None
    text_encoder_4: torch.nn.Module | None = None
    unet: torch.nn.Module | None = None
    transformer: torch.nn.Module | None = None
    unconditional_transformer: torch.nn.Module | None = None
    vae: torch.nn.Module | None = None
    movq: torch.nn.Module | None = None
    layout: Layout | None = None
    words: tuple[str, ...] = ()

    @contextlib.contextmanager
    def wearing(self, loras: Sequence[Lora]) -> Generator[None]:
        """While this part works, it wears LoRA weights, as far as they are for it.

        Raises:
            CheckpointError: they are for another kind of pipeline.
        """
        if not loras:
            yield
            return
        assert self.layout is not None, "a key that offers LoRAs has a layout"
        layout = self.layout
        modules = {name: getattr(self, name) for name in COMPONENTS if getattr(self, name) is not None}
        with wearing(modules, [(fit_to(layout, lora), lora) for lora in loras], self._device):
            yield

    @property
    def kind(self) -> Kind:
        return kind_of(type(self.pipeline))

    @property
    def family(self) -> Family:
        return family_of(type(self.pipeline).__name__)

    def largest_side(self) -> int | None:
        """In pixels, of what the denoiser's position embeddings reach; `None` where nothing limits it."""
        denoiser = getattr(self.pipeline, "transformer", None)
        reach = denoiser.config.get("pos_embed_max_size") if denoiser is not None else None
        if not reach or denoiser is None:
            return None
        return reach * denoiser.config["patch_size"] * self.pipeline.vae_scale_factor

    @torch.inference_mode()
    def encode(
        self,
        arguments: Mapping[str, object],
        *,
        weights: bool = True,
        seeing: Seeing | None = None,
        scheduler: Any = None,
    ) -> tuple[Encoded, Encoded]:
        """What the text encoders make of one row, and what its references are for an adapter.

        Args:
            arguments: of the library's call, as far as it takes them.
            weights: whether marks in the prompts say how strongly words count.
            seeing: the row's references, and what sees them.
            scheduler: of this call's own, where it is not the checkpoint's.
        """
        pipeline = copy.copy(self.pipeline)
        encode_prompt = pipeline.encode_prompt
        kept: list[object] = []
        arguments, read = self._read(pipeline, arguments, weights=weights)

        def keep(*args: object, **kwargs: object) -> object:
            kept.append(read(encode_prompt(*args, **kwargs)))
            return kept[-1]

        pipeline.encode_prompt = keep
        if prepare_latents := getattr(pipeline, "prepare_latents", None):

            def leave(*args: object, **kwargs: object) -> object:
                refuse_other_size(prepare_latents, args, kwargs, arguments)
                if not kept or seeing is not None:  # a few draw their noise before they read, or see
                    return prepare_latents(*args, **kwargs)
                raise Left

            pipeline.prepare_latents = leave
        vars(pipeline)["scheduler"] = scheduler or copy.copy(pipeline.scheduler)
        call = {**self._blank(arguments), "generator": [torch.Generator()]}
        seen: list[object] = []
        if seeing is not None:
            seen = seeing.recorded(pipeline)
            call["ip_adapter_image"] = list(seeing.pictures)
        with contextlib.suppress(Left):
            pipeline(**accepted(pipeline, call))
        return tuple(on_cpu(each) for each in kept), tuple(on_cpu(each) for each in seen)

    @torch.inference_mode()
    def rehearse(self, arguments: Mapping[str, object], scheduler: Any) -> None:
        """The library's call up to its first step, of text encoders without weights, for what fails on the way:
        a tokenizer that does not do what is asked of it, an argument that the library stumbles over, a
        scheduler that is not told what it must know."""
        pipeline = copy.copy(self.pipeline)
        arguments, _ = self._read(pipeline, arguments, weights=False)
        vars(pipeline)["scheduler"] = scheduler
        call = {**self._blank(arguments), "generator": [torch.Generator()]}
        try:
            with contextlib.suppress(Left, NotImplementedError):
                pipeline(**accepted(pipeline, call))
        except RuntimeError as error:
            if "meta" not in str(error):  # else it asked a tensor without numbers for some
                raise

    def try_steps(
        self,
        arguments: Mapping[str, object],
        scheduler: Any,
        *,
        strength: float | None = None,
        controls: Sequence[Control] = (),
    ) -> None:
        """Raise `InputError` where a scheduler, of this trial's own, cannot go the steps of a call, or none is
        left at this strength or for one of the controls."""
        kind = type(self.pipeline)
        if strength is not None and not self.kind.starts_from_picture:
            kind = self._kind_from_picture
        try_steps(self.pipeline, kind, scheduler, arguments, strength=strength, controls=controls)

    def _read(self, pipeline: Any, arguments: Mapping[str, Any], *, weights: bool) -> Reading:
        return reading(pipeline, arguments, words=self.words, weights=weights, weighs=self.family.weighs)

    @torch.inference_mode()
    def denoise(
        self,
        encoded: Sequence[Encoded],
        arguments: Mapping[str, object],
        *,
        generators: Sequence[torch.Generator],
        scheduler: Any,
        on_step: OnStep,
        start: "tuple[PipelinePart, Sequence[PIL.Image.Image], float] | None" = None,
        masks: "Sequence[PIL.Image.Image] | None" = None,
        steering: Steering | None = None,
        taking: Taking | None = None,
        reads: "PipelinePart | None" = None,
    ) -> torch.Tensor:
        """Latents (b, …) on the CPU, of whatever layout the pipeline has.

        Args:
            encoded: one for each row, from `encode` with the same arguments.
            generators: one for each row, on the CPU: of all noise that is drawn for it.
            scheduler: of this call's own; see `new_scheduler`.
            start: the autoencoder, a picture for each row, and its strength, 0 to 1.
            masks: white where each may change, for a pipeline that reads such.
            steering: what the rows' structure follows.
            taking: what each row's references are for an adapter, which the denoiser wears meanwhile.
            reads: the autoencoder, for a pipeline that edits the pictures among its arguments.
        """
        together = rows_alike(encoded) and not self.kind.one_text and reads is None
        if len(encoded) > 1 and not together:
            others: dict[str, Any] = {"start": start, "masks": masks, "taking": taking, "reads": reads}
            others["steering"] = steering
            return self._one_by_one(encoded, arguments, generators, scheduler, on_step, **others)
        pipeline = copy.copy(self.pipeline)
        call = dict(arguments)
        if reads is not None:
            vars(pipeline)["vae"] = Reader(reads.vae)
        if start is not None:
            autoencoder, pictures, strength = start
            pipeline = self._image_to_image(autoencoder)
            call |= {"image": list(pictures), "strength": strength}
            call |= {"mask_image": list(masks)} if masks else {}
        if steering is not None:
            pipeline, more = steering.over(pipeline, self._dtype, from_picture=start is not None)
            call |= more
        vars(pipeline)["scheduler"] = scheduler
        pipeline.encode_prompt = playing_back(encoded, self._device)
        call |= {"generator": list(generators), "output_type": "latent"}
        steps = Steps(scheduler, on_step)
        with contextlib.ExitStack() as worn:
            if taking is not None:
                worn.enter_context(taking.worn_by(self.unet or self.transformer))
                call |= taking.played_back(pipeline, self._device)
            pipeline(**accepted(pipeline, call | steps.arguments(pipeline)))
        if steps.latents is None:
            strength = None if start is None else start[2]
            raise InputError(no_step_left(strength, arguments.get("num_inference_steps", "so few")))
        return steps.latents.cpu()

    def _one_by_one(
        self,
        encoded: Sequence[Encoded],
        arguments: Mapping[str, object],
        generators: Sequence[torch.Generator],
        scheduler: Any,
        on_step: OnStep,
        *,
        start: "tuple[PipelinePart, Sequence[PIL.Image.Image], float] | None",
        masks: "Sequence[PIL.Image.Image] | None",
        steering: Steering | None,
        taking: Taking | None,
        reads: "PipelinePart | None",
    ) -> torch.Tensor:
        """As `denoise`, for rows that this pipeline cannot take together."""
        count = len(encoded)
        rows: list[torch.Tensor] = []
        for i in range(count):
            rows.append(
                self.denoise(
                    encoded[i : i + 1],
                    row_of(arguments, i),
                    generators=generators[i : i + 1],
                    scheduler=copy.deepcopy(scheduler),
                    on_step=lambda step, of, i=i: on_step(i * of + step, count * of),
                    start=start and (start[0], start[1][i : i + 1], start[2]),
                    masks=masks and masks[i : i + 1],
                    steering=steering and steering.of_row(i),
                    taking=taking and taking.of_row(i),
                    reads=reads,
                )
            )
        return torch.cat(rows)

    @torch.inference_mode()
    def decode(
        self, latents: torch.Tensor, encoded: Encoded, arguments: Mapping[str, object], *, tiled: bool = False
    ) -> torch.Tensor:
        """One row's latents (1, …) to its picture, float32 on the CPU (height, width, 3), 0 to 1; NaN where the
        autoencoder gave something that is no number.

        Args:
            tiled: decode a part of the picture at a time.

        Raises:
            InputError: this pipeline does not decode what its loop ends with.
        """
        vae: Any = self.vae if self.movq is None else self.movq
        assert vae is not None, "the autoencoder's part decodes"
        pipeline = copy.copy(self.pipeline)
        finished = latents.to(self._device, vae.dtype)
        call = {**self._blank(arguments), "generator": [torch.Generator()], "output_type": "np"}
        if prepare_latents := getattr(pipeline, "prepare_latents", None):

            def give_back(*args: object, **kwargs: object) -> object:
                if self.kind.starts_from_picture:  # it takes no noise without one
                    drawn = prepare_latents(*args, **kwargs)
                else:
                    drawn = prepare_latents(**without_pictures(prepare_latents, args, kwargs))
                return (finished, *drawn[1:]) if isinstance(drawn, tuple) else finished

            pipeline.prepare_latents = give_back
        else:
            call["latents"] = finished
        pipeline.encode_prompt = playing_back([encoded], self._device)
        vars(pipeline)["scheduler"] = Finished(pipeline.scheduler)
        try:
            with decoding_in_tiles(vae, tiled):
                return _painted(pipeline, call, vae)
        except (NameError, AttributeError) as error:  # what a loop without steps leaves unsaid
            name = type(pipeline).__name__
            raise InputError(f"{name} has no phases ({error}): set phases = false in the recipe") from error

    def joined(self, others: "Sequence[PipelinePart]") -> "PipelinePart":
        """The same pipeline, with the weights of its other parts too."""
        modules = {
            name: module
            for each in (self, *others)
            for name in COMPONENTS
            if (module := getattr(each, name)) is not None
        }
        pipeline = copy.copy(self.pipeline)
        vars(pipeline).update(modules)
        return PipelinePart(pipeline=pipeline, layout=self.layout, words=self.words, **modules)

    @torch.inference_mode()
    def paint(
        self,
        arguments: Mapping[str, object],
        *,
        generator: torch.Generator,
        scheduler: Any,
        on_step: OnStep,
        weights: bool = True,
    ) -> torch.Tensor:
        """One row's picture at one go, by a pipeline whose parts are `joined`; as `decode` gives it."""
        pipeline = copy.copy(self.pipeline)
        encode_prompt = pipeline.encode_prompt
        arguments, read = self._read(pipeline, arguments, weights=weights)
        pipeline.encode_prompt = lambda *args, **kwargs: read(encode_prompt(*args, **kwargs))
        vars(pipeline)["scheduler"] = scheduler
        call = {**arguments, "generator": [generator], "output_type": "np"}
        call |= Steps(scheduler, on_step).arguments(pipeline)
        return _painted(pipeline, call, getattr(pipeline, "vae", None) or getattr(pipeline, "movq", None))

    @property
    def _device(self) -> torch.device:
        return self.pipeline.device

    @property
    def _dtype(self) -> torch.dtype:
        return (self.unet or self.transformer).dtype  # pyright: ignore

    @property
    def _kind_from_picture(self) -> Any:
        import diffusers

        return getattr(diffusers, self.family.image_to_image)

    def _blank(self, arguments: Mapping[str, object]) -> dict[str, object]:
        """With a picture and a mask for a pipeline that cannot do without, where they do not matter."""
        return {
            **(blank(arguments) if self.kind.starts_from_picture or self.family.must_edit else {}),
            **arguments,
        }

    def _image_to_image(self, autoencoder: "PipelinePart") -> Any:
        """The pipeline that starts from a picture, of the same components."""
        if self.kind.starts_from_picture:
            pipeline = copy.copy(self.pipeline)
            vars(pipeline)["vae"] = Reader(autoencoder.vae)
            return pipeline
        kind = self._kind_from_picture
        wanted = inspect.signature(kind.__init__).parameters
        parts = {name: value for name, value in self.pipeline.components.items() if name in wanted}
        others = {"requires_safety_checker": False} if "requires_safety_checker" in wanted else {}
        pipeline = kind(**{**parts, "vae": autoencoder.vae}, **others)
        vars(pipeline)["vae"] = Reader(autoencoder.vae)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline


def _painted(pipeline: Any, call: Mapping[str, object], decoder: Any) -> torch.Tensor:
    """The picture of a call, as `PipelinePart.decode` gives it."""
    with counting_infinities(decoder) as infinities:
        picture = picture_of(pipeline(**accepted(pipeline, call)))
    return torch.full_like(picture, torch.nan) if infinities() else picture
