"""What a model's table in a recipe says of LoRA weights and of textual inversion embeddings.

loras = [{ checkpoint = "./ink.safetensors", weight = 0.8 }]      # merged in, for all rows
loras = [{ name = "ink", checkpoint = "./ink.safetensors" }]      # for rows that ask for it
loras = [{ checkpoint = "./old.safetensors", partial = true }]    # go without what has no place in the model
lora_folder = "./loras"                                           # more of them, by their files' names
embeddings = ["./easynegative.safetensors"]                       # words that prompts may use
"""

import contextlib
import functools
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from ...engine.errors import DiptychError, InputError
from ...engine.messages import did_you_mean, shown
from ...engine.models.checkpoint.folder import folder_of
from ...engine.models.diffusion.lora.rack import Rack
from ...engine.models.diffusion.pipeline_families import family_of
from ...engine.models.diffusion.pipeline_parts import read_index
from ...engine.stage import Lora, ModelKey
from ...engine.values.loras import parse_loras
from ...engine.values.setting import number
from .revisions import revision_of

if TYPE_CHECKING:
    from .reader import Recipe

KEYS = ("loras", "lora_folder", "embeddings")
_PAINTERS = ("paint", "repaint", "paint_tokens")  # stages that encode a prompt by a pipeline's own call
_OF_A_LORA = ("checkpoint", "weight", "partial", "name")

Resolve = Callable[[str, str], str]
"""A checkpoint's name and where it stands, to where it lies."""


class Offered(TypedDict, total=False):
    """The fields of a `ModelKey` that are said here."""

    loras: tuple[Lora, ...]
    on_request: tuple[Lora, ...]
    lora_folder: str
    embeddings: tuple[str, ...]


def offered(table: Mapping[str, Any], where: str, resolve: Resolve) -> Offered:
    """What of a `ModelKey` a table says of them.

    Raises:
        InputError: it says what cannot be.
    """
    loras = [_lora(each, f"{where}: loras", resolve) for each in _list(table, "loras", where)]
    names = [lora.name.casefold() for lora in loras if lora.name]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{where}: loras: {shown(name)} is the name of two: give each its own")
    folder = _text(table, "lora_folder", where, "")
    on_request = tuple(lora for lora in loras if lora.name)
    if table.get("compile") and (folder or on_request):
        raise InputError(
            f"{where}: compile = true: a compiled model cannot put on the LoRA weights of rows: leave out"
            f" compile, or"
            " lora_folder and the names of loras"
        )
    embeddings = _list(table, "embeddings", where)
    for each in embeddings:
        if not isinstance(each, str) or not each.endswith(".safetensors"):
            raise InputError(f"{where}: embeddings: {shown(each)}: name .safetensors files")
    return {
        "loras": tuple(lora for lora in loras if not lora.name),
        "on_request": on_request,
        "lora_folder": resolve(folder, f"{where}: lora_folder") if folder else "",
        "embeddings": tuple(resolve(each, f"{where}: embeddings") for each in embeddings),
    }


def written(key: ModelKey, named: Callable[[str], str]) -> dict[str, Any]:
    """The same as a table.

    Args:
        named: how a recipe names a checkpoint.
    """
    loras = [_written(Lora(*each), named) for each in (*key.loras, *key.on_request)]
    table = {
        "loras": loras,
        "lora_folder": named(key.lora_folder) if key.lora_folder else "",
        "embeddings": [named(each) for each in key.embeddings],
    }
    return {name: value for name, value in table.items() if value}


def rack_of(recipe: "Recipe") -> Rack:
    """The LoRA weights that rows may ask for; an empty one where the recipe offers none."""
    racks = (Rack.of(key) for stage in recipe.stages.values() for key in stage.keys)
    return next((rack for rack in racks if rack), Rack())


def words_of(recipe: "Recipe") -> frozenset[str]:
    """The names of the embeddings that prompts may use."""
    return frozenset(
        Path(each).stem for stage in recipe.stages.values() for key in stage.keys for each in key.embeddings
    )


def unweighing_painter(recipe: "Recipe") -> str:
    """The class of the recipe's painter, where its text encoders cannot count words for more or less; empty
    where they can, or it is no pipeline of diffusers."""
    for stage in recipe.stages.values():
        if stage.name in _PAINTERS and stage.settings.get("prompt_weights", True):
            with contextlib.suppress(DiptychError):
                name = str(read_index(folder_of(stage.model.checkpoint))["_class_name"])
                return "" if family_of(name).weighs else name
    return ""


def lora_revisions(table: Mapping[str, Any], loras: str | None) -> dict[str, str]:
    """A hash of the content of the LoRA weights that a row asks for, by their names.

    Args:
        table: the recipe, as `recipe_table` writes it.

    Raises:
        CheckpointError: a file cannot be read.
    """
    if not loras:
        return {}
    from ...engine.models.diffusion.lora.file import file_of

    racks = [_rack(each) for each in table.get("stages", {}).values()]
    rack = next((each for each in racks if each), None)
    try:
        found = rack.named(loras) if rack is not None else ()
    except InputError:  # it is gone: that is told where the row is carried out
        return {}
    return {
        lora.name: _revision(str(path), *_when(path)) for lora in found for path in [file_of(lora.checkpoint)]
    }


def _rack(stage: Mapping[str, Any]) -> Rack:
    offers = offered({name: stage[name] for name in KEYS if name in stage}, "recipe", lambda name, _: name)
    return Rack(offers["on_request"], offers["lora_folder"])  # pyright: ignore[reportTypedDictNotRequiredAccess]


def _when(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=1024)
def _revision(path: str, *_: int) -> str:
    return revision_of(path)


def _written(lora: Lora, named: Callable[[str], str]) -> dict[str, Any]:
    table = {"checkpoint": named(lora.checkpoint), "weight": lora.weight}
    return table | {name: value for name, value in (("partial", lora.partial), ("name", lora.name)) if value}


def _lora(table: Any, where: str, resolve: Resolve) -> Lora:
    """Its weight is 1 if nothing is said."""
    if not isinstance(table, Mapping):
        raise InputError(f"{where}: {shown(table)}: must be a table of checkpoint and weight")
    for key in table:
        if key not in _OF_A_LORA:
            known = ", ".join(_OF_A_LORA)
            raise InputError(
                f"{where}: {shown(key)} is not known{did_you_mean(key, _OF_A_LORA)}; known are {known}"
            )
    weight = table.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise InputError(f"{where}: weight = {shown(weight)}: must be of kind float")
    weight = number("weight", weight)
    if not math.isfinite(weight):
        raise InputError(f"{where}: weight = {weight}: must be a number")
    partial = table.get("partial", False)
    if not isinstance(partial, bool):
        raise InputError(f"{where}: partial = {shown(partial)}: must be true or false")
    name = _text(table, "name", where, "")
    if name and (parse_loras([name], called=f"{where}: name")[0].name != name or ":" in name):
        raise InputError(f"{where}: name = {shown(name)}: must be a name as prompts say it, such as ink")
    return Lora(resolve(_text(table, "checkpoint", where), where), weight, partial, name)


def _text(table: Mapping[str, Any], key: str, where: str, default: str | None = None) -> str:
    value = table.get(key, default)
    if value is None:
        raise InputError(f"{where}: {key} is missing")
    if not isinstance(value, str):
        raise InputError(f"{where}: {key} = {shown(value)}: must be of kind str")
    return value


def _list(table: Mapping[str, Any], key: str, where: str) -> list[Any]:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise InputError(f"{where}: {key} = {shown(value)}: must be of kind list")
    return value
