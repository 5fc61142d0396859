"""Whether a stage's settings in a recipe are of the kinds that its class declares, before it is built.

A stage's constructor is the declaration: `prompt_tokens: int`, `Annotated[float, Setting("...", low=0,
high=5)]`. Where it hands the rest on (`**settings: Unpack[Call]`), the fields of that table count. An
annotation that says nothing of the kind, as one of another package's stage may, is no reason to refuse
anything.
"""

import inspect
import math
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from ...engine.errors import InputError
from ...engine.messages import did_you_mean, shown
from ...engine.values.setting import Setting

_OF_MODELS = ("ModelKey", "ControlKey")  # what a recipe has tables of its own for
_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    Mapping: "a table",
}


def check_settings(made: Any, settings: Mapping[str, Any], where: str) -> None:
    """Raise `InputError` where a setting is not one of what makes the stage, or is of another kind.

    Args:
        made: the stage's class, or the function that makes its stages.
        where: the stage stands in the recipe, for messages.
    """
    known = settings_of(made)
    if known is None:
        return
    for name, value in settings.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise InputError(
                f"{where}: settings: {shown(name)} is not known{did_you_mean(name, known)}; known are {names}"
            )
        _check(f"{where}: {name}", value, known[name])


def settings_of(made: Any) -> dict[str, Any] | None:
    """The annotations of what makes a stage, by the names of its settings; `None` where any name is taken."""
    found: dict[str, Any] = {}
    for parameter in inspect.signature(made).parameters.values():
        hint = parameter.annotation
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            (table,) = get_args(hint) or (None,)
            if get_origin(hint) is not typing.Unpack or table is None:
                return None
            found |= typing.get_type_hints(table, include_extras=True)
        elif not any(each in str(hint) for each in _OF_MODELS):
            found["template" if parameter.name == "instructions" else parameter.name] = hint
    return found


def _check(where: str, value: Any, hint: Any) -> None:
    """Raise `InputError` where a value is not of the kind, or out of the range, of an annotation."""
    row = next((each for each in getattr(hint, "__metadata__", ()) if isinstance(each, Setting)), None)
    kinds = _kinds(get_args(hint)[0] if get_origin(hint) is Annotated else hint)
    if not kinds:
        return
    if not any(_is_of(value, kind) for kind in kinds):
        raise InputError(f"{where} = {shown(value)}: must be {' or '.join(_WORDS[kind] for kind in kinds)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where} = {value}: must be a finite number")
    if row is not None and isinstance(value, int | float) and not row.low <= value <= row.high:
        raise InputError(f"{where} = {shown(value)}: {row.must}")


def _kinds(hint: Any) -> list[Any]:
    """Of `int | None` `[int]`; none where an annotation says something else."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    kinds = [Mapping if get_origin(each) in (Mapping, dict) else each for each in options]
    kinds = [each for each in kinds if each is not types.NoneType]
    return kinds if all(each in _WORDS for each in kinds) else []


def _is_of(value: Any, kind: Any) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float if kind is float else kind)
