"""Where pictures come from: the recipe, the revisions of its checkpoints, the mode, the device, the versions.

One for a whole batch. What a single row adds to it is `provenance`'s business.
"""

import dataclasses
import functools
import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping
from typing import Any

from ...engine import extensions
from ...engine.kernels.library import library as kernels
from ...engine.remote.address import FAMILY as SERVER
from ...engine.remote.address import WAY
from ...engine.runner import Runner
from ...engine.version import __version__
from .reader import Recipe
from .revisions import revision_of
from .tables.elsewhere import PARTS
from .writer import checkpoint_name, recipe_table

_LIBRARIES = ("torch", "transformers", "diffusers", "llguidance", "numpy", "pillow")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Environment:
    """What made a batch of pictures, and what would make them again.

    Args:
        recipe: its name.
        table: the recipe, as `parse_recipe` reads it.
        revisions: of each checkpoint that the table names.
        deterministic: the same bits whatever else is in the batch.
        micro_batch: rows that a stage works on at once, at most; in the deterministic mode all are padded to
            it.
        memory_bytes: the budget that was given; `None` for none.
        device: the kind of hardware, as far as it decides the last bits.
        versions: of diptych, the libraries, and the packages that bring the recipe's stages and families.
    """

    recipe: str
    table: Mapping[str, Any]
    revisions: Mapping[str, str]
    deterministic: bool
    micro_batch: int
    memory_bytes: int | None
    device: str
    versions: Mapping[str, str]

    def essence(self) -> dict[str, Any]:
        """What of it makes a row another row: models by their content, and the mode. Not names, device or
        versions, so that a batch can be gone on with on another machine, or after an update."""
        return {
            "stages": {
                name: _by_content(_asked(table), self.revisions) for name, table in self.table["stages"].items()
            },
            "deterministic": self.deterministic,
        }


def environment_of(recipe: Recipe, runner: Runner) -> Environment:
    """What pictures are made with by this runner, whose chain is the recipe's. Reads checkpoints to hash them.

    Raises:
        CheckpointError: one cannot be read.
    """
    batching, memory = runner.batching, runner.memory
    return Environment(
        recipe=recipe.name,
        table=recipe_table(recipe),
        revisions=revisions(recipe),
        deterministic=batching.batch_invariant,
        micro_batch=batching.micro_batch,
        memory_bytes=memory.given_bytes,
        device=_hardware(memory.device),
        versions=versions() | _quantiser_versions(recipe) | _extension_versions(recipe),
    )


def origin_of(recipe: Recipe, runner: Runner) -> str:
    """Sixteen hex digits that differ where `environment_of` would, as far as that is known without a look at
    checkpoints."""
    batching, memory = runner.batching, runner.memory
    mode = batching.batch_invariant, batching.micro_batch, memory.given_bytes, memory.device
    return hashlib.sha256(repr((recipe.name, recipe_table(recipe), mode)).encode()).hexdigest()[:16]


def revisions(recipe: Recipe) -> dict[str, str]:
    """The revision of each checkpoint of a recipe, by the name that its table has for it."""
    keys = [key for stage in recipe.stages.values() for key in stage.keys]
    found = dict.fromkeys(
        each for key in keys for each in (key.checkpoint, *(lora[0] for lora in key.loras), *key.embeddings)
    )
    named = {checkpoint_name(checkpoint): revision_of(checkpoint) for checkpoint in found}
    for key in keys:
        named |= {checkpoint_name(place): revision_of(place, part=name) for name, place in key.parts}
        named |= {key.config: revision_of(key.config, weights=False)} if key.config else {}
    return named


@functools.cache
def versions() -> dict[str, str]:
    """Of diptych, Python and the libraries that decide a picture; imports none of them."""
    found = {"diptych": __version__, "python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            found[library] = "none"
    return found


def _quantiser_versions(recipe: Recipe) -> dict[str, str]:
    """Of what quantises a recipe's models when they are loaded."""
    keys = (key for stage in recipe.stages.values() for key in stage.keys)
    if not any(dict(key.tuning).get("quantize") for key in keys):
        return {}
    try:
        return {"torchao": importlib.metadata.version("torchao")}
    except importlib.metadata.PackageNotFoundError:
        return {"torchao": "none"}


def _extension_versions(recipe: Recipe) -> dict[str, str]:
    """Of the packages that bring stages and families of a recipe; what diptych has itself comes first."""
    from ...engine.models.registry import FAMILIES as OUR_FAMILIES
    from .build import STAGES as OUR_STAGES

    stages = recipe.stages.keys() - OUR_STAGES.keys()
    families = {key.family for stage in recipe.stages.values() for key in stage.keys} - OUR_FAMILIES.keys()
    return extensions.packages(extensions.STAGES, stages) | extensions.packages(extensions.FAMILIES, families)


def _hardware(device: str) -> str:
    import torch

    if device.startswith("cuda"):
        return f"cuda, {torch.cuda.get_device_name(device)}"
    if device == "cpu":
        own = "" if kernels() is None else ", own kernels"
        return f"cpu, {platform.machine()} {torch.backends.cpu.get_cpu_capability()}{own}"
    return device


def _is_place(name: str, value: Any) -> bool:
    """Whether a value of a recipe's table is a checkpoint's name."""
    return isinstance(value, str) and name in ("checkpoint", "config", *PARTS)


def _asked(stage: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stage's table without what says how a server is reached."""
    if stage["family"] != SERVER:
        return stage
    settings = {name: value for name, value in stage.get("settings", {}).items() if name not in WAY}
    return {**stage, "settings": settings}


def _by_content(value: Any, revisions: Mapping[str, str]) -> Any:
    """The table with each checkpoint's revision in the place of its name; without the LoRA weights that rows
    may ask for, which are part of the rows that do."""
    if isinstance(value, list):
        return [_by_content(each, revisions) for each in value if not _is_named(each)]
    if not isinstance(value, Mapping):
        return value
    table = {name: each for name, each in value.items() if name != "lora_folder"}
    if "embeddings" in table:
        table["embeddings"] = [revisions.get(each, each) for each in table["embeddings"]]
    if table.get("loras") and all(_is_named(each) for each in table["loras"]):
        del table["loras"]
    return {
        name: revisions.get(each, each) if _is_place(name, each) else _by_content(each, revisions)
        for name, each in table.items()
    }


def _is_named(value: Any) -> bool:
    return isinstance(value, Mapping) and "checkpoint" in value and bool(value.get("name"))
