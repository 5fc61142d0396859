"""Whether all that a recipe needs is here: versions, device, checkpoints, and how they fit the memory."""

import dataclasses
import importlib.metadata
import os
import platform

import rich.box
from rich.table import Table

from .. import __version__
from ..engine.chain import Chain
from ..engine.errors import DiptychError
from ..engine.memory import DeviceMemory, format_bytes
from .recipes.reader import Recipe

_LIBRARIES = (
    "torch",
    "transformers",
    "diffusers",
    "accelerate",
    "safetensors",
    "sentencepiece",
    "llguidance",
    "pillow",
)


@dataclasses.dataclass(frozen=True)
class Checkup:
    """What the doctor found."""

    versions: Table
    stages: Table
    troubles: tuple[str, ...]


def check_up(recipe: Recipe, chain: Chain, memory: DeviceMemory) -> Checkup:
    """Look at everything; loads no weights."""
    troubles: list[str] = []
    return Checkup(_versions(memory, troubles), _stages(recipe, chain, memory, troubles), tuple(troubles))


def _versions(memory: DeviceMemory, troubles: list[str]) -> Table:
    table = _table("", "")
    table.add_row("diptych", __version__)
    table.add_row("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for library in _LIBRARIES:
        try:
            table.add_row(library, importlib.metadata.version(library))
        except importlib.metadata.PackageNotFoundError:
            table.add_row(library, "missing")
            troubles.append(f"{library} is not installed: install diptych again")
    table.add_row("device", _device(memory.device))
    return table


def _device(device: str) -> str:
    import torch

    if not device.startswith("cuda"):
        return f"{device}, {os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads"
    properties = torch.cuda.get_device_properties(device)
    return f"{device}, {properties.name}, {format_bytes(properties.total_memory)}"


def _stages(recipe: Recipe, chain: Chain, memory: DeviceMemory, troubles: list[str]) -> Table:
    table = _table("stage", "family", "checkpoint", "weights")
    for stage in chain.stages:
        for key in stage.uses:
            name = f"{key.checkpoint} ({key.part})" if key.part else key.checkpoint
            table.add_row(stage.name, key.family, name, _weights(memory, [key], troubles))
    everything = [key for uses in chain.uses_in_order() for key in uses]
    largest = max((_bytes(memory, list(stage.uses)) for stage in chain.stages), default=0)
    table.add_section()
    table.add_row("all together", "", f"recipe {recipe.name}", format_bytes(_bytes(memory, everything)))
    table.add_row("largest stage", "", "", format_bytes(largest))
    for uses in chain.uses_in_order():
        try:
            memory.check(uses)
        except DiptychError as error:
            if str(error) not in troubles:
                troubles.append(str(error))
    return table


def _weights(memory: DeviceMemory, keys: list, troubles: list[str]) -> str:
    try:
        return format_bytes(memory.weight_bytes(keys))
    except DiptychError as error:
        troubles.append(str(error))
        return "not there"


def _bytes(memory: DeviceMemory, keys: list) -> int:
    total = 0
    for key in dict.fromkeys(keys):
        try:
            total += memory.weight_bytes([key])
        except DiptychError:
            continue
    return total


def _table(*columns: str) -> Table:
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, show_header=any(columns))
    for column in columns:
        table.add_column(column, overflow="fold", justify="right" if column == "weights" else "left")
    return table
