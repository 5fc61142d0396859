"""Equality, hashing, pickling and a short `repr` of values that hold tensors.

Two values are equal if their contents are: tensors of one shape and dtype with the same numbers. A value that
is pickled or copied takes its own tensors along, and not the whole batch of which they are views.
"""

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_SHOWN = 40
"""Characters of a text that a `repr` shows."""


class Contents:
    """What dataclasses with tensors among their fields inherit; they must be made with `eq=False`."""

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other):
            return NotImplemented
        return all(_same(one, value) for one, value in zip(_values(self), _values(other), strict=True))

    def __hash__(self) -> int:
        return hash((type(self), *map(_outline, _values(self))))

    def __getstate__(self) -> dict[str, Any]:
        return {name: _own(value) for name, value in vars(self).items()}


def short(text: str) -> str:
    """A text as a `repr` shows it: quoted, on one line, and not too long."""
    line = " ".join(text.split())
    return repr(line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…")


def size(tensor: "torch.Tensor") -> str:
    """The size of a picture, a mask or a grid: `256x128` of (128, 256, …)."""
    return f"{tensor.shape[1]}x{tensor.shape[0]}"


def _values(value: Any) -> list[Any]:
    return [getattr(value, field.name) for field in dataclasses.fields(value) if field.compare]


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "untyped_storage")


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if not (_is_tensor(one) and _is_tensor(other)):
        return not _is_tensor(one) and not _is_tensor(other) and bool(one == other)
    return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())


def _outline(value: Any) -> Any:
    """What equal values have in common and is quickly found: of a tensor its shape."""
    return tuple(value.shape) if _is_tensor(value) else value


def _own(value: Any) -> Any:
    """A tensor by itself, where it is a part of a larger one."""
    whole = not _is_tensor(value) or value.untyped_storage().nbytes() <= value.nbytes
    return value if whole else value.clone()
