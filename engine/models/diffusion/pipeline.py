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
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from ...errors import InputError
from ...language.words.prompt_weights import plain_text, without_said_weights
from ...stage import Lora
from .lora.layout import Layout
from .lora.merging import fit_to
from .lora.wearing import wearing
from .pipeline_families import ALWAYS, Family, family_of
from .pipeline_parts import COMPONENTS
from .texts.embeddings import spelt
from .texts.weighting import needs, weighted, with_words

if TYPE_CHECKING:
    import PIL.Image

Encoded = tuple[object, ...]
"""What each call of a pipeline's `encode_prompt` gave for one row, in order: tensors whose first axis is rows
(or which are the same for all rows), lists of tensors with one for each row, and `None`s; on the CPU."""

OnStep = Callable[[int, int], None]
"""Called with `i` and `n` when step i of n, from 1, is done. May raise to stop."""


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
    unet: torch.nn.Module | None = None
    transformer: torch.nn.Module | None = None
    vae: torch.nn.Module | None = None
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
    def encode(self, arguments: Mapping[str, object], *, weights: bool = True) -> Encoded:
        """What the text encoders make of one row.

        Args:
            arguments: of the library's call, as far as it takes them.
            weights: whether marks in the prompts say how strongly words count.
        """
        pipeline = copy.copy(self.pipeline)
        encode_prompt = pipeline.encode_prompt
        kept: list[object] = []
        arguments, read = self._read(pipeline, arguments, weights=weights)

        def keep(*args: object, **kwargs: object) -> object:
            kept.append(read(encode_prompt(*args, **kwargs)))
            return kept[-1]

        def leave(*_: object, **__: object) -> None:
            raise _Left

        pipeline.encode_prompt, pipeline.prepare_latents = keep, leave
        with contextlib.suppress(_Left):
            pipeline(**_accepted(pipeline, arguments))
        return tuple(_on_cpu(each) for each in kept)

    def _read(
        self, pipeline: Any, arguments: Mapping[str, Any], *, weights: bool
    ) -> tuple[Mapping[str, Any], Callable[[Any], Any]]:
        """The arguments with what the text encoders are to read, and what is to be done with what they gave."""
        written = with_words(arguments, lambda text: spelt(text, self.words))
        if not weights:
            return written, lambda encoding: encoding
        if not self.family.weighs:
            return with_words(written, without_said_weights), lambda encoding: encoding
        plain = with_words(written, plain_text)
        if not needs(pipeline, written):
            return plain, lambda encoding: encoding
        return plain, lambda encoding: weighted(pipeline, encoding, written)

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
    ) -> torch.Tensor:
        """Latents (b, …) on the CPU, of whatever layout the pipeline has.

        Args:
            encoded: one for each row, from `encode` with the same arguments.
            generators: one for each row, on the CPU: of all noise that is drawn for it.
            scheduler: of this call's own; see `new_scheduler`.
            start: the autoencoder, a picture for each row, and its strength, 0 to 1.
        """
        pipeline = copy.copy(self.pipeline)
        call = dict(arguments)
        if start is not None:
            autoencoder, pictures, strength = start
            pipeline = self._image_to_image(autoencoder)
            call |= {"image": list(pictures), "strength": strength}
        vars(pipeline)["scheduler"] = scheduler
        pipeline.encode_prompt = _playing_back(encoded, self._device)
        call |= {"generator": list(generators), "output_type": "latent"}
        steps = _Steps(scheduler, on_step)
        pipeline(**_accepted(pipeline, call | steps.arguments(pipeline)))
        if steps.latents is None:
            raise InputError("so small a strength of so few steps leaves none to paint: raise one of them")
        return steps.latents.cpu()

    @torch.inference_mode()
    def decode(
        self, latents: torch.Tensor, encoded: Encoded, arguments: Mapping[str, object], *, tiled: bool = False
    ) -> torch.Tensor:
        """One row's latents (1, …) to its picture, float32 on the CPU (height, width, 3), 0 to 1.

        Args:
            tiled: decode a part of the picture at a time.

        Raises:
            InputError: this pipeline does not decode what its loop ends with.
        """
        assert self.vae is not None, "the autoencoder's part decodes"
        pipeline = copy.copy(self.pipeline)
        prepare_latents = pipeline.prepare_latents
        vae: Any = self.vae
        finished = latents.to(self._device, vae.dtype)

        def give_back(*args: object, **kwargs: object) -> object:
            drawn = prepare_latents(*args, **kwargs)
            return (finished, *drawn[1:]) if isinstance(drawn, tuple) else finished

        pipeline.encode_prompt = _playing_back([encoded], self._device)
        pipeline.prepare_latents = give_back
        vars(pipeline)["scheduler"] = _Finished(pipeline.scheduler)
        call = {**arguments, "generator": [torch.Generator()], "output_type": "np"}
        try:
            with _tiles(self.vae, tiled):
                (picture,) = pipeline(**_accepted(pipeline, call)).images
        except (NameError, AttributeError) as error:  # what a loop without steps leaves unsaid
            name = type(pipeline).__name__
            raise InputError(f"{name} has no phases ({error}): set phases = false in the recipe") from error
        return torch.from_numpy(picture).float()

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
        call |= _Steps(scheduler, on_step).arguments(pipeline)
        (picture,) = pipeline(**_accepted(pipeline, call)).images
        return torch.from_numpy(picture).float()

    @property
    def _device(self) -> torch.device:
        return self.pipeline.device

    def _image_to_image(self, autoencoder: "PipelinePart") -> Any:
        """The pipeline that starts from a picture, of the same components."""
        import diffusers

        kind = getattr(diffusers, self.family.image_to_image)
        wanted = inspect.signature(kind.__init__).parameters
        parts = {name: value for name, value in self.pipeline.components.items() if name in wanted}
        others = {"requires_safety_checker": False} if "requires_safety_checker" in wanted else {}
        pipeline = kind(**{**parts, "vae": autoencoder.vae}, **others)
        vars(pipeline)["vae"] = _Reader(autoencoder.vae)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline


