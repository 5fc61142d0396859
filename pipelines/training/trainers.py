"""The models that can be trained: which class trains each, what that is made of, and what its sizes become.

A new one is a row of `TRAINERS`, a module of `tasks`, and a table of its name in `pocket.toml`. Modules are
imported when their model is trained.
"""

import dataclasses
import importlib
from typing import Any, Literal

from .config import Table
from .loop.trainer import Task

Need = Literal["data", "codebook", "words", "latents", "beginning", "base"]
"""What a trainer is made of: a part that `parts.Parts` gives by this name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trainer:
    """How one model is trained.

    Args:
        module: of `tasks`.
        task: its class, which takes what it `needs`, in that order, and its sizes by name.
        needs: parts.
        sizes: a function of the module that makes of the config's table what the class takes; none if empty.
        of_all: `train all` trains it.
        needs_masks: it needs to know where each thing of a picture is, which the world and the art alone say.
        looks: it looks at pictures of the world again and again, so that it is quicker where they are kept.
    """

    module: str
    task: str
    needs: tuple[Need, ...]
    sizes: str = ""
    of_all: bool = True
    needs_masks: bool = False
    looks: bool = True


TRAINERS: dict[str, Trainer] = {
    "planner": Trainer(module="planner", task="PlannerTask", needs=("data", "words"), looks=False),
    "drafter": Trainer(module="drafter", task="DrafterTask", needs=("data", "codebook", "words")),
    "refiner": Trainer(
        module="refiner",
        task="RefinerTask",
        needs=("data", "codebook", "latents", "words"),
        sizes="refiner_sizes",
    ),
    "captioner": Trainer(module="captioner", task="CaptionerTask", needs=("data", "codebook", "words")),
    "inspector": Trainer(
        module="inspector", task="InspectorTask", needs=("data",), needs_masks=True, looks=False
    ),
    "preference": Trainer(
        module="preference", task="PreferenceTask", needs=("data", "beginning"), of_all=False, looks=False
    ),
    "sketch_reader": Trainer(
        module="sketch_reader",
        task="SketchReaderTask",
        needs=("data", "beginning"),
        of_all=False,
        looks=False,
    ),
    "thing_finder": Trainer(
        module="thing_finder",
        task="ThingFinderTask",
        needs=("data", "beginning"),
        of_all=False,
        looks=False,
    ),
    "lora": Trainer(module="lora", task="LoraTask", needs=("data", "base"), of_all=False),
}
"""By the name of the model, in the order in which `train all` trains them."""

MODELS = tuple(name for name, trainer in TRAINERS.items() if trainer.of_all)
WITH_MASKS = tuple(name for name, trainer in TRAINERS.items() if trainer.needs_masks)


def make_task(name: str, parts: list[Any], sizes: Table) -> Task:
    """The trainer of a model.

    Args:
        parts: what it needs, in that order.
        sizes: the config's table for it.

    Raises:
        ValueError, AssertionError, StrictDataclassError: the sizes do not fit together.
    """
    trainer = TRAINERS[name]
    module = importlib.import_module(f".tasks.{trainer.module}", __package__)
    fitted = getattr(module, trainer.sizes)(sizes) if trainer.sizes else sizes
    return getattr(module, trainer.task)(*parts, **fitted)
