"""Options that several commands take, each defined once; those of settings are made from the table of settings.

A command takes many options that belong together as one parameter: a frozen dataclass whose fields are options,
or `Wishes`, which is all settings of a request but the seed, or `StartWishes`, which is all that a picture may
start from. `grouped` makes of it a command as typer knows them. Imports nothing heavy.
"""

import copy
import dataclasses
import functools
import inspect
import secrets
import sys
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypedDict

import typer
import typer.models

from ...engine.errors import InputError
from ...engine.values import SETTINGS, Setting, Wishes
from ...prompts.settings import (
    COLUMNS,
    CONTROL_COLUMNS,
    LISTS,
    MAX_COPIES,
    REFERENCE_COLUMNS,
    START_COLUMNS,
    FieldError,
    check_text,
    size_of,
)
from ...prompts.variants import MAX_VARIANTS
from ..files import PICTURE_ENDINGS, is_file, why_no_file
from ..pictures.references import named
from .front.settings_file import take_settings
from .front.usage import called_as

RecipeOption = Annotated[str, typer.Option("--recipe", help="A recipe's name, or a .toml file.")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, mps, xpu, npu or hpu.")]
MemoryOption = Annotated[
    str | None, typer.Option("--memory", help="What models and their work may take on the device, e.g. 2GiB.")
]


class StartWishes(TypedDict, total=False):
    pass  # its names are those of the tables `START_COLUMNS`, `REFERENCE_COLUMNS` and `CONTROL_COLUMNS`


"""What a picture may start from, take after and follow beside its prompt, by options of the command line."""

_FILES = ("image", "sketch", "starts_from", "reference", "control")
_START = "Start from a picture"
_REFERENCES = "Take after pictures"
_CONTROLS = "Follow the structure of pictures"


def _option_name(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _check_of(row: Setting) -> Callable[..., Any]:
    """Checks the value that was given; of an option that may be given often, each of them. Messages call it as
    it was typed."""

    def check(context: typer.Context, parameter: typer.CallbackParam, value: Any) -> Any:
        return checked(value, called_as(parameter, context.find_root().obj or ()))

    def checked(value: Any, called: str) -> Any:
        if isinstance(value, (list, tuple)):
            return [checked(each, called) for each in value]
        if row.name == "seed" and value == -1:
            return _any_seed()
        if isinstance(value, str):
            _check_text(called, value)
        return value if value is None or isinstance(value, Path) else row.check(value, called=called)

    return check


def _check_text(called: str, text: str) -> None:
    try:
        check_text(called, text)
    except FieldError as error:
        raise InputError(str(error)) from None


def _any_seed() -> int:
    """What people mean by -1: any seed. It is shown, so that the picture can be made again."""
    seed = secrets.randbelow(2**32)  # short enough to be typed
    print(f"diptych: --seed -1 is any: this time {seed}", file=sys.stderr)
    return seed


def _size(value: str | None) -> str | None:
    """Checks a size that was given."""
    if value is not None:
        try:
            size_of(value, called="--size")
        except FieldError as error:
            raise InputError(str(error)) from None
    return value


def setting_option(name: str, *, help: str = "") -> typer.models.OptionInfo:
    """The option of the command line for a setting of the table.

    Args:
        help: where the command means it in a way of its own.

    Its value is checked against the table; one that is out of range raises InputError.
    """
    row = COLUMNS[name]
    names = [_option_name(each) for each in (*row.short, row.name)]
    if row.kind is bool:
        names = [f"{each}/--no-{each.removeprefix('--')}" for each in names]
    said = help or row.help
    return typer.Option(
        *names,
        help=said if name == "seed" else row.described(said),
        callback=_check_of(row),
        rich_help_panel=_panel_of(name),
    )


def _panel_of(name: str) -> str | None:
    if name == "seed":
        return None
    panels = {_START: START_COLUMNS, _REFERENCES: REFERENCE_COLUMNS, _CONTROLS: CONTROL_COLUMNS}
    return next((panel for panel, columns in panels.items() if name in columns), "Settings")


SeedOption = Annotated[int, setting_option("seed")]
StepsOption = Annotated[int | None, setting_option("num_inference_steps")]
SizeOption = Annotated[
    str | None,
    typer.Option(
        "--size", callback=_size, help="Width x height, as 512x768, or one number.", rich_help_panel="Settings"
    ),
]


SettingsFileOption = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        is_eager=True,
        callback=take_settings,
        help="A .toml file of options, as steps = 8; options on the line win.",
    ),
]
TextOption = Annotated[
    list[str] | None,
    typer.Option("--prompt", "-p", help="A prompt, not a file; may be given often."),
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowOptions:
    """Which rows of a source are meant."""

    limit: Annotated[int | None, typer.Option(min=1, help="Only the first rows of the file.")] = None
    only: Annotated[str | None, typer.Option(help="Only these rows, e.g. 17,40-60.")] = None
    num_images: Annotated[
        int | None,
        typer.Option(
            "--num-images", "-n", min=1, max=MAX_COPIES, help="Pictures of each prompt; a row's own wins."
        ),
    ] = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """How a source is read, and what becomes of variants in it: `rendering.rows.prompt_source.ReadOptions`."""

    format: Annotated[
        str | None,
        typer.Option("--format", help="text, infotext, table, jsonl, json or yaml; else recognised."),
    ] = None
    wildcards: Annotated[
        Path | None, typer.Option("--wildcards", help="Folder that __name__ is looked up in.")
    ] = None
    combinatorial: Annotated[
        bool, typer.Option("--combinatorial", help="All of {a|b}, not one by the row's seed.")
    ] = False
    max_variants: Annotated[int, typer.Option("--max-variants", min=1, help="Of one row, at most.")] = (
        MAX_VARIANTS
    )
    literal: Annotated[bool, typer.Option("--literal", help="Take prompts as they stand, braces and all.")] = (
        False
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MachineOptions:
    """Where a batch is carried out, and how."""

    memory: MemoryOption = None
    device: DeviceOption = "auto"
    deterministic: Annotated[bool, typer.Option("--deterministic", help="The same bits in any batch.")] = False
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code of checkpoints, where the recipe says so.")
    ] = False
    stall_seconds: Annotated[
        float | None,
        typer.Option(
            "--stall-seconds",
            min=0,
            help="Without progress, after which a line says that a stage hangs, perhaps; 0 for never.",
        ),
    ] = None
    ray: Annotated[
        str | None, typer.Option("--ray", metavar="[ADDRESS]", help="On a Ray cluster, or on one started here.")
    ] = None
    workers: Annotated[int | None, typer.Option(help="With --ray: pipelines at a time.")] = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What a run does beside rendering what is not rendered yet."""

    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Rows that failed, once more.")] = False
    fresh: Annotated[bool, typer.Option("--fresh", help="All rows once more, also those done before.")] = False
    verify: Annotated[
        bool, typer.Option("--verify", help="Read files of rows that are done whole; mend what is damaged.")
    ] = False
    stats: Annotated[bool, typer.Option("--stats", help="Say where time and memory went.")] = False
    explain: Annotated[bool, typer.Option("--explain", help="A sheet on how each picture came about.")] = False


def size_wishes(size: str | None, wishes: Mapping[str, Any]) -> dict[str, Any]:
    """Width and height, where a size was given. Where one of them is among the wishes, too, that one holds, and
    this is said."""
    sides = {} if size is None else size_of(size, called="--size")
    for name, side in sides.items():
        if wishes.get(name, side) != side:
            said = f"{_option_name(name)} {wishes[name]} holds, not the {name} of --size {size}"
            print(f"diptych: {said}", file=sys.stderr)
    return sides


def start_wishes(start: Mapping[str, Any]) -> dict[str, Any]:
    """What a picture is to start from, by the options that were given: files as paths, which lie where the
    user says.

    Raises:
        InputError: one of the files is not there.
    """
    wishes = dict(start)
    if (mask := wishes.get("mask_image")) and mask.lower().endswith(PICTURE_ENDINGS):
        wishes["mask_image"] = Path(mask)
    for name, value in wishes.items():
        for given in value if isinstance(value, list) else [value]:
            path = named(given, Path())[1] if name == "reference" else given
            if isinstance(path, Path) and not is_file(path):
                option = _option_name((*COLUMNS[name].short, name)[0])
                raise InputError(f"{option} {path}: {why_no_file(path)}: check the path")
    return wishes


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArtOptions:
    """Where the drawings come from that models are trained on: `training.data.art_data.ArtSource`."""

    art: Annotated[
        Path | None,
        typer.Option("--art", help="--data art, memory: folder of the drawings; else in OUT."),
    ] = None
    source: Annotated[
        Path | None,
        typer.Option("--from", help="art, memory: folder of the packages, not npm."),
    ] = None
    folder: Annotated[
        list[Path] | None,
        typer.Option("--folder", help="art, memory: drawings of your own; given often."),
    ] = None


PANELS: Mapping[Any, str] = {
    RowOptions: "Which rows",
    ReadingOptions: "How a file is read",
    MachineOptions: "Machine",
    RunOptions: "This run",
}
"""Where the options of a group stand in the help."""


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command with each parameter that is a group taken apart into its options; called with these, it puts
    the groups together again. Settings that nobody gave are not among the wishes."""
    hints = typing.get_type_hints(command, include_extras=True)
    flat: list[inspect.Parameter] = []
    groups: dict[str, list[str]] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        if (options := _options_of(hints[name])) is not None:
            groups[name] = [option.name for option in options]
            flat += options
        else:
            flat.append(_option(name, hints[name], parameter.default))

    @functools.wraps(command)
    def run(**given: Any) -> None:
        for name, options in groups.items():
            values = {option: given.pop(option) for option in options}
            given[name] = _together(hints[name], values)
        command(**given)

    vars(run)["__signature__"] = inspect.Signature(flat)
    run.__annotations__ = {option.name: option.annotation for option in flat}
    return run


def _options_of(hint: Any) -> list[inspect.Parameter] | None:
    """The options of a group; `None` for what is none."""
    if hint is Wishes:
        rows = [row for name, row in SETTINGS.items() if name != "seed"]
        return [_option(row.name, Annotated[row.kind | None, setting_option(row.name)], None) for row in rows]
    if hint is StartWishes:
        return [
            _option(name, Annotated[_start_kind(row) | None, setting_option(name)], None)
            for name, row in (START_COLUMNS | REFERENCE_COLUMNS | CONTROL_COLUMNS).items()
        ]
    if not dataclasses.is_dataclass(hint):
        return None
    hints = typing.get_type_hints(hint, include_extras=True)
    panel = PANELS.get(hint)
    return [
        _option(field.name, _in_panel(hints[field.name], panel), field.default)
        for field in dataclasses.fields(hint)
    ]


def _in_panel(hint: Any, panel: str | None) -> Any:
    """The option, shown in this panel of the help."""
    kind, info = typing.get_args(hint)
    info = copy.copy(info)
    info.rich_help_panel = panel
    return Annotated[kind, info]


def _start_kind(row: Setting) -> Any:
    kind = Path if row.name in _FILES else row.kind
    return list[kind] if row.name in LISTS and kind is not bool else kind


def _option(name: str, hint: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def _together(hint: Any, values: Mapping[str, Any]) -> Any:
    if hint in (Wishes, StartWishes):
        return {name: value for name, value in values.items() if value is not None and value != []}
    return hint(**values)
