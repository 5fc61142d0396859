"""Options at a line's end, as people bring them along from the tools that they come from:

    a red cat --seed 5 --steps 2              settings of ours, under any name that `settings` knows
    a forest --no trees, people               Midjourney's: the negative prompt
    a boat --ar 3:2 --v 6 --style raw --tile  what means nothing here: notes of the row

An option reaches to the next one, or to the line's end; only options may follow the first of them. So `a sign
that says --open-- in red` is text, and so is a line in double quotes. An unknown name is text if it stands
before the first known option, and a note if it stands after it; a name that is almost one of ours and has a
number behind it is a fault. The value of a known option must fit it: `--seed five` is a fault, `--seed of hope`
is text.
"""

import dataclasses
import re

from ..settings import COLUMNS, COPIES_NAMES, KNOWN_NAMES, SIZE_NAMES, FieldError, plain_name, refuse_misspelt
from .option_line import NOTES

_FLAGS = (
    "tile hd raw draft fast relax turbo public stealth video loop test testp creative beta upbeta light uplight"
    " upanime"
)
_NUMBERS = "v version s stylize q quality c chaos w weird h iw sw cw ow sv bs stop exp"
_SWITCHABLE = "niji p profile personalize"  # with a value or without
_WORDS = "ar aspect style motion"
_SEVERAL = "sref cref oref"  # pictures, or codes
_VALUE = r"[^\s\"{}()\[\]|]+"
_NUMBER = r"-?[0-9]*\.?[0-9]+[a-z]?"
_OTHERS: dict[str, re.Pattern[str]] = {  # plain name: what may stand behind it
    **dict.fromkeys(_FLAGS.split(), re.compile("")),
    **dict.fromkeys(_NUMBERS.split(), re.compile(_NUMBER)),
    **dict.fromkeys(_SWITCHABLE.split(), re.compile(rf"(?:{_VALUE})?")),
    **dict.fromkeys(_WORDS.split(), re.compile(_VALUE)),
    **dict.fromkeys(_SEVERAL.split(), re.compile(rf"{_VALUE}(?:\s+{_VALUE})*")),
}
_OURS: dict[str, str] = {  # plain name: ours
    **{plain_name(each): row.name for row in COLUMNS.values() for each in row.names},
    **{plain_name(name): "size" for name in SIZE_NAMES},
    **{plain_name(name): name for name in COPIES_NAMES},
    **dict.fromkeys(("r", "repeat"), "copies"),
    "no": "negative_prompt",
}
_TEXTS = {row.name for row in COLUMNS.values() if row.kind is str}
_SWITCHES = {row.name for row in COLUMNS.values() if row.kind is bool}
_ONE_VALUE = re.compile(_VALUE)
_NAME = re.compile(r"(?<!\S)--([A-Za-z](?:[\w-]*\w)?)(?:=|(?!\S))")


@dataclasses.dataclass(frozen=True)
class _Option:
    """An option in a line: where it begins, its name, what stands behind it, and who knows it."""

    start: int
    name: str
    value: str
    known: bool = True


def split_options(line: str) -> tuple[str, dict[str, object]]:
    """A line without the options at its end; and what these say, under the names that `settings` sorts.

    Raises:
        FieldError: an option is given twice, without its value, or its name is almost one of ours.
    """
    if "--" not in line:
        return line, {}
    options = _at_the_end(line)
    if not options:
        return line, {}
    return line[: options[0].start].rstrip(), _fields(options)


def _at_the_end(line: str) -> list[_Option]:
    """The options at the end of the line, from the first known one."""
    options: list[_Option] = []  # the last first
    end = len(line)
    for match in reversed(list(_NAME.finditer(line))):
        option = _option(match.start(), match[1], line[match.end() : end].strip())
        if option is None:
            break
        options.append(option)
        end = match.start()
    while options and not options[-1].known:
        options.pop()
    return options[::-1]


def _option(start: int, name: str, value: str) -> _Option | None:
    """What a name and the text behind it are; `None`, if no option."""
    plain = plain_name(name)
    ours = _OURS.get(plain, "")
    if ours in _TEXTS or (not ours and plain in NOTES):
        return _Option(start, name, _unquoted(value))
    if ours:
        return _Option(start, name, value) if not value or _ONE_VALUE.fullmatch(value) else None
    if plain in _OTHERS:
        return _Option(start, name, value) if _OTHERS[plain].fullmatch(value) else None
    if plain in KNOWN_NAMES or (value and not _ONE_VALUE.fullmatch(value)):  # a second prompt, or a sentence
        return None
    if re.fullmatch(_NUMBER, value):
        refuse_misspelt([name])
    return _Option(start, name, value, known=False)


def _fields(options: list[_Option]) -> dict[str, object]:
    fields: dict[str, object] = {}
    unwanted: list[str] = []
    for option in options:
        ours = _OURS.get(plain_name(option.name), "")
        if ours and ours not in _SWITCHES and not option.value:
            hint = "give it one, or put the line in double quotes if it is text"
            raise FieldError(f"--{option.name} has no value: {hint}")
        if ours == "negative_prompt":
            unwanted.append(option.value)
        elif ours and option.name in fields:
            raise FieldError(f"--{option.name} is given twice: keep one of them")
        else:
            fields["copies" if ours == "copies" else option.name] = option.value or True
    return fields | ({"negative_prompt": ", ".join(unwanted)} if unwanted else {})


def _unquoted(value: str) -> str:
    whole = len(value) > 1 and value[0] == value[-1] == '"' and '"' not in value[1:-1]
    return value[1:-1].strip() if whole else value
