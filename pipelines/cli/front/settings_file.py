"""`--settings FILE.toml`: options of a command from a file, under their own names or those of columns.

    steps = 8
    negative = "trees"
    size = "512x768"
    deterministic = true

What stands on the command line wins over the file, and a row's own settings win over both.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....engine.errors import InputError
from ....engine.messages import nearest, shown
from ....prompts.settings import COLUMNS, COPIES_NAMES, SIZE_NAMES, FieldError, plain_name, setting, size_of
from ...recipes.toml_file import read_toml

_NOT_IN_A_FILE = ("settings", "help", "source")
_KINDS = (str, int, float, bool)


def take_settings(context: Any, path: Path | None) -> Path | None:
    """Make what a file says the defaults of the command that is being read; for an eager option's callback.

    Raises:
        InputError: the file cannot be read; a name is none of the command's; a value is wrong.
    """
    if path is None:
        return None
    names = _names_of(context.command)
    defaults: dict[str, Any] = {}
    for name, value in read_toml(path, "settings").items():
        found = names.get(plain_name(name))
        if found is None:
            raise InputError(f"settings {path}: {shown(name)} is not known{_hint(name, names)}")
        if found in defaults:
            raise InputError(f"settings {path}: {shown(name)} is set twice: keep one of them")
        try:
            defaults[found] = _value(found, name, value)
        except FieldError as error:
            raise InputError(f"settings {path}: {error}") from None
    context.default_map = {**(context.default_map or {}), **defaults}
    return path


def _names_of(command: Any) -> dict[str, str]:
    """The parameters of a command by all names that people may use."""
    names: dict[str, str] = {}
    for each in command.params:
        if each.name in _NOT_IN_A_FILE:
            continue
        said = [each.name, *(option for option in each.opts if option.startswith("--"))]
        if each.name in COLUMNS:
            said += COLUMNS[each.name].names
        said += {"num_images": COPIES_NAMES, "size": SIZE_NAMES}.get(each.name, ())
        names |= {plain_name(name): each.name for name in said}
    return names


def _hint(name: str, names: Mapping[str, str]) -> str:
    near = nearest(plain_name(name), names)
    return (
        f": did you mean {names[near]!r}?" if near else f": known are {', '.join(sorted(set(names.values())))}"
    )


def _value(parameter: str, name: str, value: Any) -> Any:
    """The value as the option takes it."""
    if parameter == "size":
        size_of(value, called=name)
        return str(value)
    if parameter in COLUMNS and not isinstance(value, list):
        checked = setting(parameter, value, called=name)
        return -1 if checked is None else checked
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, _KINDS) for each in values):
        raise FieldError(
            f"{shown(name, quoted=False)} = {shown(value)}: must be text, a number, or true or false"
        )
    return value
