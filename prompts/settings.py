"""What a row may set, under the names that people use: the columns of prompt files, the same for all formats.

The settings are those of the engine's table (`engine.values.SETTINGS`): a column's text is read as the kind
that its setting has there, and held against its range. What a row may start from is no setting, but has
columns, too.
"""

import dataclasses
import functools
import itertools
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..engine.messages import nearest, shown
from ..engine.values import SETTINGS, Setting

START_COLUMNS: dict[str, Setting] = {
    row.name: row
    for row in (
        Setting("A picture to start from.", name="image", aliases=("init_image", "start_image")),
        Setting("Where it is painted anew: a file, a box or a thing.", name="mask_image", short=("mask",)),
        Setting("How much of the picture may go.", name="strength", kind=float, low=0, high=1),
        Setting(
            "Pixels it is continued by: left,top,right,bottom, or one number.",
            name="margins",
            aliases=("outpaint",),
        ),
        Setting("How far a variation may be from it.", name="variation", kind=float, low=0, high=1),
        Setting("What is to be changed in it.", name="edit", aliases=("instruction",)),
        Setting("A drawing to start from.", name="sketch"),
        Setting("A picture of an earlier run, to start from what that one did.", name="starts_from"),
    )
}
"""What a row may start from beside its prompt; `pipelines.rendering.rows.image_rows` carries it out."""

REFERENCE_COLUMNS: dict[str, Setting] = {
    row.name: row
    for row in (
        Setting("A picture to take after; or several.", name="reference", aliases=("reference_image",)),
        Setting("How closely; of several, one for each.", name="reference_weight", kind=float, low=0, high=2),
    )
}
"""What a row may take after beside its prompt: one value, or a list of them;
`pipelines.rendering.rows.reference_rows` carries it out."""

CONTROL_COLUMNS: dict[str, Setting] = {
    row.name: row
    for row in (
        Setting(
            "A picture whose structure is followed; or several.", name="control", aliases=("control_image",)
        ),
        Setting("Which of the recipe's controls reads it: edges, say.", name="control_type"),
        Setting("How strongly it counts.", name="control_weight", kind=float, low=0, high=2),
        Setting("Share of the steps from which it counts.", name="control_start", kind=float, low=0, high=1),
        Setting("Share of the steps up to which it counts.", name="control_stop", kind=float, low=0, high=1),
        Setting("It is a control picture, and no photograph.", name="control_ready", kind=bool),
    )
}
"""What a row's structure may follow: one value, or a list of them; `pipelines.rendering.rows.control_rows`
carries it out."""

LISTS = (*REFERENCE_COLUMNS, *CONTROL_COLUMNS)
"""Columns that may hold several values."""

COLUMNS: dict[str, Setting] = {**SETTINGS, **START_COLUMNS, **REFERENCE_COLUMNS, **CONTROL_COLUMNS}
"""All columns that mean something beside the prompt; how names are written (case, blanks, `-`, `_`) makes no
difference."""

PROMPT_NAMES = (  # the first of them that a row has is its prompt
    *("prompt", "prompts", "positive_prompt", "positive", "prompt_text"),
    *("text", "txt", "caption", "description", "sentence"),
)
SIZE_NAMES = ("size", "resolution")  # 512x768: width, then height; 512, both
COPIES_NAMES = (  # their product says how often a row is to be rendered
    *("n_iter", "batch_count", "batch_size", "num_images", "num_images_per_prompt", "n_samples", "copies"),
)
TEMPLATE_NAME = "template"
MAX_COPIES = 1000
_SLIP = 0.8  # how alike a misspelt name is to the right one
_MOST_NAMES = 100  # of a row that are looked at for slips
_NUMBER = re.compile(
    r"\s*[+-]?(?=\.?[0-9])[0-9]*(?P<fraction>\.[0-9]*)?(?P<exponent>[eE][+-]?[0-9]+)?\s*", re.ASCII
)
_SWITCHES = {True: (True, "true", "yes", "on", "1"), False: (False, "false", "no", "off", "0")}
_LONG = 10**11  # from here on spreadsheets write whole numbers with an exponent
_SIZE = re.compile(r"\s*([0-9]{1,9})\s*[xX\u00d7]\s*([0-9]{1,9})\s*", re.ASCII)


class FieldError(ValueError):
    """A row sets something that cannot be; one line that does not name the place."""


