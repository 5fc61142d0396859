"""One call's controls: the pipeline of the library that is steered by them, and the arguments of its call."""

import copy
import dataclasses
import inspect
from collections.abc import Sequence
from typing import Any

import torch

from .classes import component_of, steering_class
from .loading import ControlModel


@dataclasses.dataclass(frozen=True, kw_only=True)
class Steering:
    """What steers the rows of a call.

    Args:
        models: of each control.
        pictures: for each control those of the rows, float32 (b, 3, h, w) on the CPU, 0 to 1.
        weights, starts, stops, modes: one for each control; see `values.Control` and `control.key.ControlKey`.
        vae: the autoencoder, for pipelines that encode control pictures by it.
    """

    models: Sequence[ControlModel]
    pictures: Sequence[torch.Tensor]
    weights: Sequence[float]
    starts: Sequence[float]
    stops: Sequence[float]
    modes: Sequence[int | None]
    vae: Any = None

    def of_row(self, i: int) -> "Steering":
        """The same for one of the rows."""
        return dataclasses.replace(self, pictures=[each[i : i + 1] for each in self.pictures])

    def over(self, pipeline: Any, dtype: torch.dtype, *, from_picture: bool) -> tuple[Any, dict[str, object]]:
        """The pipeline that is steered, of the same components; and what its call is given beside.

        Args:
            pipeline: that it is made of.
            dtype: of its denoiser.
            from_picture: whether the call starts from a picture.
        """
        models = [_apart(each.control) for each in self.models]
        name = type(pipeline).__name__
        # a pipeline that starts from a picture is steered by a class of the same stem
        stem = name.replace("Img2Img", "") if from_picture else name
        kind = steering_class(stem, type(models[0]).__name__, from_picture=from_picture)
        assert kind is not None, "recipes are held to this"
        given = pipeline
        if self.vae is not None:
            given = copy.copy(pipeline)
            vars(given)["vae"] = self.vae
        steered = _made(kind, given, models)
        if self.vae is not None:
            vars(steered)["vae"] = _Encoder(self.vae, dtype)
        return steered, self._arguments(kind)

    def _arguments(self, kind: Any) -> dict[str, object]:
        taken = inspect.signature(kind.__call__).parameters
        several = len(self.models) > 1
        listed = several or ("control_mode" in taken and "Union" in kind.__name__)
        image = "control_image" if "control_image" in taken else "image"

        def each(values: Sequence[Any]) -> Any:
            return list(values) if several else values[0]

        call: dict[str, object] = {
            image: list(self.pictures) if listed else self.pictures[0],
            f"{component_of(kind)}_conditioning_scale": each(self.weights),
        }
        if "control_guidance_start" in taken:
            call |= {"control_guidance_start": each(self.starts), "control_guidance_end": each(self.stops)}
        if "control_mode" in taken and any(mode is not None for mode in self.modes):
            call["control_mode"] = list(self.modes) if listed else self.modes[0]
        return call


def needs_autoencoder(denoiser: str) -> bool:
    """Whether pipelines with this denoiser encode their control pictures: all but those of a U-Net do."""
    return denoiser != "unet"


def _made(kind: Any, pipeline: Any, models: Sequence[Any]) -> Any:
    """A pipeline of this class, of another's components and these controls."""
    wanted = inspect.signature(kind.__init__).parameters
    parts = {name: value for name, value in pipeline.components.items() if name in wanted}
    parts[component_of(kind)] = list(models) if len(models) > 1 else models[0]
    others = {"requires_safety_checker": False} if "requires_safety_checker" in wanted else {}
    for name, each in wanted.items():
        if name != "self" and name not in {**parts, **others} and each.default is inspect.Parameter.empty:
            parts[name] = None
    made = kind(**parts, **others)
    made.set_progress_bar_config(disable=True)
    return made


def _apart(model: Any) -> Any:
    """The same modules in a control of its own: some pipelines hang parts of the denoiser on it."""
    own = copy.copy(model)
    for name in ("_modules", "_parameters", "_buffers"):
        vars(own)[name] = dict(vars(model)[name])
    return own


class _Encoder:
    """An autoencoder as pipelines encode control pictures by it: in its own numbers, whatever theirs are. Where
    a call draws without saying from what, the mean is taken, so that a row is the same each time."""

    def __init__(self, vae: Any, dtype: torch.dtype) -> None:
        self._vae = vae
        self.dtype = dtype

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vae, name)

    def to(self, *_: object, **__: object) -> "_Encoder":
        return self

    def encode(self, pixels: torch.Tensor) -> Any:
        found = self._vae.encode(pixels.to(self._vae.dtype))
        if hasattr(found, "latent_dist"):
            spread = found.latent_dist
            found.latent_dist = _Spread(type(spread)(spread.parameters.to(pixels.dtype)))
        return found


class _Spread:
    """A spread of latents, whose mean is taken where nothing is drawn from."""

    def __init__(self, spread: Any) -> None:
        self._spread = spread

    def __getattr__(self, name: str) -> Any:
        return getattr(self._spread, name)

    def sample(self, generator: Any = None) -> torch.Tensor:
        return self._spread.mode() if generator is None else self._spread.sample(generator)
