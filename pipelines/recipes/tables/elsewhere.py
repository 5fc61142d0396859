"""What a recipe says of a pipeline's components that lie elsewhere (`parts`), and of a single file's configs
(`config`)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from ....engine.errors import InputError
from ....engine.messages import did_you_mean, shown
from ....engine.models.diffusion.single_files.places import is_single_file

PARTS = (
    "vae",
    "text_encoder",
    "text_encoder_2",
    "text_encoder_3",
    "text_encoder_4",
    "transformer",
    "unet",
    "scheduler",
    "tokenizer",
    "tokenizer_2",
    "tokenizer_3",
    "tokenizer_4",
)
"""What `parts` may name, as a pipeline's folder calls it."""

Resolve = Callable[[str, str], str]
"""Where a checkpoint's name, which stands at a place in the recipe, leads."""


class Elsewhere(TypedDict):
    """Fields of a `ModelKey`."""

    parts: tuple[tuple[str, str], ...]
    config: str


def elsewhere(table: Mapping[str, Any], where: str, resolve: Resolve) -> Elsewhere:
    """What a model's table says of it.

    Raises:
        InputError: a part is not known, or no text.
    """
    parts = table.get("parts", {})
    if not isinstance(parts, Mapping):
        raise InputError(f'{where}: parts = {shown(parts)}: must be a table, as parts = {{ vae = "./vae" }}')
    for name in parts:
        if name not in PARTS:
            known = ", ".join(PARTS)
            raise InputError(
                f"{where}: parts: {shown(name)} is not known{did_you_mean(name, PARTS)}; known are {known}"
            )
    config = table.get("config", "")
    if not isinstance(config, str):
        raise InputError(
            f"{where}: config = {shown(config)}: must be the folder of a pipeline's configs, or a JSON file"
        )
    named = {name: _place(value, f"{where}: parts: {name}", resolve) for name, value in parts.items()}
    return {
        "parts": tuple(sorted(named.items())),
        "config": resolve(config, f"{where}: config") if config else "",
    }


def _place(value: Any, where: str, resolve: Resolve) -> str:
    """Of a name, or a table of a checkpoint and the folder in it (`part`)."""
    if isinstance(value, Path):
        value = str(value.absolute())
    part = ""
    if isinstance(value, Mapping):
        if unknown := set(value) - {"checkpoint", "part"}:
            raise InputError(f"{where}: {shown(min(unknown))} is not known; known are checkpoint, part")
        value, part = value.get("checkpoint"), value.get("part", "")
    if not isinstance(value, str) or not isinstance(part, str) or not value:
        raise InputError(f"{where} = {shown(value)}: must be a folder, a single file or an id on the Hub")
    return resolve(value, where) + (f"/{part}" if part else "")


def is_file_beside(checkpoint: str, folder: Path) -> bool:
    """Whether a name is that of a single file, from the recipe's folder: `model.safetensors`, with no `./`
    before it. A file of the Hub has an organisation's name and a model's before its own."""
    if not is_single_file(checkpoint):
        return False
    try:
        return checkpoint.count("/") < 2 or (folder / checkpoint).is_file()
    except (OSError, ValueError):
        return False
