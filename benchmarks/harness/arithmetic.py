"""How much arithmetic a piece of work is: every matrix product and convolution, by torch's own formulas.

A floating-point operation is one multiplication or one addition. What is not counted (norms, activations,
softmax, sampling, copies) is bound by memory, not by arithmetic.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

CONVOLUTION, PRODUCT, ATTENTION = "convolution", "matrix product", "attention"
KINDS = (CONVOLUTION, PRODUCT, ATTENTION)

_aten: Any = torch.ops.aten
_CPU_ATTENTION = _aten._scaled_dot_product_flash_attention_for_cpu
_KIND_OF = {
    _aten.convolution: CONVOLUTION,
    _aten._convolution: CONVOLUTION,
    _aten.mm: PRODUCT,
    _aten.addmm: PRODUCT,
    torch.ops.mkldnn._linear_pointwise: PRODUCT,
    _aten.bmm: ATTENTION,
    _aten.baddbmm: ATTENTION,
    _aten._scaled_dot_product_efficient_attention: ATTENTION,
    _aten._scaled_dot_product_flash_attention: ATTENTION,
    _aten._scaled_dot_product_cudnn_attention: ATTENTION,
    _CPU_ATTENTION: ATTENTION,
}


@dataclasses.dataclass(frozen=True)
class Shape:
    """A tensor among an operation's arguments, without its values."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    def random(self, device: str) -> torch.Tensor:
        """A tensor of this shape, with some values; one that repeats itself in memory does so, too."""
        extent = 1 + sum((n - 1) * step for n, step in zip(self.size, self.stride, strict=True))
        numbers = torch.zeros(extent, device=device)
        if self.dtype.is_floating_point:
            numbers.normal_()
        return numbers.to(self.dtype).as_strided(self.size, self.stride)


@dataclasses.dataclass(frozen=True)
class Operation:
    """One call of an operation: what it is, and the shapes that it worked on."""

    function: Any
    arguments: tuple[Any, ...]
    options: tuple[tuple[str, Any], ...]

    @property
    def kind(self) -> str:
        return _KIND_OF[self.function._overloadpacket]

    def on(self, device: str) -> Callable[[], Any]:
        """The same call on random tensors."""
        arguments, options = tree_map(
            lambda each: each.random(device) if isinstance(each, Shape) else each,
            (list(self.arguments), dict(self.options)),
        )
        return lambda: self.function(*[_thawed(each) for each in arguments], **options)


class Tally(TorchDispatchMode):
    """Counts what runs inside it: `with Tally() as tally: model(x)`."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[Operation] = Counter()
        self.flops_of: dict[Operation, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        packet = func._overloadpacket
        if packet not in _KIND_OF:
            with self:
                parts = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if parts is NotImplemented else parts
        result = func(*args, **kwargs)
        operation = Operation(func, _frozen(args), tuple(sorted(_frozen(list(kwargs.items())))))
        self.calls[operation] += 1
        self.flops_of[operation] = _flops(packet, args, kwargs, result)
        return result

    @property
    def flops(self) -> int:
        return sum(self.by_kind().values())

    def by_kind(self) -> Mapping[str, int]:
        """Floating-point operations of each kind."""
        found: Counter[str] = Counter()
        for operation, times in self.calls.items():
            found[operation.kind] += times * self.flops_of[operation]
        return found


def counted_by_layer(models: Mapping[str, torch.nn.Module], work: Callable[[], Any]) -> int:
    """The same by another way, for comparison: what the linear and convolution layers of `models` must multiply
    and add while `work` runs, from their own definitions. Attention between tokens is left out."""
    total = 0

    def linear(layer: torch.nn.Linear, inputs: Any, output: torch.Tensor) -> None:
        nonlocal total
        total += 2 * output.numel() * layer.in_features

    def convolution(layer: torch.nn.Conv2d, inputs: Any, output: torch.Tensor) -> None:
        nonlocal total
        window = layer.kernel_size[0] * layer.kernel_size[1] * layer.in_channels // layer.groups
        total += 2 * output.numel() * window

    hooks: list[Any] = []
    for model in models.values():
        for layer in model.modules():
            if isinstance(layer, torch.nn.Linear):
                hooks.append(layer.register_forward_hook(linear))
            elif isinstance(layer, torch.nn.Conv2d):
                hooks.append(layer.register_forward_hook(convolution))
    try:
        work()
    finally:
        for hook in hooks:
            hook.remove()
    return total


def _flops(packet: Any, args: Any, kwargs: Any, result: Any) -> int:
    if packet is _CPU_ATTENTION:  # torch counts this one on GPUs only
        return sdpa_flop_count(*(tensor.shape for tensor in args[:3]))
    if packet is torch.ops.mkldnn._linear_pointwise:
        return 2 * result.numel() * args[0].shape[-1]
    return int(flop_registry[packet](*args, **kwargs, out_val=result))


def _frozen(value: Any) -> Any:
    """`value` with shapes for tensors and tuples for lists, so that it can be a key."""
    match value:
        case torch.Tensor():
            return Shape(tuple(value.shape), tuple(value.stride()), value.dtype)
        case list() | tuple():
            return tuple(_frozen(each) for each in value)
        case _:
            return value


def _thawed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
