"""Where LoRA weights can go in a pipeline: the layers of its denoiser and text encoders, with their shapes."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import torch

from ..pipeline_parts import COMPONENTS, DENOISER, TEXT

Place = tuple[str, str]
"""A component of the pipeline, and the path of a layer in it."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """The layers of a pipeline.

    Args:
        kind: the pipeline's class, which knows names of other tools.
        components: the shape of each layer's weight by its path, by the component's name; the denoiser first.
        unet_config: of a pipeline with a U-Net.
        fitted: what was held to it before; see `fitting`.
    """

    kind: Any
    components: Mapping[str, Mapping[str, tuple[int, ...]]]
    unet_config: Any = None
    fitted: dict[Any, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, pipeline: Any) -> "Layout":
        """That of a pipeline whose components may be outlines."""
        parts = {name: getattr(pipeline, name, None) for name in COMPONENTS}
        modules = {name: part for name, part in parts.items() if isinstance(part, torch.nn.Module)}
        ordered = sorted((name for name in modules if COMPONENTS[name] in (TEXT, DENOISER)), key=_rank)
        return cls(
            kind=type(pipeline),
            components={name: _layers(modules[name]) for name in ordered},
            unet_config=getattr(modules.get("unet"), "config", None),
        )

    @property
    def name(self) -> str:
        return self.kind.__name__

    @property
    def denoiser(self) -> str:
        """The name of that component."""
        return next((name for name in self.components if COMPONENTS[name] == DENOISER), "")

    @property
    def text_encoders(self) -> tuple[str, ...]:
        return tuple(name for name in self.components if COMPONENTS[name] == TEXT)

    def shape_at(self, place: Place) -> tuple[int, ...]:
        component, path = place
        return self.components[component][path]

    @functools.cached_property
    def spellings(self) -> Mapping[str, Mapping[str, str]]:
        """The paths of each component by the ways in which files spell them: with dots or with underscores, and
        with or without the `text_model` that some classes of CLIP have around all else."""
        found: dict[str, dict[str, str]] = {}
        for component, layers in self.components.items():
            names: dict[str, str] = {}
            for path in layers:
                bare = path.removeprefix("text_model.")
                for spelt in (path, bare, f"text_model.{bare}") if component in self.text_encoders else (path,):
                    names.setdefault(spelt, path)
                    names.setdefault(spelt.replace(".", "_"), path)
            found[component] = names
        return found


def _rank(component: str) -> tuple[bool, str]:
    return COMPONENTS[component] != DENOISER, component


def _layers(module: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for path, part in module.named_modules():
        weight = part._parameters.get("weight")  # pyright: ignore[reportPrivateUsage]
        if weight is None or not path:
            continue
        sides = (getattr(part, "out_features", None), getattr(part, "in_features", None))
        found[path] = sides if all(isinstance(side, int) for side in sides) else tuple(weight.shape)  # pyright: ignore[reportArgumentType]
    return found
