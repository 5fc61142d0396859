"""What the trainers stand on: tokenizer, words and latents, each fitted once into the training's folder; and
the trainers themselves, at the sizes that a config says.

    OUT/tokenizer   OUT/text   OUT/latents   OUT/<model>/   OUT/sizes.json (what each of them was made with)
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ...engine.diffusion.objective import Objective
from ...engine.errors import InputError
from ...engine.models.diffusion.patch_latents import PatchLatents
from ...engine.models.vision.patch_codebook import PatchCodebook
from ..files import prepare_folder, write_atomically
from ..sheets.sample_sheet import SAMPLES, draw_samples
from .config import Table, sizes_of
from .data.folder_data import open_folder
from .data.source import PICTURE_SIDE, TrainingData, WorldData
from .loop.folders import replacing
from .loop.trainer import STATE, Task
from .loop.warm_start import start_from

MODELS = ("planner", "drafter", "refiner", "captioner", "inspector")
SIZES = "sizes.json"
WORLD_ONLY = ("inspector",)  # what needs to know where each thing of a picture is


def read_data(
    name: str,
    out: Path,
    config: Table,
    *,
    side: int = PICTURE_SIDE,
    cache: bool = False,
    say: Callable[[str], None] = print,
) -> TrainingData:
    """The world, or a user's folder of pictures with captions, made ready in `out`.

    Args:
        name: "world", or the folder's.
        side: of the pictures that a folder gives, at most, in pixels.
        cache: keep the world's pictures in `out` once they are drawn; a folder's are, in any case.

    Raises:
        InputError: see `open_folder`, and `DrawnPictures`.
    """
    if name == "world":
        world = WorldData(count=config["pictures"])
        return world.keeping(out / "drawn") if cache else world
    return open_folder(Path(name), out / "pictures", side=side, say=say)


def check_data(out: Path, data: TrainingData) -> None:
    """Raises `InputError` if what lies in `out` was trained on other data."""
    for name, sizes in _read_sizes(out).items():
        if (before := sizes.get("data", "world")) != data.name:
            raise InputError(
                f"{out / name}: was trained on {before}, not on {data.name}: name that with --data"
            )


def _read_sizes(out: Path) -> dict[str, Table]:
    """What each thing in `out` was made with; empty where nobody has noted it."""
    path = out / SIZES
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


class Parts:
    """The fitted parts of a training's folder. What is there is loaded, what is missing is fitted first.

    Args:
        out: the training's folder.
        config: as `read_config` returns it.
        data: what is trained on; the world, if not given.
        beginning: a folder of shipped weights that everything begins with, or `None` to begin from nothing.
        base: the diffusers pipeline that LoRA is trained for.
        say: is told what is being fitted.
    """

    def __init__(
        self,
        out: Path,
        config: Table,
        *,
        data: TrainingData | None = None,
        beginning: Path | None = None,
        base: Path | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.out, self.config, self.beginning, self.base, self._say = out, config, beginning, base, say
        self.data: TrainingData = data or WorldData(count=config["pictures"])

    def codebook(self) -> PatchCodebook:
        """The image tokenizer."""
        from .tasks.tokenizer import show_codebook, train_tokenizer

        seed = self.config["seed"]
        sizes = {**self.config["tokenizer"], "seed": seed}
        start = PatchCodebook.from_pretrained(self.beginning / "tokenizer") if self.beginning else None

        def fit(part: Path) -> None:
            if isinstance(self.data, WorldData) and self.data.drawn:
                self.data.drawn.draw_ahead(sizes["pictures"], processes=torch.get_num_threads())
            train_tokenizer(self.data, part, **sizes, start=start, say=self._say)

        folder = self._fitted("tokenizer", sizes, fit)
        book = PatchCodebook.from_pretrained(folder)
        sheet = self.out / f"tokenizer-{SAMPLES}.png"
        if not sheet.exists():
            write_atomically(sheet, draw_samples(show_codebook(self.data, book)))
        return book

    def words(self) -> Any:
        """The text tokenizer, a `PreTrainedTokenizerFast`."""
        from transformers import AutoTokenizer

        from .data.texts import train_text_tokenizer

        sizes = self.config["text"]
        folder = self._fitted("text", sizes, lambda part: train_text_tokenizer(self.data, part, **sizes))
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def latents(self) -> PatchLatents:
        """The space in which the refiner paints: that of what it begins with, or one fitted to the data."""
        from .tasks.refiner import fit_latents

        def fit(part: Path) -> None:
            if self.beginning:
                PatchLatents.from_pretrained(self.beginning / "refiner" / "latents").save_pretrained(part)
            else:
                fit_latents(self.data, self.codebook(), **sizes, say=self._say).save_pretrained(part)

        sizes = self.config["latents"]
        return PatchLatents.from_pretrained(self._fitted("latents", sizes, fit))

    def task(self, name: str) -> Task:
        """The trainer of model `name`.

        Raises:
            InputError: its sizes do not fit together, or differ from those that its folder was begun with.
        """
        sizes = sizes_of(self.config, name)
        batch_size = self.config[name]["training"]["batch_size"]
        begun_with = {**sizes, "batch_size": batch_size, "seed": self.config["seed"]}
        if name == "lora":
            begun_with["base"] = str(self.base)
        if name == "preference":
            begun_with["beginning"] = self._fingerprint()
        self._check(name, begun_with)
        from huggingface_hub.errors import StrictDataclassError  # how transformers' configs say no

        try:
            task = self._task(name, {**sizes, "seed": self.config["seed"]})
        except (ValueError, AssertionError, StrictDataclassError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
            raise InputError(f"config: [{name}]: these sizes do not fit together: {reason}") from error
        beginning = None if (self.out / name / STATE).exists() else self.beginning
        if beginning is not None and (copied := start_from(task, beginning)):
            self._say(f"{name}: {copied:,} weights begin as those of {beginning}")
        self._remember(name, begun_with)
        return task

    def _fingerprint(self) -> str:
        from .tasks.preference import fingerprint

        assert self.beginning is not None, "what is tuned goes on from weights"
        return fingerprint(self.beginning)

    def _task(self, name: str, sizes: Table) -> Task:
        match name:
            case "planner":
                from .tasks.planner import PlannerTask

                return PlannerTask(self.data, self.words(), **sizes)
            case "drafter":
                from .tasks.drafter import DrafterTask

                return DrafterTask(self.data, self.codebook(), self.words(), **sizes)
            case "refiner":
                from .tasks.refiner import Drops, RefinerTask

                sizes |= {"channels": tuple(sizes["channels"]), "drops": Drops(**sizes["drops"])}
                sizes |= {"objective": Objective(**sizes["objective"])}
                return RefinerTask(self.data, self.codebook(), self.latents(), self.words(), **sizes)
            case "captioner":
                from .tasks.captioner import CaptionerTask

                return CaptionerTask(self.data, self.codebook(), self.words(), **sizes)
            case "inspector":
                from .tasks.inspector import InspectorTask

                if not isinstance(self.data, WorldData):
                    raise InputError("train inspector: is trained on the world alone: leave --data out")
                return InspectorTask(self.data, **sizes)
            case "preference":
                from .tasks.preference import PreferenceTask

                assert self.beginning is not None, "what is tuned goes on from weights"
                return PreferenceTask(self.data, self.beginning, **sizes)
            case "lora":
                from .tasks.lora import LoraTask

                assert self.base is not None, "LoRA has a base"
                return LoraTask(self.data, self.base, **sizes)
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
        now = self._named(sizes)
        before = {"data": "world"} | _read_sizes(self.out).get(name, now)
        for key in {**before, **now}:
            was, wanted = before.get(key), now.get(key)
            if was != wanted:
                raise InputError(
                    f"{self.out / name}: was begun with {key} = {was}, which is now {wanted}: "
                    f"take another --out, or remove the folder"
                )

    def _remember(self, name: str, sizes: Table) -> None:
        known = _read_sizes(self.out) | {name: sizes if self.data.name == "world" else self._named(sizes)}
        write_atomically(self.out / SIZES, (json.dumps(known, indent=2) + "\n").encode())

    def _named(self, sizes: Table) -> Table:
        """The sizes, and the name of the data that goes with them."""
        return {**sizes, "data": self.data.name}


def open_parts(
    out: Path,
    config: Table,
    *,
    data: str,
    cache: bool,
    beginning: Path | None,
    base: Path | None,
    side: int,
    say: Callable[[str], None],
) -> Parts:
    """The parts of folder `out`, which is made, and of what is trained on: see `read_data` and `Parts`."""
    shown = read_data(data, out, config, side=side, cache=cache, say=say)
    prepare_folder(out)
    return Parts(out, config, data=shown, beginning=beginning, base=base, say=say)
