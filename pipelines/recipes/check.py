"""What a recipe would do on this machine, planned from configs alone; and a table of several recipes."""

import dataclasses
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ...engine.errors import DiptychError
from ...engine.memory import DeviceMemory
from ...engine.models.checkpoint.folder import folder_of
from ...engine.models.checkpoint.vetting import files_in
from ...engine.models.config_sizes import Configs
from ...engine.models.diffusion.single_files.places import place_of
from ...engine.stage import ModelKey
from ..device import choose_device
from .build import build_chain
from .configs import is_known, with_checkpoints, write_configs
from .doctor import Checkup, check_up, renamed
from .reader import AUTO, Recipe
from .rehearsal import rehearse
from .servers import asked_servers

GIB = 2**30
_WEIGHTS = (".safetensors", ".gguf", ".bin", ".ckpt", ".pt", ".pth")


class Check(NamedTuple):
    """What was found.

    Args:
        known: checkpoints that are not on this disk, planned by their known sizes.
        missing: checkpoints of which nothing is here, nor known.
        bare: checkpoints of which the configs are here, and no weights.
        servers: a line for each server that the recipe names.
    """

    checkup: Checkup
    known: tuple[str, ...]
    missing: tuple[str, ...]
    bare: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether a render would find all that it needs."""
        return not (self.checkup.troubles or self.known or self.missing or self.bare)


def check(
    recipe: Recipe,
    *,
    budget_bytes: int | None = None,
    micro_batch: int = 16,
    device: str = "auto",
    online: bool = False,
) -> Check:
    """Plan a recipe's memory, without weights; and of those checkpoints that are here, whether they can be
    loaded and do a picture.

    Args:
        budget_bytes: `None` for what is free on the device, or on a CPU for no limit.
        micro_batch: rows that a stage works on at once, at most.
        device: as `choose_device` knows it.
        online: also ask the servers that the recipe names.

    Raises:
        InputError: a stage or one of its settings is not known, or two neighbours do not fit.
    """
    recipe = recipe.in_dtype("float32", instead_of=AUTO)  # what takes most, on whichever device
    keys = [key for stage in recipe.stages.values() for key in stage.keys]
    absent = dict.fromkeys(name for key in keys if (name := _absent(key)))
    known = tuple(name for name in absent if is_known(name))
    with tempfile.TemporaryDirectory() as folder:
        places = {name: str(write_configs(name, Path(folder))) for name in known}
        placed = with_checkpoints(recipe, places)
        memory = DeviceMemory(Configs(), device=choose_device(device), budget_bytes=budget_bytes)
        checkup = check_up(placed, build_chain(placed), memory, micro_batch=micro_batch)
        bare = tuple(
            dict.fromkeys(key.checkpoint for key in keys if key.checkpoint not in absent and _is_bare(key))
        )
        if checkup.plan is not None:
            found = rehearse(placed, build_chain(placed), absent=[*places.values(), *bare])
            checkup = dataclasses.replace(checkup, troubles=(*checkup.troubles, *found))
    servers, unanswered = asked_servers(build_chain(recipe), online=online)
    checkup = dataclasses.replace(checkup, troubles=(*checkup.troubles, *unanswered))
    names = {place: name for name, place in places.items()}
    missing = tuple(name for name in absent if name not in known)
    return Check(renamed(checkup, names), known, missing, bare, tuple(servers))


def _is_bare(key: ModelKey) -> bool:
    """Whether a checkpoint that is here has configs alone; one of pickles has weights, and is refused for
    them."""
    try:
        return not any(path.suffix in _WEIGHTS for path in files_in(folder_of(key.checkpoint)))
    except DiptychError:
        return False


def markdown(recipes: Iterable[Recipe]) -> Iterator[str]:
    """Lines of a table: what each recipe is good for, GiB for one picture, licence.

    A recipe that cannot be planned has no figures.
    """
    yield "| recipe | good for | GiB by stage: weights + work | least budget | all at once | licence |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for recipe in recipes:
        plan = check(recipe, micro_batch=1, device="cpu").checkup.plan
        figures = ["", "", ""]
        if plan is not None:
            stages = (
                f"{step.name} {_gib(step.weights_bytes)} + {_gib(step.workspace_bytes)}"
                for step in plan.first
                if step.uses
            )
            figures = [", ".join(stages), _gib(plan.least_bytes), _gib(plan.ample_bytes)]
        use = f"{recipe.use} ({recipe.width}x{recipe.height})"
        yield f"| {' | '.join([f'`{recipe.name}`', use, *figures, recipe.licence])} |"


def _gib(count: int) -> str:
    return f"{count / GIB:.1f}" if count >= GIB else f"{count / GIB:.2f}"


def _absent(key: ModelKey) -> str:
    """The Hub's id of a checkpoint that is not on this disk; empty for what is there, or is no id."""
    try:
        place_of(key.checkpoint)
    except DiptychError:
        return key.checkpoint if key.checkpoint.count("/") == 1 else ""
    return ""
