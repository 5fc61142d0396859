"""Tensors that are made of several, as quantised weights are: numbers of few bits, and the scales that belong
to them. They are taken apart into plain tensors, each of which is moved as any other, and put together again.

    a subclass of torch.Tensor that says its own parts (`__tensor_flatten__`): torchao's, `Float8Weight`
    GGUFParameter       of diffusers: blocks of bytes and the kind of block
    Params4bit          of bitsandbytes: packed numbers and a QuantState
    Int8Params          of bitsandbytes: numbers and a scale for each row

Knows these by the names of their classes: whoever has them has the library that they are of.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch

from ...errors import CheckpointError

Place = tuple[dict[str, Any], str]
"""A module's table of parameters or buffers, and a name in it."""

Parts = dict[str, torch.Tensor]
"""Plain tensors, by what a checkpoint's file calls them after the name of the whole; see `Apart`."""


class Apart(NamedTuple):
    """A tensor taken apart.

    Args:
        parts: by name.
        together: makes the tensor of such parts, on whichever device they are.
        name: from the name of the whole (`layer.weight`) and that of a part to its name in a file.
    """

    parts: Parts
    together: Callable[[Mapping[str, torch.Tensor]], torch.Tensor]
    name: Callable[[str, str], str]


class Composed(dict[str, torch.Tensor]):
    """The parts of a tensor as a table, like a module's own; whenever all of them are on one device, the module
    has the tensor, and an empty one otherwise.

    Args:
        apart: what the tensor is made of.
        places: where it belongs.
        modules: those that have it; some keep what they need of it.
    """

    def __init__(self, apart: Apart, places: list[Place], modules: list[torch.nn.Module]) -> None:
        super().__init__(apart.parts)
        self.places = places
        self._together = apart.together
        self._modules = modules
        table, name = places[0]
        kind = table[name].dtype
        empty = torch.empty(table[name].shape, dtype=kind, device="meta")
        self._empty = torch.nn.Parameter(empty, requires_grad=False)

    def __setitem__(self, name: str, part: torch.Tensor) -> None:
        super().__setitem__(name, part)
        devices = {each.device for each in self.values()}
        whole = len(devices) == 1 and devices.pop().type != "meta"
        self._forget()
        tensor = self._together(self) if whole else self._empty
        for table, place in self.places:
            table[place] = tensor

    def _forget(self) -> None:
        """Let the modules let go of what they keep of the parts that were there before."""
        for module in self._modules:
            state = vars(module).get("state")  # of bitsandbytes' eight bits
            if state is not None and hasattr(state, "SCB"):
                state.CB = state.SCB = None
            if "quant_state" in vars(module):  # of its four
                vars(module)["quant_state"] = None


def home_of(place: Place) -> tuple[Place, str]:
    """The place in a module that a tensor or a part of one belongs to, and the part's name with a dot before
    it; an empty table, where it is part of what has several places."""
    table, name = place
    if not isinstance(table, Composed):
        return place, ""
    return (table.places[0] if len(table.places) == 1 else ({}, "")), f".{name}"


def taken_apart(tensor: torch.Tensor) -> Apart | None:
    """What a tensor is made of; `None` for a plain one.

    Raises:
        CheckpointError: it is of a kind that nobody here knows.
    """
    kind = type(tensor)
    if kind in (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer):
        return None
    if hasattr(kind, "__tensor_flatten__"):
        return _flattened(tensor)
    if kind.__name__ in _KINDS:
        return _KINDS[kind.__name__](tensor)
    if isinstance(tensor, torch.nn.Parameter) and kind.__torch_function__ == torch.Tensor.__torch_function__:
        return None  # a name for a parameter, nothing else
    raise CheckpointError(
        f"its weights are {kind.__module__}.{kind.__name__}, which cannot be moved here: save the model with"
        " plain weights, and say quantize in the recipe"
    )


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor's own numbers, as a tensor without any kind."""
    return tensor.detach().as_subclass(torch.Tensor)