class _Left(Exception):
    """A library's call was left half-way, on purpose."""


class Outline:
    """Stands for a component whose weights are not here, for all that a pipeline asks of it but to be called.

    Args:
        component: on the meta device; hidden from the pipeline, which looks to its modules for the device.
    """

    def __init__(self, component: Any, dtype: torch.dtype) -> None:
        self._component = component
        self.dtype = dtype
        if statistics := getattr(component, "bn", None):  # FLUX.2's calls undo a norm on their way to decoding
            self.bn = torch.nn.BatchNorm2d(statistics.num_features, affine=False, eps=0.0).eval()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._component, name)


class _Reader:
    """An autoencoder as pipelines call it that begin with a picture: whatever their dtype is, it works in its
    own, and is not cast to another for a while, as some would, for others share it."""

    def __init__(self, vae: Any) -> None:
        self._vae = vae

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vae, name)

    def to(self, *_: object, **__: object) -> "_Reader":
        return self

    def encode(self, pixels: torch.Tensor) -> object:
        found = self._vae.encode(pixels.to(self._vae.dtype))
        spread = found.latent_dist
        found.latent_dist = type(spread)(spread.parameters.to(pixels.dtype))
        return found


class _Finished:
    """A scheduler whose run is over: no step is left."""

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self.timesteps = torch.empty(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scheduler, name)

    def set_timesteps(
        self,
        num_inference_steps: int = 0,
        device: object = None,
        timesteps: object = None,
        sigmas: object = None,
        **_: object,
    ) -> None:
        return None

    def set_begin_index(self, begin_index: int = 0) -> None:
        return None


def _accepted(pipeline: object, arguments: Mapping[str, object]) -> dict[str, object]:
    """Those of the arguments that the pipeline's call takes, and `ALWAYS`."""
    taken = inspect.signature(type(pipeline).__call__).parameters
    return {name: value for name, value in {**ALWAYS, **arguments}.items() if name in taken}


class _Steps:
    """Follows a pipeline's loop, step by step; keeps the latents as the last step left them, before anything
    that the call does with them on the way out."""

    def __init__(self, scheduler: Any, on_step: OnStep) -> None:
        self._scheduler, self._on_step = scheduler, on_step
        self.latents: torch.Tensor | None = None

    def arguments(self, pipeline: object) -> dict[str, object]:
        """Those of the pipeline's call that let it tell of its steps; some older ones call them otherwise."""
        if "callback_on_step_end" in inspect.signature(type(pipeline).__call__).parameters:
            return {"callback_on_step_end": self._at_end}
        return {"callback": self._after, "callback_steps": 1}

    def _at_end(self, pipeline: Any, i: int, _: object, kept: dict[str, Any]) -> dict[str, Any]:
        self._note(i, kept["latents"], pipeline.num_timesteps)
        return kept

    def _after(self, i: int, _: object, latents: torch.Tensor) -> None:
        self._note(i, latents, 0)

    def _note(self, i: int, latents: torch.Tensor, count: int) -> None:
        self.latents = latents
        self._on_step(i + 1, max(i + 1, count or len(self._scheduler.timesteps)))


def _playing_back(encoded: Sequence[Encoded], device: torch.device) -> Callable[..., object]:
    """An `encode_prompt` that gives what was kept of these rows, call by call."""
    calls: Iterator[object] = iter([_together(each, device) for each in zip(*encoded, strict=True)])
    return lambda *_, **__: next(calls)


def _together(rows: Sequence[Any], device: torch.device) -> object:
    """What `encode_prompt` would have given for these rows at once."""
    first = rows[0]
    if isinstance(first, torch.Tensor):
        return (torch.cat(list(rows)) if first.shape[0] == 1 else first).to(device)
    if isinstance(first, tuple):
        return tuple(_together(each, device) for each in zip(*rows, strict=True))
    if isinstance(first, list):
        return [item.to(device) for row in rows for item in row]
    return first


def _on_cpu(value: object) -> object:
    if isinstance(value, torch.Tensor):
        return value.cpu()
    if isinstance(value, tuple | list):
        return type(value)(_on_cpu(each) for each in value)
    return value


@contextlib.contextmanager
def _tiles(vae: Any, wanted: bool) -> Generator[None]:
    if not wanted or not hasattr(vae, "enable_tiling"):
        yield
        return
    vae.enable_tiling()
    try:
        yield
    finally:
        vae.disable_tiling()
