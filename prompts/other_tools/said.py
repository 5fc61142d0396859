"""What another tool says of one picture, and the row that comes of it.

Carried over are the prompt, what is not wanted, the seed, the steps, the guidance and the size. All else that
the tool says (its model, sampler, styles) becomes notes, and so does a value that is out of our range.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping

from ..entry import Place
from ..row import Row
from ..settings import FieldError, check_text, plain_name, setting

MADE_WITH = "made with"
"""The note that names the tool."""
MAX_PROMPT = 200_000  # characters
_MOST_SHOWN = 12  # of their names, on one line
_MAX_NOTES, _MAX_NOTE = 100, 2000  # how many, and characters of each
_NAMES = {  # plain: ours; every tool calls them by some of these
    **dict.fromkeys(("prompt", "positiveprompt", "positive"), "prompt"),
    **dict.fromkeys(("negativeprompt", "negative", "uc"), "negative_prompt"),
    "seed": "seed",
    **dict.fromkeys(("steps", "numinferencesteps"), "num_inference_steps"),
    **dict.fromkeys(("cfg", "cfgscale", "guidancescale"), "guidance_scale"),
    **dict.fromkeys(("size", "resolution"), "size"),
    **dict.fromkeys(("width", "height"), ""),
}
_SIZE = re.compile(r"\D{0,2}([0-9]{1,5})\s{0,3}[,xX\u00d7]\s{0,3}([0-9]{1,5})\D{0,2}", re.ASCII)


class ToolError(ValueError):
    """What a tool says cannot be read; one line that names the tool, and does not name the place."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Said:
    """What a tool says of one picture.

    Args:
        tool: its name, as messages give it.
        prompt: as it was rendered; nothing is looked for in it any more.
        settings: of a row, by our names.
        rest: what is not carried over.
    """

    tool: str
    prompt: str
    settings: Mapping[str, object] = dataclasses.field(default_factory=dict)
    rest: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def row(self, place: Place) -> Row:
        """The row that makes such a picture here."""
        try:
            check_text("prompt", self.prompt)
            fault = None if self.prompt else f"{self.tool} says no prompt in it"
        except FieldError as error:
            fault = str(error)
        notes = {MADE_WITH: self.tool, **self.rest}
        return place.row(self.prompt, settings=self.settings, notes=notes, template=self.prompt, fault=fault)


def not_carried_over(row: Row) -> str:
    """What of another tool's picture is not carried over into its row, in a line; empty for other rows."""
    if MADE_WITH not in row.notes:
        return ""
    names = [name for name in row.notes if name != MADE_WITH]
    shown = ", ".join(names[:_MOST_SHOWN]) + (", ..." if len(names) > _MOST_SHOWN else "")
    line = f"{row.place}: made with {row.notes[MADE_WITH]}; not carried over: {shown or 'nothing'}"
    return "".join(character if character.isprintable() else "?" for character in line)


def said_by(tool: str, values: Mapping[str, object], *, names: Mapping[str, str] | None = None) -> Said:
    """What names with values say.

    Args:
        names: how this tool alone calls what we carry over, plain: ours.
    """
    known: dict[str, object] = {}
    rest: dict[str, object] = {}
    table = _NAMES | dict(names or {})
    for name, value in values.items():
        plain = plain_name(name[:100])
        ours = table.get(plain)
        ours = plain if ours == "" else ours
        if ours is None or ours in known or value is None:
            rest[name] = value
        else:
            known[ours] = value
    prompt = _text(known.pop("prompt", ""))
    settings: dict[str, object] = {}
    if negative := _text(known.pop("negative_prompt", "")):
        _keep(settings, rest, "negative_prompt", negative)
    for name, value in _sized(known, rest).items():
        _keep(settings, rest, name, value)
    if ("width" in settings) != ("height" in settings):
        rest |= {name: settings.pop(name) for name in ("width", "height") if name in settings}
    return Said(tool=tool, prompt=prompt, settings=settings, rest=_short(rest))


def _text(value: object) -> str:
    """Text as it is, or the texts of a list, as some keep their prompts."""
    if isinstance(value, Mapping):
        value = value.get("prompt", "")
    if isinstance(value, list):
        value = ", ".join(filter(None, map(_text, value[:100])))
    text = value.strip() if isinstance(value, str) else ""
    if len(text) > MAX_PROMPT:
        raise ToolError(f"has a prompt of {len(text)} characters: at most {MAX_PROMPT} are read")
    return text


def _sized(known: Mapping[str, object], rest: dict[str, object]) -> dict[str, object]:
    """What is known, with width and height in the place of a size."""
    more = dict(known)
    size = more.pop("size", None)
    if size is None:
        return more
    pair = "x".join(map(str, size)) if isinstance(size, list) and len(size) == 2 else size
    if isinstance(pair, str) and (found := _SIZE.fullmatch(pair.strip())):
        return {"width": int(found[1]), "height": int(found[2]), **more}
    rest["size"] = size
    return more


def _keep(settings: dict[str, object], rest: dict[str, object], name: str, value: object) -> None:
    try:
        kept = setting(name, value)
    except FieldError:
        rest[name] = value
    else:
        settings |= {} if kept is None else {name: kept}


def _short(rest: Mapping[str, object]) -> dict[str, object]:
    """As many notes as a reader may want, each on its own line."""
    some: Iterable[tuple[str, object]] = list(rest.items())[:_MAX_NOTES]
    return {
        name[:100]: value[:_MAX_NOTE] if isinstance(value, str) else value
        for name, value in some
        if value not in (None, "", [], {})
    }
