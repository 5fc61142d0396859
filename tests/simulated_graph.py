"""A CUDA graph, simulated: what is recorded is a list of operations on given memory, and playing it again runs
no Python of the work. What the work took from Python, a place or a slice, is as it was when it was recorded."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _Tape(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, out))
        return out

    def play(self) -> None:
        for func, args, kwargs, out in self.calls:
            given = [
                each.untyped_storage().data_ptr() for each in tree_leaves((args, kwargs)) if _is_tensor(each)
            ]
            results = [each for each in tree_leaves(out) if _is_tensor(each)]
            if func._schema.is_mutable:
                func(*args, **kwargs)
            elif any(each.untyped_storage().data_ptr() not in given for each in results):  # else a view
                again = [each for each in tree_leaves(func(*args, **kwargs)) if _is_tensor(each)]
                for to, value in zip(results, again, strict=True):
                    to.copy_(value)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def recorded(work: Callable[[], None]) -> Callable[[], None]:
    """Carries the work out twice, as a recorder does, and gives what plays the second time again."""
    work()
    tape = _Tape()
    with tape:
        work()

    def play() -> None:
        with torch.inference_mode():
            tape.play()

    return play
