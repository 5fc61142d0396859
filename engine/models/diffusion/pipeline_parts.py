"""The parts of a diffusers pipeline that are leased one at a time: text encoders, denoiser, autoencoder.

Reads `model_index.json`, in which a pipeline names its class and those of its components; loads nothing.
"""

from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from ..checkpoint.folder import read_json
from .classes.other_folders import what_it_holds

TEXT, DENOISER, VAE = "text", "denoiser", "vae"
PARTS = (TEXT, DENOISER, VAE)
"""What `ModelKey.part` may be for a pipeline."""

COMPONENTS = {
    "text_encoder": TEXT,
    "text_encoder_2": TEXT,
    "text_encoder_3": TEXT,
    "text_encoder_4": TEXT,
    "unet": DENOISER,
    "transformer": DENOISER,
    "unconditional_transformer": DENOISER,
    "vae": VAE,
    "movq": VAE,
}
"""The components with weights that are needed to make a picture of a text, and the part that each belongs to.
Others (safety checkers, image encoders) are not loaded."""


def read_index(folder: Path) -> dict[str, Any]:
    """A pipeline's `model_index.json`.

    Raises:
        CheckpointError: there is none, or it names code of the checkpoint's own.
    """
    path = folder / "model_index.json"
    if not path.is_file() and (held := what_it_holds(folder)):
        raise CheckpointError(f"{folder}: is {held}: name a text-to-image pipeline of diffusers")
    index = read_json(path)
    name = index.get("_class_name")
    if not isinstance(name, str):
        raise CheckpointError(
            f"{path}: _class_name = {name!r}: a pipeline with code of its own is not run: choose a checkpoint"
            " whose pipeline is part of diffusers"
        )
    return index


def is_component(entry: object) -> bool:
    """Whether an entry of an index names a component: a library and a class, or twice nothing. Other lists are
    settings of the pipeline."""
    return (
        isinstance(entry, list) and len(entry) == 2 and all(each is None or type(each) is str for each in entry)
    )


def components_of(folder: Path, part: str) -> dict[str, tuple[str, str]]:
    """The library and class of each component of one of `PARTS`, by the name of its subfolder.

    Raises:
        CheckpointError: the folder is no pipeline's, or has no such part.
    """
    found = {
        name: (str(entry[0]), str(entry[1]))
        for name, entry in read_index(folder).items()
        if COMPONENTS.get(name) == part and is_component(entry) and entry[0]
    }
    if not found:
        raise CheckpointError(f"{folder}/model_index.json: names no {part}: it is no text-to-image pipeline")
    return found


def component_config(folder: Path, name: str) -> dict[str, Any]:
    """What a component's `config.json` says, that of a text model within a larger one included."""
    config = read_json(folder / name / "config.json")
    nested = config.get("text_config")
    return {**config, **nested} if isinstance(nested, dict) else config
