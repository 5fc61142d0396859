"""LoRA weights merged into those of a pipeline as it is loaded: they cost nothing while it runs; the price is
that the host keeps a copy of what was changed, which is no file's any more."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import torch

from ....errors import CheckpointError
from ....stage import Lora
from .file import read_lora
from .fitting import Change, Fitted, fit
from .layout import Layout


def merge_loras(
    layout: Layout, modules: Mapping[str, Any], loras: Iterable[Lora], *, quantised: Collection[str] = ()
) -> None:
    """Add LoRA weights to those of `modules`, which are components of a pipeline; outlines stay as they are.

    Args:
        quantised: the components whose weights are so in their files, which neither outlines show nor modules
            that were made whole.

    Raises:
        CheckpointError: a file is missing or damaged, is not for this kind of pipeline, or is for weights that
            are quantised.
    """
    fitted = [(fit_to(layout, lora), lora) for lora in loras]
    changes: dict[tuple[str, str], list[tuple[Change, float]]] = {}
    for each, lora in fitted:
        for place, some in each.items():
            changes.setdefault(place, []).extend((change, lora.weight) for change in some)
    for (component, path), some in changes.items():
        module = modules.get(component)
        if module is not None:
            layer = module.get_submodule(path)
            if component in quantised or not is_plain(layer.weight):
                raise CheckpointError(
                    f"{_names(fitted, component)}: LoRA weights cannot be merged into the {component}, which is"
                    " quantised: give them a name in the recipe, and ask for it in rows; or name the same model"
                    ' with plain weights, and say quantize = "int8", which is done after merging'
                )
            _merge(layer, some)


def fit_to(layout: Layout, lora: Lora) -> Fitted:
    """Where everything in a file goes; errors as `fit`."""
    if not hasattr(layout.kind, "lora_state_dict"):
        raise CheckpointError(f"{lora.checkpoint}: {layout.name} takes no LoRA weights: leave them out")
    return fit(read_lora(lora.checkpoint), layout, partial=lora.partial)


def _names(fitted: Iterable[tuple[Fitted, Lora]], component: str) -> str:
    """The files that change a component."""
    return ", ".join(lora.checkpoint for each, lora in fitted if any(place[0] == component for place in each))


def _merge(layer: torch.nn.Module, changes: Iterable[tuple[Change, float]]) -> None:
    weight: torch.Tensor = layer.weight  # pyright: ignore[reportAssignmentType]
    if weight.is_meta:
        return
    base, more = weight.detach(), weight.detach().float()
    bias = getattr(layer, "bias", None)
    for change, strength in changes:
        added = change.layer.change(base, strength, change.rows)
        more = more if added is None else more + added
        if (shift := change.layer.bias) is not None and bias is not None:
            shift = shift if change.rows is None else shift[change.rows]
            bias = torch.nn.Parameter((bias.float() + shift * strength).to(bias.dtype), requires_grad=False)
    layer.weight = torch.nn.Parameter(more.to(weight.dtype), requires_grad=False)
    if bias is not None:
        layer.bias = bias


def is_plain(weight: torch.Tensor) -> bool:
    """Whether a weight is numbers as they are, not quantised ones."""
    return type(weight) in (torch.nn.Parameter, torch.Tensor) and weight.dtype in (
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.float64,
    )
