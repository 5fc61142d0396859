"""Weights of linear layers in fewer bits, made so when a model is loaded (a recipe's `quantize`), by torchao.

    int8    whole numbers, and a scale for each row of a matrix
    fp8     eight-bit floats (e4m3), and a scale for each row

Products are those of the model's dtype: a layer's weights are whole while it works. So the pictures are nearly
those of the whole weights, memory is saved, and time is not.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any

import torch

from ...errors import CheckpointError, InputError

_BESIDE: Mapping[str, int] = {"int8": 5, "fp8": 4}
"""Bytes of a row beside its numbers: the scale in float32, and a zero point."""


def require_torchao(where: str) -> None:
    """Raise `InputError` where torchao is not installed.

    Args:
        where: who wants it, for the message.
    """
    if importlib.util.find_spec("torchao") is None:
        raise InputError(f"{where}: quantize needs torchao: pip install 'diptych[torchao]'")


def quantise(modules: Mapping[str, torch.nn.Module], how: str, where: str) -> None:
    """Let the linear layers of some modules have weights of fewer bits, one layer after the other.

    Args:
        modules: of one model, by what its handle calls them.
        how: one of `words.WORDS`.
        where: the model's folder, for messages.

    Raises:
        CheckpointError: there is no layer for which that is of use, or one has numbers of fewer bits already.
        InputError: torchao is not installed.
    """
    require_torchao(where)
    chosen = {name: _linear_layers(module, how) for name, module in modules.items()}
    _refuse(modules, chosen, how, where)
    if any(each.device.type == "meta" for module in modules.values() for each in module.parameters()):
        return  # an outline: there are no numbers
    quantisation: Any = importlib.import_module("torchao.quantization")
    for layers in chosen.values():
        for layer in layers.values():
            quantisation.quantize_(layer, _config(how))
            layer.requires_grad_(False)


def saved_bytes(
    modules: Mapping[str, torch.nn.Module], how: str, *, size: int | None = None
) -> dict[str, dict[str, int]]:
    """By how many bytes each weight becomes smaller: by module and name.

    Args:
        modules: before they are quantised; outlines of them will do.
        size: bytes of a number, where it is not as the modules have it.
    """
    return {
        module: {
            f"{path}.weight": _saved(layer, how, size)
            for path, layer in _linear_layers(each, how, size).items()
        }
        for module, each in modules.items()
    }


def _config(how: str) -> Any:
    quantisation: Any = importlib.import_module("torchao.quantization")
    kind = {"int8": quantisation.Int8WeightOnlyConfig, "fp8": quantisation.Float8WeightOnlyConfig}[how]
    return kind(set_inductor_config=False)  # true would change settings of the whole process


def _linear_layers(module: torch.nn.Module, how: str, size: int | None = None) -> dict[str, torch.nn.Linear]:
    """By path: plain linear layers that become smaller, and share their weights with nobody. (Those that the
    library keeps in full precision, as T5's, go on to compute in it.)"""
    holders: dict[int, int] = {}
    for part in module.modules():
        for tensor in part.parameters(recurse=False):
            holders[id(tensor)] = holders.get(id(tensor), 0) + 1
    tied = _tied(module)
    return {
        path: part
        for path, part in module.named_modules()
        if type(part) is torch.nn.Linear
        and type(part.weight) is torch.nn.Parameter
        and holders[id(part.weight)] == 1
        and part is not tied
        and _saved(part, how, size) > 0
    }


def _tied(module: Any) -> torch.nn.Module | None:
    """The output layer that shares the weights of the embedding, in an outline too, where each has its own."""
    if not getattr(getattr(module, "config", None), "tie_word_embeddings", False):
        return None
    ask = getattr(module, "get_output_embeddings", None)
    return ask() if ask is not None else None


def _saved(layer: torch.nn.Linear, how: str, size: int | None) -> int:
    weight = layer.weight
    return weight.numel() * ((size or weight.element_size()) - 1) - _BESIDE[how] * layer.out_features


def _refuse(
    modules: Mapping[str, torch.nn.Module], chosen: Mapping[str, Mapping[str, Any]], how: str, where: str
) -> None:
    for name, module in modules.items():
        small = next((type(each).__name__ for each in module.parameters() if _is_small(each)), None)
        if small is not None:
            raise CheckpointError(
                f"{where}: quantize = {how!r}: the weights of {name} are quantised already: leave quantize out"
            )
    if not any(chosen.values()):
        names = ", ".join(type(module).__name__ for module in modules.values()) or "the model"
        raise CheckpointError(
            f"{where}: quantize = {how!r}: {names} has no linear layer that becomes smaller: leave it out"
        )


def _is_small(tensor: torch.Tensor) -> bool:
    return type(tensor) is not torch.nn.Parameter or tensor.element_size() == 1
