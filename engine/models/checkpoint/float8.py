"""Weights kept at a byte a number, as eight-bit floats, with a scale or without one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._pytree import tree_map

DTYPES = (torch.float8_e4m3fn, torch.float8_e5m2)
_SAME_KIND = (torch.ops.aten.detach.default, torch.ops.aten.alias.default)


class Float8Weight(torch.Tensor):
    """Stands for `stored * scale` in `dtype`. Whatever is done with it is done with that, which is made of it
    for the moment: a layer's weights are whole while it works, and no longer.

    Args:
        stored: eight-bit floats.
        scale: one number, or one for each row; `None` for 1.
        dtype: of what it stands for.
    """

    stored: torch.Tensor
    scale: torch.Tensor | None

    @staticmethod
    def __new__(
        cls: Any, stored: torch.Tensor, scale: torch.Tensor | None, dtype: torch.dtype
    ) -> "Float8Weight":
        return torch.Tensor._make_wrapper_subclass(
            cls, stored.shape, strides=stored.stride(), dtype=dtype, device=stored.device, requires_grad=False
        )

    def __init__(self, stored: torch.Tensor, scale: torch.Tensor | None, dtype: torch.dtype) -> None:
        self.stored, self.scale = stored, scale

    def whole(self) -> torch.Tensor:
        """What it stands for."""
        full = self.stored.to(self.dtype)
        if self.scale is None:
            return full
        scale = self.scale.to(self.dtype)
        if scale.numel() > 1:
            scale = scale.reshape(-1, *[1] * (full.ndim - 1))  # one for each row
        return full * scale

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"Float8Weight({tuple(self.shape)}, {self.stored.dtype}, as {self.dtype})"

    def __tensor_flatten__(self) -> tuple[list[str], torch.dtype]:
        return ["stored"] if self.scale is None else ["stored", "scale"], self.dtype

    @staticmethod
    def __tensor_unflatten__(
        parts: Mapping[str, torch.Tensor], dtype: torch.dtype, size: object, stride: object
    ) -> "Float8Weight":
        return Float8Weight(parts["stored"], parts.get("scale"), dtype)

    @staticmethod
    def name_in_file(whole: str, part: str) -> str:
        """See `composed.Apart`; a scale is found by whoever makes the weight."""
        return whole if part == "stored" else f"{whole}.{part}"

    @classmethod
    def __torch_dispatch__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func in _SAME_KIND:
            return cls(args[0].stored, args[0].scale, args[0].dtype)
        return func(*tree_map(_whole, args), **tree_map(_whole, kwargs or {}))


def _whole(value: Any) -> Any:
    return value.whole() if isinstance(value, Float8Weight) else value


def fits(scale: torch.Tensor, weight: torch.Tensor) -> bool:
    """Whether it is a scale for these weights: one number, or one for each row."""
    return scale.numel() == 1 or (weight.ndim > 0 and scale.numel() == weight.shape[0] == max(scale.shape))
