"""The keywords of calls: what each may be, and which other names people have for it.

    settings_of({"steps": 8, "size": "256x256"})    # {"num_inference_steps": 8, "width": 256, "height": 256}

Settings and their names are those of the engine's table, which prompt files and the command line read, too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ...engine.errors import InputError
from ...engine.messages import shown
from ...engine.values import SETTINGS, Control, Reference, Wishes
from ...engine.values.loras import loras_text, parse_loras
from ...engine.values.setting import whole_number
from ...engine.watch import Watcher
from ...prompts.settings import COPIES_NAMES, MAX_COPIES, SIZE_NAMES, FieldError, sort_fields
from ..pictures.controls import KEYWORDS as CONTROLS
from ..pictures.controls import ControlWish, wished_controls
from ..pictures.references import KEYWORDS as REFERENCES
from ..pictures.references import references_of
from .unknown import refuse_keyword

if TYPE_CHECKING:
    import torch

OUTPUT_TYPES = ("pil", "np", "pt")
COPIES = "num_images_per_prompt"

OnStepEnd = Callable[[Any, int, float, dict[str, Any]], Any]
"""`callback_on_step_end(pipe, step, timestep, kwargs)`; see `step_callback`."""


class RequestOptions(Wishes, total=False):
    """What may be asked for beside the prompt: settings, and short names that people have for some of them.

    Args:
        reference: pictures to take after: a PIL picture, a file, an outcome; or a list of them.
        reference_weight: how closely, 0 to 2: one for all, or a list with one for each.
        references: the same as values, in place of both.
        control: pictures whose structure is followed: a PIL picture, a file, an outcome; or a list of them.
        control_type: which of the recipe's controls reads it: `"edges"`; of several, a list.
        control_weight: how strongly, 0 to 2; of several, a list.
        control_start, control_stop: from and up to which share of the steps, 0 to 1; of several, lists.
        control_ready: whether it is the control picture itself, and no photograph; of several, a list.
        controls: the same as values, in place of all these.
    """

    steps: int | None
    guidance: float | None
    cfg: float | None
    draft_guidance: float | None
    negative: str
    lora: str | None
    size: "str | tuple[int, int] | None"
    reference: Any
    reference_weight: "float | Sequence[float] | None"
    references: "tuple[Reference, ...]"
    control: Any
    control_type: "str | Sequence[str] | None"
    control_weight: "float | Sequence[float] | None"
    control_start: "float | Sequence[float] | None"
    control_stop: "float | Sequence[float] | None"
    control_ready: "bool | Sequence[bool] | None"
    controls: "tuple[Control | ControlWish, ...]"


class FrameOptions(RequestOptions, total=False):
    """As `RequestOptions`, and what is said of a call as a whole.

    Args:
        generator: what the seed is taken from, where none is given.
        output_type: what `images` of the result holds: `pil`, `np` or `pt`.
        callback_on_step_end: called after each step of painting; it may stop the work.
        watch: gets progress, and may stop the work.
    """

    generator: "torch.Generator | Sequence[torch.Generator] | None"
    output_type: Literal["pil", "np", "pt"]
    callback_on_step_end: OnStepEnd | None
    watch: Watcher | None


class CallOptions(FrameOptions, total=False):
    """As `FrameOptions`, of calls that make a picture of each prompt.

    Args:
        seed: of the first picture, or a list with one for each picture.
        num_images_per_prompt: how many pictures are made of each prompt.
    """

    seed: int | Sequence[int] | None
    num_images_per_prompt: int


_ALIASES = {name: row.name for row in SETTINGS.values() for name in row.names}


def settings_of(said: Mapping[str, Any], *, known: Iterable[str] = ()) -> dict[str, Any]:
    """What is said, by the settings' own names; what is `None` is left out, as the recipe decides it then.
    Pictures to take after become `references`, pictures to follow `controls`.

    Args:
        known: names that the call has beside settings, for hints.

    Raises:
        InputError: a name is that of no setting, or a setting is said twice; a size is none; a picture cannot
            be read.
    """
    said, references = _without_references(said)
    said, controls = _without_controls(said)
    found: dict[str, tuple[str, Any]] = {}  # by our names: as it was called, its value
    for called, value in said.items():
        name = _ALIASES.get(called)
        if called in SIZE_NAMES:
            sides = {} if value is None else _size(called, value)
        elif name is None:
            refuse_keyword(called, known=[*known, "size", *REFERENCES, *CONTROLS])
        else:
            sides = {name: value}
        for each, side in sides.items():
            if each in found:
                raise InputError(f"{each} is said twice, as {found[each][0]} and as {called}: keep one of them")
            found[each] = (called, side)
    return (
        {name: _checked(name, *each) for name, each in found.items() if each[1] is not None}
        | references
        | controls
    )


def _without_references(said: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is said but for references, and these as values, if there are any.

    Raises:
        InputError: one cannot be read, or they are said twice.
    """
    rest = dict(said)
    pictures, weights = (rest.pop(name, None) for name in REFERENCES)
    values = rest.pop("references", None)
    if values and (pictures is not None or weights is not None):
        raise InputError("references are said twice, as values and as pictures: keep one of them")
    found = references_of(values or pictures, weights)
    return rest, {"references": found} if found else {}


def _without_controls(said: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is said but for controls, and these, if there are any: their pictures are opened when their size is
    known.

    Raises:
        InputError: they are said twice, or a value cannot be.
    """
    rest = {name: value for name, value in said.items() if name not in (*CONTROLS, "controls")}
    wished, values = wished_controls(said), said.get("controls")
    if values and wished:
        raise InputError("controls are said twice, as values and as pictures: keep one of them")
    found = _control_values(values) or wished
    return rest, {"controls": found} if found else {}


def _control_values(values: object) -> "tuple[Control | ControlWish, ...]":
    given: Sequence[Any] = () if values is None else values if isinstance(values, list | tuple) else (values,)
    for each in given:
        if not isinstance(each, Control | ControlWish):
            raise InputError(f"controls = {shown(each)}: must be Control values; pictures are given as control")
    return tuple(each for each in given if isinstance(each, Control | ControlWish))


def copies_of(value: object, *, called: str = COPIES, most: int = MAX_COPIES) -> int:
    """How many pictures of each prompt.

    Raises:
        InputError: it is no whole number from 1 to `most`.
    """
    count = whole_number(called, value)
    if not 1 <= count <= most:
        raise InputError(f"{called} = {count}: must lie between 1 and {most}")
    return count


def is_copies(name: str) -> bool:
    """Whether people mean the number of pictures by it."""
    return name in COPIES_NAMES


def _checked(name: str, called: str, value: Any) -> Any:
    """The value, if it is one; messages use the name that the caller has for it."""
    row = SETTINGS[name]
    if name == "loras":
        return loras_text(parse_loras(value, called=called))
    return value if row.kind is str else row.check(value, called=called)


def _size(called: str, value: object) -> dict[str, Any]:
    """Width and height of `512x768`, of (512, 768), or of 512, a square."""
    if isinstance(value, str):
        try:
            return dict(sort_fields({"size": value}).settings)
        except FieldError as error:
            raise InputError(str(error)) from None
    sides = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(sides) != 2:
        raise InputError(f"{called} = {shown(value)}: give width and height, as '512x768' or (512, 768)")
    return dict(zip(("width", "height"), sides, strict=True))