class RangeError(FieldError):
    """A setting is out of range: its row cannot be carried out, but what else it says is known."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fields:
    """What a row says, sorted out.

    Args:
        prompt: `None` where it has none.
        copies: how often it is to be rendered, 1 to `MAX_COPIES`; `None` where it does not say.
        faults: of settings out of range, by name, why: they are not among the `settings`.
    """

    prompt: str | None = None
    template: str | None = None
    copies: int | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    faults: Mapping[str, str] = dataclasses.field(default_factory=dict)


def plain_name(name: str) -> str:
    """A name without case, blanks and joints: `CFG scale`, `cfg_scale` and `cfgScale` are one."""
    return re.sub(r"[\W_]+", "", name.casefold())


_OURS = {plain_name(each): row.name for row in COLUMNS.values() for each in row.names}
_PROMPTS = tuple(plain_name(name) for name in PROMPT_NAMES)
_SIZES = frozenset(plain_name(name) for name in SIZE_NAMES)
_COPIES = frozenset(plain_name(name) for name in COPIES_NAMES)
_SETTING_NAMES = {  # plain: as we write it
    **{plain_name(each): each for row in COLUMNS.values() for each in row.names},
    **{plain_name(name): name for name in (*SIZE_NAMES, *COPIES_NAMES)},
}
KNOWN_NAMES = frozenset({*_OURS, *_PROMPTS, *_SIZES, *_COPIES, TEMPLATE_NAME})  # as `plain_name` has them


def column_of(name: str) -> str | None:
    """Our name of a column, however it is written; `None` where there is none of that name."""
    return _OURS.get(plain_name(name))


def has_prompt(names: Iterable[str]) -> bool:
    """Whether one of these names, as they stand in a file, is that of a prompt."""
    return any(plain_name(name) in _PROMPTS for name in names)


def is_number(name: str) -> bool:
    """Whether a column of this name, as a file has it, holds a number."""
    column = COLUMNS.get(_OURS.get(plain_name(name), ""))
    return column is not None and column.kind in (int, float)


def sort_fields(fields: Mapping[str, object]) -> Fields:
    """Sort what a row says into prompt, settings and notes; `None` and empty text set nothing.

    Raises:
        FieldError: a value is of the wrong kind, negative or not finite; a setting is set twice.
    """
    known: dict[str, tuple[str, object]] = {}  # by our names: as the file names it, its value
    notes: dict[str, object] = {}
    for name, value in fields.items():
        plain = plain_name(name)
        if plain not in KNOWN_NAMES or (plain == TEMPLATE_NAME and not isinstance(value, str)):
            notes[name] = value
        elif value is not None and value != "":
            if (key := _OURS.get(plain, plain)) in known:
                raise FieldError(f"{shown(name, quoted=False)} is set twice: keep one of them")
            known[key] = (name, value)
    prompts = [known.pop(name) for name in _PROMPTS if name in known]
    notes |= dict(prompts[1:])
    template = check_text(*known.pop(TEMPLATE_NAME)) if TEMPLATE_NAME in known else None
    said = [_copies(*known.pop(name)) for name in list(known) if name in _COPIES]
    copies = math.prod(said) if said else None
    if copies is not None and copies > MAX_COPIES:
        raise FieldError(f"asks for {copies} pictures: at most {MAX_COPIES} may be asked for")
    sizes = [known.pop(name) for name in list(known) if name in _SIZES]
    if len(sizes) > 1:
        raise FieldError("the size is set twice: keep one of them")
    size = size_of(sizes[0][1], called=sizes[0][0]) if sizes else {}
    settings: dict[str, object] = {}
    faults: dict[str, str] = {}
    for name, (called, value) in known.items():
        try:
            settings[name] = setting(name, value, called=called)
        except RangeError as error:
            faults[name] = str(error)
    return Fields(
        prompt=check_text(*prompts[0]).strip() if prompts else None,
        template=template,
        copies=copies,
        settings=size | {name: value for name, value in settings.items() if value is not None},
        notes=notes,
        faults=faults,
    )


def prompt_of(fields: Mapping[str, object]) -> str:
    """The prompt among what a row says, for messages, however wrong the rest is; empty where there is none."""
    try:
        return sort_fields({name: value for name, value in fields.items() if has_prompt([name])}).prompt or ""
    except FieldError:
        return ""


def setting(
    name: str, value: object, *, called: str | None = None
) -> int | float | str | bool | tuple[str | float, ...] | None:
    """The value of the column `name`, of its declared kind; `None` for seed -1, by which people mean: any. What
    may be several is one value, or a tuple of them.

    Args:
        called: its name in the file, for messages.

    Raises:
        FieldError: it is of the wrong kind.
        RangeError: it is out of range.
    """
    row, called = COLUMNS[name], called or name
    if name in LISTS:
        return _one_or_several(row, called, value)
    if row.kind is str:
        return check_text(called, value).strip()
    if row.kind is bool:
        return _switch(called, value)
    number = _whole(called, value) if row.kind is int else _number(called, value)
    if name == "seed":
        _refuse_rounded(called, value, number)
        if number == -1:
            return None
    if not row.low <= number <= row.high:
        raise RangeError(f"{_equals(called, value)}: {row.must}")
    if number >= 2**64:  # where the range has no end
        raise RangeError(f"{_equals(called, value)}: is too large")
    return number if row.kind is int else float(number)


def size_of(value: object, *, called: str = "size") -> dict[str, Any]:
    """Width and height of a size: `512x768`, or one number, for a square.

    Args:
        called: its name, for messages.

    Raises:
        FieldError: it is no size.
        RangeError: it is out of range.
    """
    if isinstance(value, str) and (found := _SIZE.fullmatch(value)):
        sides = int(found[1]), int(found[2])
    else:
        try:
            sides = (_whole(called, value),) * 2
        except FieldError:
            raise FieldError(f"{_equals(called, value)}: write width x height, e.g. 512x768, or 512") from None
    for name, side in zip(("width", "height"), sides, strict=True):
        if not COLUMNS[name].low <= side <= COLUMNS[name].high:
            raise RangeError(f"{_equals(called, value)}: its {name} {COLUMNS[name].must}")
    return {"width": sides[0], "height": sides[1]}


def check_text(name: str, value: object) -> str:
    """Text as it is.

    Raises:
        FieldError: it is no text, or has control characters or half a surrogate pair in it.
    """
    if not isinstance(value, str):
        raise FieldError(f"{_equals(name, value)}: must be text")
    found = re.search("[^\t\n\r -~\xa0-\ud7ff\ue000-\U0010ffff]", value)
    if found:
        place = f"U+{ord(found[0]):04X}) at place {found.start() + 1}"
        raise FieldError(f"the {shown(name, quoted=False)} has a control character ({place}: take it out")
    return value


def copy_seed(settings: Mapping[str, Any], copy: int) -> dict[str, Any]:
    """The settings of copy `copy` of a row, from 0: a seed that is set goes up by one with each."""
    if "seed" not in settings:
        return dict(settings)
    return {**settings, "seed": settings["seed"] + copy}


def nearest_name(name: str) -> str:
    """The name of a setting, or of the prompt, that is most like this one, however little."""
    found = nearest(plain_name(name)[:64], [*_SETTING_NAMES, *_PROMPTS], cutoff=0.0)
    assert found is not None, "with no cutoff some name is always the nearest"
    return _SETTING_NAMES.get(found, found)


def refuse_misspelt(names: Iterable[str]) -> None:
    """Raise FieldError where a name is almost that of a setting, and so must be a slip."""
    for name in itertools.islice(names, _MOST_NAMES):
        if near := _slip_for(plain_name(name)[:64]):
            raise FieldError(f"no such setting: {shown(name)}: did you mean {near!r}?")


def _one_or_several(row: Setting, name: str, value: object) -> "str | float | tuple[str | float, ...]":
    """A text or a number, or a tuple of them: of a list; numbers also of text with commas."""
    if isinstance(value, list | tuple):
        return tuple(_one(row, name, each) for each in value)
    if row.kind is not str and isinstance(value, str) and "," in value:
        return tuple(_one(row, name, each) for each in value.split(","))
    return _one(row, name, value)


def _one(row: Setting, name: str, value: object) -> str | float:
    if row.kind is str:
        return check_text(name, value).strip()
    if row.kind is bool:
        return _switch(name, value)
    number = _number(name, value)
    if not row.low <= number <= row.high:
        raise RangeError(f"{_equals(name, value)}: {row.must}")
    return float(number)


def _equals(name: str, value: object) -> str:
    return f"{shown(name, quoted=False)} = {shown(value)}"


@functools.lru_cache(maxsize=256)
def _slip_for(plain: str) -> str | None:
    """The setting that a plain name is a slip for; its first letter is right, so `weight` is no slip."""
    if plain in KNOWN_NAMES:
        return None
    near = [name for name in _SETTING_NAMES if name[:1] == plain[:1]]
    found = nearest(plain, near, cutoff=_SLIP)
    return _SETTING_NAMES[found] if found else None


def _copies(name: str, value: object) -> int:
    if not 1 <= (copies := _whole(name, value)) <= MAX_COPIES:
        raise FieldError(f"{_equals(name, value)}: must lie between 1 and {MAX_COPIES}")
    return copies


def _whole(name: str, value: object) -> int:
    number = _number(name, value, "a whole number")
    if number != int(number):
        raise FieldError(f"{_equals(name, value)}: must be a whole number")
    return int(number)


def _refuse_rounded(name: str, value: object, number: int | float) -> None:
    """Refuse a seed of which a spreadsheet has kept some digits alone: `1.23457E+18`."""
    exponent = isinstance(value, str) and "e" in value.lower() and number >= _LONG
    if exponent or (isinstance(value, float) and abs(value) >= 2**53):
        raise FieldError(
            f"{_equals(name, value)}: was rounded, as spreadsheets do with long numbers: write all its digits"
            " (format the column as text)"
        )


def _switch(name: str, value: object) -> bool:
    """On or off, as it is or as people write it; tables know numbers and text alone."""
    said = value.strip().casefold() if isinstance(value, str) else value
    for switched, words in _SWITCHES.items():
        if said in words:  # 1 and 0 are equal to the truths
            return switched
    raise FieldError(f"{_equals(name, value)}: must be true or false")


def _number(name: str, value: object, what: str = "a number") -> int | float:
    """A finite number, as it is or as text says it."""
    number = value
    if isinstance(value, str) and len(value) <= 40 and (found := _NUMBER.fullmatch(value)):
        number = float(value) if found["fraction"] or found["exponent"] else int(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise FieldError(f"{_equals(name, value)}: must be {what}")
    if isinstance(number, float) and not math.isfinite(number):
        raise FieldError(f"{_equals(name, value)}: must be a finite number")
    return number
