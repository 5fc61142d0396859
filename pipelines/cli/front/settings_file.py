"""`--settings FILE.toml`: options of a command from a file, under their own names or those of columns.

    steps = 8
    negative = "trees"
    size = "512x768"
    deterministic = true

What stands on the command line wins over the file, and a row's own settings win over both.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ....engine.errors import InputError
from ....engine.messages import nearest, shown
from ....prompts.settings import COLUMNS, COPIES_NAMES, SIZE_NAMES, FieldError, plain_name, setting, size_of
from ...recipes.tables.toml_file import read_toml

_NOT_IN_A_FILE = ("settings", "help", "source")
_KINDS = (str, int, float, bool)
_META = "diptych.settings_file"  # of a context: by parameter, how messages name what the file says of it


def take_settings(context: Any, path: Path | None) -> Path | None:
    """Make what a file says the defaults of the command that is being read; for an eager option's callback.

    Raises:
        InputError: the file cannot be read; a name is none of the command's; a value is wrong.
    """
    if path is None:
        return None
    names = _names_of(context.command)
    defaults: dict[str, Any] = {}
    written: dict[str, str] = {}
    for name, value in read_toml(path, "settings").items():
        found = names.get(plain_name(name))
        if found is None:
            raise InputError(f"settings {path}: {shown(name)} is not known{_hint(name, names)}")
        if found.parameter in defaults:
            raise InputError(f"settings {path}: {shown(name)} is set twice: keep one of them")
        try:
            defaults[found.parameter] = _value(found.parameter, name, value)
        except FieldError as error:
            raise InputError(f"settings {path}: {error}") from None
        written[found.parameter] = f"settings {path}: {shown(name, quoted=False)}"
    context.default_map = {**(context.default_map or {}), **defaults}
    context.meta[_META] = written
    return path


def written_in_file(context: Any, parameter: str) -> str:
    """How messages name a value that a file of settings gave; empty where none did."""
    if context is None or parameter not in context.meta.get(_META, {}):
        return ""
    source = context.get_parameter_source(parameter)
    return context.meta[_META][parameter] if getattr(source, "name", "DEFAULT_MAP") == "DEFAULT_MAP" else ""


class _Name(NamedTuple):
    """A name that people may use, as they write it, and the parameter that it means."""

    said: str
    parameter: str


def _names_of(command: Any) -> dict[str, _Name]:
    """The parameters of a command by all names that people may use, without case and joints; of each the name
    that the command line shows comes first."""
    names: dict[str, _Name] = {}
    for each in command.params:
        if each.name in _NOT_IN_A_FILE:
            continue
        said = [option.removeprefix("--") for option in each.opts if option.startswith("--")]
        said += [each.name]
        if each.name in COLUMNS:
            said += COLUMNS[each.name].names
        said += {"num_images": COPIES_NAMES, "size": SIZE_NAMES}.get(each.name, ())
        for name in said:
            names.setdefault(plain_name(name), _Name(name, each.name))
    return names


def _hint(name: str, names: Mapping[str, _Name]) -> str:
    if near := nearest(plain_name(name), names):
        return f": did you mean {names[near].said!r}?"
    first: dict[str, str] = {}
    for each in names.values():
        first.setdefault(each.parameter, each.said)
    return f": known are {', '.join(sorted(first.values()))}"


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
