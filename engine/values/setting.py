"""What is known of one setting, and values checked against it.

Which settings there are, `settings` and `request` say: the annotation of each field that callers may set holds
a `Setting`, and `declared` reads them as a table.
"""

import dataclasses
import functools
import math
import operator
import types
import typing
from collections.abc import Mapping
from typing import Any

from ..errors import InputError
from ..messages import nearest, shown

MAX_PROMPT_CHARACTERS = 20_000

Kind = type[int] | type[float] | type[bool] | type[str]


@dataclasses.dataclass(frozen=True)
class Setting:
    """One row of the table of settings.

    Args:
        help: what it does, in a line.
        low, high: its range, both included; text and switches have none.
        unit: what a number counts, where that is not clear from its name.
        short: names that are options of the command line, too, beside its own, e.g. `steps`; the first is shown
            first.
        aliases: what other tools call it, known in prompt files.
        name, kind: the field's; `declared` fills them in.
    """

    help: str
    _: dataclasses.KW_ONLY
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    short: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    name: str = ""
    kind: Kind = str

    def __repr__(self) -> str:
        """Short, for `help()` shows it behind each keyword: `Setting('Denoising steps.', 1 to 1000)`."""
        span = f", {self.low} to {self.high}" if math.isfinite(self.high) else ""
        return f"Setting({self.help!r}{span})"

    @property
    def names(self) -> tuple[str, ...]:
        """All names that people have for it, its own first."""
        return (self.name, *self.short, *self.aliases)

    @property
    def must(self) -> str:
        """Its range as messages say it: `must lie between 8 and 4096 pixels`."""
        endless = self.high == math.inf
        span = f"be at least {self.low}" if endless else f"lie between {self.low} and {self.high}"
        return f"must {span} {self.unit}".rstrip()

    def described(self, help: str) -> str:
        """A help text with the range at its end: `Denoising steps (1 to 1000).`"""
        if self.kind in (bool, str):
            return help
        low, high = (
            int(end) if math.isfinite(end) and end == int(end) else end for end in (self.low, self.high)
        )
        span = f"at least {low}" if high == math.inf else f"{low} to {high}"
        return f"{help.removesuffix('.')} ({f'{span} {self.unit}'.rstrip()})."

    def check(self, value: object, *, called: str = "") -> Any:
        """The value as it is kept: of the setting's own kind, and within its range. Text is not looked into,
        but for its length.

        Args:
            called: the name that whoever set it has for it, for messages.

        Raises:
            InputError: it is of another kind, or out of range.
        """
        called = called or self.name
        if self.kind is str:
            return words(called, value)
        if self.kind is bool:
            return truth(called, value)
        value = whole_number(called, value) if self.kind is int else number(called, value)
        if not self.low <= value <= self.high:  # also false for NaN
            raise InputError(f"{called} = {shown(value)}: {self.must}")
        return value


@functools.cache
def declared(owner: type) -> Mapping[str, Setting]:
    """The settings among the fields of a class, by name: those whose annotation holds a `Setting`."""
    hints = typing.get_type_hints(owner, include_extras=True)
    rows = {
        name: dataclasses.replace(row, name=name, kind=_kind_of(typing.get_args(hint)[0]))
        for name, hint in hints.items()
        for row in getattr(hint, "__metadata__", ())
        if isinstance(row, Setting)
    }
    return types.MappingProxyType(rows)


def argument_lines(owner: type) -> str:
    """The settings of a class, as its docstring lists them."""
    lines = ["", "    Args:"]
    for row in declared(owner).values():
        lines.append(f"        {row.name}: {row.described(row.help)}")
    return "\n".join([*lines, ""])


def meant(name: str, rows: Mapping[str, Setting]) -> str | None:
    """The setting that somebody probably meant by a name that is none: `guidance_scale` by `cfg`."""
    names = {each: row.name for row in rows.values() for each in row.names}
    near = nearest(name, names)
    return None if near is None else names[near]


def words(name: str, value: Any) -> str:
    """The value, which must be text."""
    if not isinstance(value, str):
        raise InputError(f"{name} = {shown(value)}: must be text")
    if len(value) > MAX_PROMPT_CHARACTERS:
        raise InputError(f"the {name} has {len(value)} characters: at most {MAX_PROMPT_CHARACTERS} are read")
    return value


def truth(name: str, value: Any) -> bool:
    """The value as a bool, whoever made it (numpy, say), but a number is none."""
    is_array_bool = str(getattr(value, "dtype", "")) == "bool" and getattr(value, "shape", None) == ()
    if not (isinstance(value, bool) or is_array_bool):
        raise InputError(f"{name} = {shown(value)}: must be true or false")
    return bool(value)


def whole_number(name: str, value: Any) -> int:
    """The value as an int, whoever made it (numpy, say), but a fraction or a bool is none."""
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:  # a fraction, text, an array
        pass
    raise InputError(f"{name} = {shown(value)}: must be a whole number")


def whole_in(text: str, *, signed: bool = False, most_digits: int = 9) -> int | None:
    """The whole number that a text is, in plain digits; `None` where it is none, or longer.

    Args:
        signed: `-3` and `+3` are, too.
    """
    digits = text[1:] if signed and text[:1] in ("-", "+") else text
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= most_digits else None


def number(name: str, value: Any) -> float:
    """The value as a float, whoever made it, but text or a bool is none."""
    if isinstance(value, bool) or not (hasattr(value, "__float__") or hasattr(value, "__index__")):
        raise InputError(f"{name} = {shown(value)}: must be a number")
    try:
        return float(value)
    except (OverflowError, RuntimeError, TypeError, ValueError):  # RuntimeError: a tensor of several
        raise InputError(f"{name} = {shown(value)}: must be a number") from None


def _kind_of(hint: Any) -> Kind:
    """`int` of `int` and of `int | None`."""
    kinds = [each for each in typing.get_args(hint) or (hint,) if each is not types.NoneType]
    assert len(kinds) == 1 and kinds[0] in (int, float, bool, str), f"no kind of setting: {hint}"
    return kinds[0]
