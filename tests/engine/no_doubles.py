"""A device that refuses float64, as Apple's `mps` does: tensors that say they lie on `meta`, which is the one
device beside the CPU that every build of torch knows, and hold numbers of the CPU all the same.
"""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

DEVICE = "meta"
_aten: Any = torch.ops.aten


class Apart(torch.Tensor):
    """A tensor of the simulated device; `held` is what stands for it on the CPU."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "Apart":
        if held.dtype == torch.float64:
            raise TypeError(
                "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support it"
            )
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, held.stride(), held.storage_offset(), dtype=held.dtype, device=torch.device(DEVICE)
        )
        made.held = held
        return made

    def __repr__(self) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        return f"Apart({self.held})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _dispatch(func, args, kwargs or {})


class _Made(TorchFunctionMode):
    """`torch.tensor(…, device=…)`, which no dispatcher sees."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.tensor and torch.device(kwargs.get("device") or "cpu").type == DEVICE:
            return func(*args, **{**kwargs, "device": "cpu"}).to(DEVICE)
        return func(*args, **kwargs)


class NoDoubles(TorchDispatchMode):
    """Within it tensors that are made on the device, or sent there, are `Apart`."""

    def __enter__(self) -> "NoDoubles":
        self._made = _Made()
        self._made.__enter__()
        return super().__enter__()

    def __exit__(self, *failure: Any) -> None:
        super().__exit__(*failure)
        self._made.__exit__(*failure)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _dispatch(func, args, kwargs or {})


def _dispatch(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Do it on the CPU. Raises `TypeError` for float64, `RuntimeError` where devices are mixed."""
    tensors: list[torch.Tensor] = []
    tree_map(lambda each: tensors.append(each) if isinstance(each, torch.Tensor) else None, (args, kwargs))
    there = [isinstance(each, Apart) for each in tensors]
    packet, wanted = func._overloadpacket, kwargs.get("device")
    copies = packet in (_aten._to_copy, _aten.copy_)
    indexed = packet in (_aten.index, _aten.index_put_)  # by places that the host may know
    if any(there) and not copies and not indexed:
        mixed = [each for each, is_there in zip(tensors, there, strict=True) if not is_there and each.dim()]
        if mixed:
            raise RuntimeError(f"{func}: tensors of two devices: {[tuple(each.shape) for each in mixed]}")
    apart = any(there) if wanted is None else torch.device(wanted).type == DEVICE
    if wanted is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    plain = tree_map(lambda each: each.held if isinstance(each, Apart) else each, (args, kwargs))
    with torch.inference_mode(False), torch.no_grad():  # wrappers of inference tensors could not be viewed
        result = func(*plain[0], **plain[1])
        if func._schema.name.endswith("_"):  # in place: it is still the tensor that it was
            return args[0]
        return tree_map(lambda each: Apart(each) if apart and isinstance(each, torch.Tensor) else each, result)
