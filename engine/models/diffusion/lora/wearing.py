"""LoRA weights that a pipeline wears for some of its work, and puts off again: nothing of its own is changed.

Each layer that is changed adds to what it gives, as it is called. So weights that are streamed, shared or
quantised stay as they are, and to put the LoRA off is to take the additions away.
"""

import contextlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from ....errors import CheckpointError, InputError
from ....stage import Lora
from .fitting import Change, Fitted
from .merging import is_plain

Add = Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]
"""What a layer adds to what it gives, of the layer and what it was given."""


@contextlib.contextmanager
def wearing(
    modules: Mapping[str, Any], worn: Iterable[tuple[Fitted, Lora]], device: torch.device
) -> Generator[None]:
    """While these modules, components of a pipeline, work, they wear LoRA weights.

    Args:
        worn: where everything in a file goes, and how strongly.

    Raises:
        CheckpointError: a layer is of no kind that can.
    """
    adds: dict[tuple[str, str], list[Add]] = {}
    for fitted, lora in worn:
        for (component, path), changes in fitted.items():
            if (module := modules.get(component)) is not None:
                layer = module.get_submodule(path)
                where = f"{lora.checkpoint}: {component}.{path}"
                for change in changes:
                    adds.setdefault((component, path), []).append(
                        _addition(layer, change, lora.weight, device, where)
                    )
    hooks: list[torch.utils.hooks.RemovableHandle] = []
    try:
        for (component, path), some in adds.items():
            layer = modules[component].get_submodule(path)
            # before what lets go of a streamed layer's weights, which were there from the beginning
            hooks.append(layer.register_forward_hook(_adding(some), prepend=True))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _adding(adds: Sequence[Add]) -> Callable[..., torch.Tensor]:
    def hook(layer: torch.nn.Module, given: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        for add in adds:
            output = output + add(layer, given[0]).to(output.dtype)
        return output

    return hook


def _addition(layer: torch.nn.Module, change: Change, strength: float, device: torch.device, where: str) -> Add:
    is_conv = isinstance(layer, torch.nn.Conv2d)
    if is_conv and (layer.groups != 1 or layer.padding_mode != "zeros"):
        raise CheckpointError(f"{where}: rows cannot put on LoRA weights of such a convolution")
    if not is_conv and not isinstance(getattr(layer, "in_features", None), int):
        raise CheckpointError(
            f"{where}: is a {type(layer).__name__}: rows cannot put on LoRA weights of it: name them without"
            f" a name"
            " in the recipe, so that they are merged"
        )
    if change.layer.is_low_rank:
        return _two_small(change, strength, device)
    return _dense(change, strength, device, where)


def _two_small(change: Change, strength: float, device: torch.device) -> Add:
    """Down to the rank, and up again; brought to the device when they are first called, in the dtype of the
    work."""
    parts, bias = change.layer.parts, _bias(change, strength, device)
    ready: dict[torch.dtype, tuple[torch.Tensor, torch.Tensor]] = {}

    def add(layer: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        if x.dtype not in ready:
            up = parts["up"].flatten(1)
            up = (up if change.rows is None else up[change.rows]).float() * (change.layer.factor * strength)
            ready[x.dtype] = (parts["down"].to(device, x.dtype), up.to(device, x.dtype))
        narrow, wide = ready[x.dtype]
        if isinstance(layer, torch.nn.Conv2d):
            small = F.conv2d(x, narrow.reshape(-1, *layer.weight.shape[1:]), None, *_steps(layer))
            made = F.conv2d(small, wide[..., None, None])
            return made if bias is None else made + bias[:, None, None].to(x.dtype)
        made = F.linear(F.linear(x, narrow.flatten(1)), wide)
        return made if bias is None else made + bias.to(x.dtype)

    return add


def _dense(change: Change, strength: float, device: torch.device, where: str) -> Add:
    """As one layer beside the layer's own; made of it when it is first called, as DoRA looks at its weight."""
    bias = _bias(change, strength, device)
    ready: dict[torch.dtype, torch.Tensor] = {}

    def add(layer: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        if x.dtype not in ready:
            weight: torch.Tensor = layer.weight  # pyright: ignore[reportAssignmentType]
            if not is_plain(weight) and change.layer.has_lengths:
                raise InputError(  # of this row: a streamed weight is not there any sooner
                    f"{where}: DoRA looks at the weights that it changes, and these are quantised: take the"
                    " model with plain weights"
                )
            like = weight if is_plain(weight) else torch.empty(_sides(layer), device=x.device)
            made = change.layer.change(like, strength, change.rows)
            ready[x.dtype] = torch.zeros_like(like, dtype=x.dtype) if made is None else made.to(x.dtype)
        if isinstance(layer, torch.nn.Conv2d):
            made = F.conv2d(x, ready[x.dtype], None, *_steps(layer))
            return made if bias is None else made + bias[:, None, None].to(x.dtype)
        made = F.linear(x, ready[x.dtype])
        return made if bias is None else made + bias.to(x.dtype)

    return add


def _bias(change: Change, strength: float, device: torch.device) -> torch.Tensor | None:
    shift = change.layer.bias
    if shift is None:
        return None
    return ((shift if change.rows is None else shift[change.rows]) * strength).to(device)


def _steps(layer: torch.nn.Conv2d) -> tuple[Any, Any, Any]:
    return layer.stride, layer.padding, layer.dilation


def _sides(layer: Any) -> tuple[int, int]:
    return layer.out_features, layer.in_features
