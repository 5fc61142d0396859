"""`help()` and completion of calls whose keywords stand in a table: each of them is spelled out.

    @spelled_out
    def __call__(self, prompt: str, **call: Unpack[CallOptions]) -> RenderResult: ...

Type checkers read `Unpack`; this is for whoever asks `inspect.signature`.
"""

import inspect
import typing
from collections.abc import Callable
from typing import Any, TypeVar

from ...engine.guards.watchdog import PATIENCE_S
from ...engine.values import SETTINGS
from .keywords import COPIES

Function = TypeVar("Function", bound=Callable[..., Any])

_STATED = {
    **{"seed": 0, COPIES: 1, "output_type": "pil"},
    **{"device": "auto", "deterministic": False, "micro_batch": 16, "wave": 64},
    **{"stall_seconds": PATIENCE_S, "trust_remote_code": False},
}
"""What is so where a call says nothing; all else is as the recipe says, or nothing."""


def spelled_out(function: Function) -> Function:
    """The same function; its signature has the keywords of its table, its docstring a line for each setting."""
    signature = inspect.signature(function)
    *given, table = signature.parameters.values()
    (options,) = typing.get_args(table.annotation)
    named = {each.name for each in given}
    added = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_STATED.get(name),
            annotation=kind | None if isinstance(kind, type) and name not in _STATED else kind,
        )
        for name, kind in _hints(options).items()
        if name not in named
    ]
    vars(function)["__signature__"] = signature.replace(parameters=[*given, *added])
    function.__doc__ = _with_settings(function.__doc__ or "", [each.name for each in added])
    return function


def _hints(options: type) -> dict[str, Any]:
    """The keywords of a table, those of the call as a whole first, and their types as they are written."""
    kinds = {name: _plain(kind) for name, kind in vars(options)["__annotations__"].items()}
    later = {each for row in SETTINGS.values() if row.name != "seed" for each in row.names} | {"size"}
    return dict(sorted(kinds.items(), key=lambda item: item[0] in later))


def _plain(kind: Any) -> Any:
    return kind.__forward_arg__ if isinstance(kind, typing.ForwardRef) else kind


def _with_settings(text: str, names: list[str]) -> str:
    """The docstring, with its settings at the end."""
    lines = [
        f"    {name}: {SETTINGS[name].described(SETTINGS[name].help)}" for name in names if name in SETTINGS
    ]
    short = {each: row.name for row in SETTINGS.values() for each in row.names[1:]}
    lines += [f"    {name}: the same as {short[name]}." for name in names if name in short]
    return "\n".join([inspect.cleandoc(text), *(["", "Settings:", *lines] if lines else []), ""])
