"""What the command line's parser has to say, in the words of this command: what was typed, where, what to do.

The parser's own sentences speak of its classes ("Input should be a valid integer, unable to parse string as an
integer"). This file knows what a parameter takes; whether its value makes sense, others say.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ....engine.messages import nearest, shown
from ....prompts.settings import COLUMNS
from .settings_file import written_in_file

_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?", re.ASCII)
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", Path: "a path"}


def usage_message(error: Any, arguments: Sequence[str]) -> str:
    """The line for an error of the parser.

    Args:
        arguments: as they were typed.
    """
    context, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    path = "diptych" if context is None else context.command_path
    option = getattr(error, "option_name", None)
    if option and hasattr(error, "possibilities"):
        near = nearest(option, _options(context), cutoff=0.5)
        hint = f": did you mean {near}?" if near else ":"
        return f"{_of(path)}no such option: {option}{hint} {path} --help lists them"
    if option:
        return _without_value(option, error.message, arguments)
    if parameter is not None and hasattr(error, "param_type"):
        return f"{_of(path)}{_missing(parameter, path)}"
    if parameter is not None:
        return _wrong_value(error, parameter, context, arguments)
    if found := re.fullmatch(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", error.message, re.DOTALL):
        return f"{_of(path)}{_too_many(found[1], context, path)}"
    said = error.format_message().rstrip(".")
    return f"{_of(path)}{said[:1].lower()}{said[1:]}{'' if said.endswith('?') else ':'} {path} --help says more"


def called_as(parameter: Any, arguments: Sequence[str]) -> str:
    """The name by which an option was typed; its usual one, where it was not."""
    names = [*parameter.opts, *parameter.secondary_opts]
    for argument in arguments:
        if argument in names or argument.partition("=")[0] in names:
            return argument.partition("=")[0]
    short = [name for name in names if len(name) == 2 and name[0] == "-"]
    glued = [name for name in short for each in arguments if each.startswith(name)]
    return (glued or [name for name in names if name.startswith("--")] or names)[0]


def _of(path: str) -> str:
    """Which command it is about; of the whole program nothing need be said."""
    _, _, command = path.partition(" ")
    return f"{command}: " if command else ""


def _options(context: Any) -> list[str]:
    return [] if context is None else [name for each in context.command.params for name in each.opts]


def _is_option(parameter: Any) -> bool:
    return parameter.param_type_name == "option"


def _wrong_value(error: Any, parameter: Any, context: Any, arguments: Sequence[str]) -> str:
    """`--seed = 'x': must be a whole number`, as all other values that are refused."""
    faults = error.__context__.errors() if hasattr(error.__context__, "errors") else []
    value = faults[0].get("input") if faults else None
    written = written_in_file(context, parameter.name)
    name = written or (
        called_as(parameter, arguments) if _is_option(parameter) else str(parameter.name).upper()
    )
    said = "" if value is None else f" = {_shown(value)}"
    return f"{name}{said}: {_must(parameter, faults)}"


def _shown(value: object) -> str:
    text = str(value)
    return text if _NUMBER.fullmatch(text) and len(text) < 40 else shown(value)


def _must(parameter: Any, faults: Sequence[Any]) -> str:
    kind = parameter.type_descriptor.annotation
    kind = next((each for each in getattr(kind, "__args__", ()) if each in _KINDS), kind)
    low, high = parameter.min, parameter.max
    if parameter.name in COLUMNS and kind in (int, float):
        row = COLUMNS[parameter.name]
        low, high = row.low, row.high
    span = ""
    if low not in (None, float("-inf")):
        span = f" from {low} on" if high in (None, float("inf")) else f" from {low} to {high}"
    if kind in _KINDS:
        return f"must be {_KINDS[kind]}{span if kind in (int, float) else ''}"
    said = str(faults[0].get("msg", "")) if faults else ""
    return f"cannot be read{f' ({said})' if said else ''}"


def _missing(parameter: Any, path: str) -> str:
    if _is_option(parameter):
        name = next((each for each in parameter.opts if each.startswith("--")), parameter.opts[0])
        return f"{name} is missing: name it, as in {path} {name} {_placeholder(parameter)}"
    name = _placeholder(parameter)
    return f"{name} is missing: {_help_of(parameter)} Write {path} {name}"


def _help_of(parameter: Any) -> str:
    said = " ".join((parameter.help or "").split())
    return f"{said[:1].lower()}{said[1:]}" if said[1:2].islower() else said


def _placeholder(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name).upper()


def _without_value(option: str, message: str, arguments: Sequence[str]) -> str:
    """An option that takes a value and has none, or the other way round."""
    if "not take" in message:
        value = next((a.partition("=")[2] for a in arguments if a.startswith(f"{option}=")), "")
        return f"{option} = {shown(value)}: {option} takes no value: write {option} alone, or leave it out"
    return f"{option}: its value is missing: write {option} VALUE"


def _too_many(said: str, context: Any, path: str) -> str:
    """Words that stand where the command takes no more, such as a prompt without quotes."""
    takes = [_placeholder(each) for each in context.command.params if not _is_option(each)] if context else []
    most = f"one {takes[0]}" if len(takes) == 1 else f"{', '.join(takes)} alone" if takes else "options alone"
    hint = ""
    if any("-p" in each.opts for each in context.command.params if _is_option(each)):
        hint = ": text goes behind -p, in quotes, as in -p 'a red boat'"
    return f"{shown(said)}: too much: {path} takes {most}{hint}"
