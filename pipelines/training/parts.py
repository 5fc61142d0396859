"""What the trainers stand on: tokenizer, words and latents, each fitted once into the training's folder; and
the trainers themselves, at the sizes that a config says.

    OUT/tokenizer   OUT/text   OUT/latents   OUT/<model>/   OUT/sizes.json (what each of them was made with)
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...engine.errors import InputError
from ...engine.models.patch_codebook import PatchCodebook
from ...engine.models.patch_latents import PatchLatents
from ..rendering.output import write_atomically
from .config import Table, sizes_of
from .data import WorldData
from .folders import replacing
from .trainer import Task

MODELS = ("planner", "drafter", "refiner", "captioner", "inspector")
SIZES = "sizes.json"


class Parts:
    """The fitted parts of a training's folder. What is there is loaded, what is missing is fitted first.

    Args:
        out: the training's folder.
        config: as `read_config` returns it.
        say: is told what is being fitted.
    """

    def __init__(self, out: Path, config: Table, *, say: Callable[[str], None] = print) -> None:
        self.out, self.config, self._say = out, config, say
        self.data = WorldData(count=config["pictures"])

    def codebook(self) -> PatchCodebook:
        """The image tokenizer."""
        from .tokenizer import train_tokenizer

        seed = self.config["seed"]
        sizes = {**self.config["tokenizer"], "seed": seed}
        folder = self._fitted(
            "tokenizer", sizes, lambda part: train_tokenizer(self.data, part, **sizes, say=self._say)
        )
        return PatchCodebook.from_pretrained(folder)

    def words(self) -> Any:
        """The text tokenizer, a `PreTrainedTokenizerFast`."""
        from transformers import AutoTokenizer

        from .texts import train_text_tokenizer

        sizes = self.config["text"]
        folder = self._fitted("text", sizes, lambda part: train_text_tokenizer(part, **sizes))
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def latents(self) -> PatchLatents:
        """The space in which the refiner paints."""
        from .refiner import fit_latents

        sizes, book = self.config["latents"], self.codebook()
        folder = self._fitted(
            "latents",
            sizes,
            lambda part: fit_latents(self.data, book, **sizes, say=self._say).save_pretrained(part),
        )
        return PatchLatents.from_pretrained(folder)

    def task(self, name: str) -> Task:
        """The trainer of model `name`.

        Raises:
            InputError: its sizes do not fit together, or differ from those that its folder was begun with.
        """
        sizes = sizes_of(self.config, name)
        batch_size = self.config[name]["training"]["batch_size"]
        begun_with = {**sizes, "batch_size": batch_size, "seed": self.config["seed"]}
        self._check(name, begun_with)
        from huggingface_hub.errors import StrictDataclassError  # how transformers' configs say no

        try:
            task = self._task(name, {**sizes, "seed": self.config["seed"]})
        except (ValueError, AssertionError, StrictDataclassError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
            raise InputError(f"config: [{name}]: these sizes do not fit together: {reason}") from error
        self._remember(name, begun_with)
        return task

    def _task(self, name: str, sizes: Table) -> Task:
        match name:
            case "planner":
                from .planner import PlannerTask

                return PlannerTask(self.data, self.words(), **sizes)
            case "drafter":
                from .drafter import DrafterTask

                return DrafterTask(self.data, self.codebook(), self.words(), **sizes)
            case "refiner":
                from .refiner import Drops, RefinerTask

                sizes = {**sizes, "channels": tuple(sizes["channels"]), "drops": Drops(**sizes["drops"])}
                return RefinerTask(self.data, self.codebook(), self.latents(), self.words(), **sizes)
            case "captioner":
                from .captioner import CaptionerTask

                return CaptionerTask(self.data, self.codebook(), self.words(), **sizes)
            case "inspector":
                from .inspector import InspectorTask

                return InspectorTask(self.data, **sizes)
            case _:
                raise AssertionError(f"no model {name!r}")

    def _fitted(self, name: str, sizes: Table, fit: Callable[[Path], object]) -> Path:
        folder = self.out / name
        self._check(name, sizes)
        if not folder.exists():
            self._say(f"{name}: is being fitted")
            with replacing(folder) as part:
                fit(part)
            self._remember(name, sizes)
        return folder

    def _check(self, name: str, sizes: Table) -> None:
        """What is there was made with these sizes, or nobody knows with which."""
        if not (self.out / name).exists():
            return
        for key, before in self._sizes().get(name, sizes).items():
            if sizes.get(key) != before:
                raise InputError(
                    f"{self.out / name}: was begun with {key} = {before}, which is now {sizes.get(key)}: "
                    f"take another --out, or remove the folder"
                )

    def _remember(self, name: str, sizes: Table) -> None:
        known = self._sizes() | {name: sizes}
        write_atomically(self.out / SIZES, (json.dumps(known, indent=2) + "\n").encode())

    def _sizes(self) -> dict[str, Table]:
        path = self.out / SIZES
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
