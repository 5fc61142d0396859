"""How a pipeline is built: its options, checked, and the dtypes of its models."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from ...engine.errors import InputError
from ...engine.guards.watchdog import PATIENCE_S
from ...engine.memory import parse_bytes
from ...engine.messages import shown
from ...engine.values.setting import number, truth, whole_number
from ..device import choose_device
from ..recipes.reader import DTYPES, Recipe, known_recipes, read_recipe
from .unknown import refuse_option

if TYPE_CHECKING:
    import torch


class PipeOptions(TypedDict, total=False):
    """How a pipeline is built; see `TextToImage.from_recipe`."""

    device: "str | torch.device"
    memory: str | int | None
    deterministic: bool
    micro_batch: int
    wave: int
    stall_seconds: float
    trust_remote_code: bool
    torch_dtype: "torch.dtype | str | None"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Building:
    """What `PipeOptions` say, checked; the recipe is that of the wanted dtype."""

    recipe: Recipe
    device: str
    budget_bytes: int | None
    deterministic: bool
    micro_batch: int
    wave: int
    stall_seconds: float
    trust_remote_code: bool

    @classmethod
    def of(cls, recipe: object, options: Mapping[str, Any]) -> "Building":
        """Errors as `TextToImage.from_recipe`."""
        known = PipeOptions.__annotations__
        for name in options:
            if name not in known:
                refuse_option(name, known)
        wanted = with_dtype(recipe_of(recipe), options.get("torch_dtype"))
        device = device_of(options.get("device", "auto"))
        return cls(
            recipe=wanted.on(device),
            device=device,
            budget_bytes=_bytes(options.get("memory")),
            deterministic=truth("deterministic", options.get("deterministic", False)),
            micro_batch=whole_number("micro_batch", options.get("micro_batch", 16)),
            wave=whole_number("wave", options.get("wave", 64)),
            stall_seconds=_seconds(options.get("stall_seconds", PATIENCE_S)),
            trust_remote_code=truth("trust_remote_code", options.get("trust_remote_code", False)),
        )


def recipe_of(recipe: object) -> Recipe:
    """The recipe of this name, or in this file, or this one.

    Raises:
        InputError: it is neither.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, Mapping):
        return read_recipe(recipe)
    if not isinstance(recipe, str | Path):
        raise InputError(f"recipe = {shown(recipe)}: give a recipe's name, or the path of a .toml file")
    name = str(recipe)
    if Path(recipe).suffix != ".toml" and name not in known_recipes() and _is_checkpoint(name):
        raise InputError(
            f"{shown(name)} is a checkpoint, not a recipe: name it in one, a .toml file with"
            f' [stages.paint] family = "diffusers" checkpoint = "{recipe}" (docs/recipes.md)'
        )
    return read_recipe(recipe)


def device_of(device: object) -> str:
    """The device of this name, or this one of torch's.

    Raises:
        InputError: it is none, or there is none on this machine.
    """
    name = device if isinstance(device, str) else _torch_name(device)
    if name is None:
        raise InputError(f"device = {shown(device)}: give a name such as 'cuda', or a torch.device")
    return choose_device(name)


def dtype_of(dtype: object) -> str | None:
    """The name of a dtype; `None` for none, or `auto`, which is as the recipe says.

    Raises:
        InputError: it is none that models compute in.
    """
    name = str(dtype).removeprefix("torch.")
    if dtype is None or name == "auto":
        return None
    if name not in DTYPES:
        raise InputError(f"torch_dtype = {shown(dtype)}: must be one of {_listed(DTYPES)}")
    return name


def with_dtype(recipe: Recipe, dtype: object) -> Recipe:
    """The recipe, all of its models in this dtype; errors as `dtype_of`."""
    if (name := dtype_of(dtype)) is None:
        return recipe
    return recipe.in_dtype(name)


def _seconds(stall_seconds: object) -> float:
    seconds = number("stall_seconds", stall_seconds)
    if not 0 <= seconds < math.inf:
        raise InputError(f"stall_seconds = {shown(stall_seconds)}: must be 0, for never, or more seconds")
    return seconds


def _bytes(memory: object) -> int | None:
    if memory is None:
        return None
    if isinstance(memory, str):
        return parse_bytes(memory)
    if isinstance(memory, bool) or not hasattr(memory, "__index__"):
        raise InputError(f"memory = {shown(memory)}: write an amount such as '2GiB', or a number of bytes")
    return parse_bytes(str(whole_number("memory", memory)))


def _is_checkpoint(name: str) -> bool:
    """Whether it looks like a folder of weights, or the Hub's id of one."""
    if "\0" in name:
        return False
    try:
        is_folder = Path(name).is_dir()
    except OSError:
        return False
    return is_folder or (name.count("/") == 1 and all(name.split("/")) and not name.startswith((".", "~")))


def _torch_name(device: object) -> str | None:
    is_device = type(device).__module__ == "torch" and type(device).__name__ == "device"
    return str(device) if is_device else None


def _listed(names: Any) -> str:
    return ", ".join(names)
