"""What the trainers stand on: tokenizer, words and latents, each fitted once into the training's folder; and
the trainers themselves, at the sizes that a config says.

    OUT/tokenizer   OUT/text   OUT/latents   OUT/<model>/   OUT/sizes.json (see `made_with`)
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ...engine.errors import InputError
from ...engine.models.diffusion.patch_latents import PatchLatents
from ...engine.models.vision.patch_codebook import PatchCodebook
from ..files import prepare_folder, replacing_folder, write_atomically
from ..sheets.sample_sheet import SAMPLES, draw_samples
from .config import Table, sizes_of
from .data.art_data import FROM_NPM, ArtData, ArtSource, open_art
from .data.folder_data import open_folder
from .data.source import PICTURE_SIDE, TrainingData, WorldData
from .loop.trainer import STATE, Task
from .loop.warm_start import start_from
from .made_with import MadeWith
from .trainers import TRAINERS, Need, make_task


def read_data(
    name: str,
    out: Path,
    config: Table,
    *,
    side: int = PICTURE_SIDE,
    cache: bool = False,
    art: ArtSource = FROM_NPM,
    say: Callable[[str], None] = print,
) -> TrainingData:
    """The world, the art with the world beside it, or a user's folder of pictures with captions, made ready in
    `out`.

    Args:
        name: "world", "art", or the folder's.
        side: of the pictures that a folder gives, at most, in pixels.
        cache: keep pictures that are drawn in `out`; a folder's are, in any case.
        art: where the art comes from.

    Raises:
        InputError: see `open_folder`, `open_art`, and `DrawnPictures`.
    """
    if name in ("world", "art"):
        count, share = config["pictures"], config["world_share"]
        shown: WorldData | ArtData = WorldData(count=count)
        if name == "art":
            shown = open_art(art, out / "art", count=count, world_share=share, say=say)
        return shown.keeping(out / "drawn") if cache else shown
    return open_folder(Path(name), out / "pictures", side=side, say=say)


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
        self._made_with = MadeWith(out, self.data)

    def codebook(self) -> PatchCodebook:
        """The image tokenizer."""
        from .tasks.tokenizer import show_codebook, train_tokenizer

        seed = self.config["seed"]
        sizes = {**self.config["tokenizer"], "seed": seed}
        start = PatchCodebook.from_pretrained(self.beginning / "tokenizer") if self.beginning else None

        def fit(part: Path) -> None:
            if isinstance(self.data, WorldData | ArtData) and self.data.drawn:
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
            InputError: its sizes do not fit together, or differ from those that its folder was started with.
        """
        sizes = sizes_of(self.config, name)
        batch_size = self.config[name]["training"]["batch_size"]
        begun_with = {**sizes, "batch_size": batch_size, "seed": self.config["seed"]}
        begun_with |= self._further_ones(name)
        self._made_with.check(name, begun_with)
        from huggingface_hub.errors import StrictDataclassError  # how transformers' configs say no

        if TRAINERS[name].needs_masks and not isinstance(self.data, WorldData | ArtData):
            raise InputError(
                f"train {name}: is trained on the world or on art alone: leave --data out, or say art"
            )
        try:
            needed = [self._needed(need) for need in TRAINERS[name].needs]
            task = make_task(name, needed, {**sizes, "seed": self.config["seed"]})
        except (ValueError, AssertionError, StrictDataclassError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
            raise InputError(f"config: [{name}]: these sizes do not fit together: {reason}") from error
        beginning = None if (self.out / name / STATE).exists() else self.beginning
        if beginning is not None and (copied := start_from(task, beginning)):
            self._say(f"{name}: {copied:,} weights begin as those of {beginning}")
        self._made_with.note(name, begun_with)
        return task

    def _further_ones(self, name: str) -> Table:
        """What a model is made with beside its sizes: weights that its trainer begins with."""
        from .tasks.preference import fingerprint

        found: Table = {}
        for need in TRAINERS[name].needs:
            if need == "base":
                found[need] = str(self.base)
            if need == "beginning":
                found[need] = fingerprint(self._needed(need))
        return found

    def _needed(self, need: Need) -> Any:
        """A part that a trainer is made of."""
        match need:
            case "data" | "beginning" | "base":
                part = getattr(self, need)
                assert part is not None, f"a trainer needs {need}, which is checked before"
                return part
            case "codebook" | "words" | "latents":
                return getattr(self, need)()

    def _fitted(self, name: str, sizes: Table, fit: Callable[[Path], object]) -> Path:
        folder = self.out / name
        self._made_with.check(name, sizes)
        if not folder.exists():
            self._say(f"{name}: is being fitted")
            with replacing_folder(folder) as part:
                fit(part)
            self._made_with.note(name, sizes)
        return folder


def open_parts(
    out: Path,
    config: Table,
    *,
    data: str,
    cache: bool,
    art: ArtSource,
    beginning: Path | None,
    base: Path | None,
    side: int,
    say: Callable[[str], None],
) -> Parts:
    """The parts of folder `out`, which is made, and of what is trained on: see `read_data` and `Parts`."""
    shown = read_data(data, out, config, side=side, cache=cache, art=art, say=say)
    prepare_folder(out)
    return Parts(out, config, data=shown, beginning=beginning, base=base, say=say)
