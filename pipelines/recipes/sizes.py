"""The size of picture that a recipe's painter was made for, where its checkpoint says so: of a recipe without
one."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ...engine.errors import DiptychError
from ...engine.models.checkpoint.vetting import vet
from ...engine.models.diffusion.pipeline_sizes import made_for, refiner_side
from ...engine.models.diffusion.single_files.assembly import pipeline_folder
from ...engine.stage import ModelKey
from ...engine.values import Request
from ...engine.values.setting import declared
from .configs import is_known, write_configs
from .reader import StageRecipe

PAINTERS = ("refine", "paint", "repaint", "paint_tokens")


def size_of(stages: Mapping[str, StageRecipe]) -> tuple[int, int] | None:
    """Height and width in pixels; `None` where nothing says them, or what does cannot be read."""
    painter = next((stage for name, stage in stages.items() if name in PAINTERS), None)
    if painter is None or painter.model.family != "diffusers":
        return None
    try:
        size = _of_checkpoint(painter.model, refines=painter.name == "refine")
        limits = declared(Request)
        return limits["height"].check(size[0]), limits["width"].check(size[1])
    except (DiptychError, LookupError, TypeError, ValueError):
        return None  # whoever loads it says what is wrong


def _of_checkpoint(key: ModelKey, *, refines: bool) -> tuple[int, int]:
    try:
        folder = pipeline_folder(key)
    except DiptychError:
        if not is_known(key.checkpoint):
            raise
        with tempfile.TemporaryDirectory() as place:
            return made_for(write_configs(key.checkpoint, Path(place)))
    vet(folder)
    if not refines:
        return made_for(folder)
    side = refiner_side(folder)
    return side, side