def _flattened(tensor: Any) -> Apart:
    names, context = tensor.__tensor_flatten__()
    inner = {name: getattr(tensor, name) for name in names}
    nested = {name: apart for name, part in inner.items() if (apart := taken_apart(part)) is not None}
    parts: Parts = {name: part.detach() for name, part in inner.items() if name not in nested}
    parts |= {f"{name}.{of}": part for name, apart in nested.items() for of, part in apart.parts.items()}
    kind, size, stride = type(tensor), tensor.size(), tensor.stride()
    is_parameter = isinstance(tensor, torch.nn.Parameter)

    def together(now: Mapping[str, torch.Tensor]) -> torch.Tensor:
        held = {name: now[name] for name in names if name not in nested}
        for name, apart in nested.items():
            held[name] = apart.together({of: now[f"{name}.{of}"] for of in apart.parts})
        made = kind.__tensor_unflatten__(held, context, size, stride)
        return torch.nn.Parameter(made, requires_grad=False) if is_parameter else made

    return Apart(parts, together, getattr(kind, "name_in_file", _name_of_torchao))


def _name_of_torchao(whole: str, part: str) -> str:
    module, dot, name = whole.rpartition(".")
    return f"{module}{dot}_{name}_{part}"


def _of_gguf(tensor: Any) -> Apart:
    kind, block = type(tensor), tensor.quant_type

    def together(now: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return kind(now["data"], quant_type=block)

    return Apart({"data": _plain(tensor)}, together, _name_itself)


def _name_itself(whole: str, part: str) -> str:
    return whole


_STATE = {"absmax": "absmax", "quant_map": "code"}
"""What a file and what a QuantState calls its tensors."""


def _of_4bit(tensor: Any) -> Apart:
    kind = type(tensor)
    if tensor.quant_state is None:
        raise CheckpointError("lacks the state of a weight of four bits: copy the checkpoint again")
    state = copy.copy(tensor.quant_state)  # on a CPU it is changed when the layer is first called
    parts: Parts = {"": _plain(tensor)}
    parts |= {name: getattr(state, held) for name, held in _STATE.items()}
    if state.nested:
        parts |= {f"nested_{name}": getattr(state.state2, held) for name, held in _STATE.items()}
        parts["nested_offset"] = state.offset
    how = {name: getattr(tensor, name) for name in _OF_4BIT}
    module = tensor.module

    def together(now: Mapping[str, torch.Tensor]) -> torch.Tensor:
        again = copy.copy(state)
        for name, held in _STATE.items():
            setattr(again, held, now[name])
        if state.nested:
            again.state2 = copy.copy(state.state2)  # nobody changes what is in it
            for name, held in _STATE.items():
                setattr(again.state2, held, now[f"nested_{name}"])
            again.offset = now["nested_offset"]
        made = kind(now[""], requires_grad=False, quant_state=again, module=module, bnb_quantized=True, **how)
        if module is not None:
            module.quant_state = again
        return made

    return Apart(parts, together, lambda whole, part: f"{whole}.{part}".rstrip("."))


_OF_4BIT = ("blocksize", "compress_statistics", "quant_type", "quant_storage")


def _of_8bit(tensor: Any) -> Apart:
    kind = type(tensor)
    if tensor.SCB is None:
        raise CheckpointError("lacks the scales (SCB) of a weight of eight bits: copy the checkpoint again")
    parts: Parts = {"weight": _plain(tensor), "SCB": tensor.SCB}

    def together(now: Mapping[str, torch.Tensor]) -> torch.Tensor:
        data = now["weight"]
        return kind(data, requires_grad=False, has_fp16_weights=False, CB=data, SCB=now["SCB"])

    return Apart(parts, together, lambda whole, part: f"{whole.rpartition('.')[0]}.{part}".lstrip("."))


_KINDS: Mapping[str, Callable[[Any], Apart]] = {
    "GGUFParameter": _of_gguf,
    "Params4bit": _of_4bit,
    "Int8Params": _of_8bit,
}
