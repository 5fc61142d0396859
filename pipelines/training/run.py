"""What `diptych train` does: fits the parts, trains the models one after the other, ships them."""

import functools
import shlex
from collections.abc import Callable
from pathlib import Path

import torch

from ...engine.errors import InputError
from ...engine.language.words.inflection import an
from ...engine.messages import did_you_mean
from ..files import refuse_if_not_a_folder
from ..recipes.reader import POCKET_WEIGHTS, read_recipe
from ..vocabulary import planner_vocabulary
from .config import Table, read_config
from .data.art_data import FROM_NPM, ArtData, ArtSource, open_art
from .data.source import PICTURE_SIDE, WorldData
from .loop.batches import CAN_FORK
from .loop.weights import quiet_libraries
from .made_with import check_data
from .memory import make_memory
from .one import Lasting, say, train_one
from .parts import Parts, open_parts, read_data
from .shipping import ship, with_another, write_recipe
from .tasks.lora import check_base
from .tasks.preference import keys_of
from .together import train_together
from .trainers import MODELS, TRAINERS, WITH_MASKS

WHAT = (
    "tokenizer",
    *MODELS,
    "all",
    *(name for name in TRAINERS if name not in MODELS),
    "ship",
    "art",
    "memory",
)
BESIDE = {
    "preference": "tunes a drafter that there is",
    "sketch_reader": "shows sketches to a drafter that there is",
    "edge_reader": "shows lines to a drafter that there is",
    "thing_finder": "judges what a drafter that there is draws",
}
"""Models that are trained for shipped ones, and what they do for those."""
OF_ART = {"sketch_reader": "sketches", "thing_finder": "things"}
"""Models that learn from the art alone, and what they learn."""
WITHOUT_KEPT_PICTURES = (
    *(name for name, trainer in TRAINERS.items() if not trainer.looks),
    "ship",
    "art",
    "memory",
)


def run_training(
    what: str,
    out: Path,
    *,
    data: str = "world",
    config: Path | None = None,
    steps: int | None = None,
    threads: int | None = None,
    seed: int | None = None,
    beginning: str | None = None,
    base: Path | None = None,
    rank: int | None = None,
    into: Path | None = None,
    minutes: float | None = None,
    workers: int = 0,
    cache: bool = False,
    together: bool = False,
    art: ArtSource = FROM_NPM,
) -> bool:
    """Train one model, or all of them, in `out`, or ship what was trained there; goes on where it was stopped.

    Args:
        what: one of `WHAT`; nothing is trained for "art" and "memory", which are made ready in `out`.
        data: "world", "art" or a folder of pictures with captions; the inspector is not trained on a folder.
        config: a file of sizes and steps in place of the shipped ones.
        steps: of each model, in place of what the config says.
        threads: of the CPU.
        seed: in place of the config's.
        beginning: a folder of shipped weights to start from, or "pocket" for the package's own.
        base, rank: of `lora`: the folder of the diffusers pipeline to fine-tune; in place of the config's.
        into: where `ship` puts the models; the package's own weights, if not given.
        minutes: of each model, in place of any number of steps.
        workers: processes that make batches ready, for each model; 0 for none beside the training itself.
        cache: keep pictures that are drawn in `out`.
        together: of `all`: the models train at the same time, each in a process of its own.
        art: where the art comes from that is trained on, or made ready.

    Returns:
        Whether it is done; not so where Ctrl-C or a polite kill stopped it.

    Raises:
        InputError: an argument, the config or the data is wrong, or a folder cannot be written.
        TrainingDiverged: the loss became NaN or infinite.
    """
    lasting = Lasting(steps=steps, minutes=minutes, workers=workers)
    _check(what, data=data, beginning=beginning, base=base, rank=rank, into=into, together=together)
    _check_how(what, lasting, data=data, cache=cache, art=art)
    _check_used(what, lasting, config=config, threads=threads, seed=seed, start_from=beginning, cache=cache)
    quiet_libraries()
    if what in ("art", "memory"):
        return _make_art_ready(out, art) if what == "art" else _make_memory(out, art)
    table = _table(config, seed=seed, rank=rank)
    if what == "ship":
        return _ship(out, into or POCKET_WEIGHTS, data, table, art)
    torch.set_num_threads(threads or torch.get_num_threads())
    refuse_if_not_a_folder(out)
    begins = {"beginning": _beginning(beginning, what), "base": base}
    begins |= {"side": check_base(base) if base else PICTURE_SIDE}
    opened = functools.partial(open_parts, out, table, data=data, cache=cache, art=art, **begins, say=say)
    return _train(what, opened, lasting, together=together)


def _table(config: Path | None, *, seed: int | None, rank: int | None) -> Table:
    table = read_config(config)
    if seed is not None:
        table["seed"] = seed
    if rank is not None:
        table["lora"] = {**table["lora"], "rank": rank}
    return table


def _train(what: str, opened: Callable[[], Parts], lasting: Lasting, *, together: bool) -> bool:
    """Whether it is done; then says on standard output where it lies."""
    made = _trained(what, opened, lasting, together=together)
    if made:
        print(made)
    return made is not None


def _trained(what: str, opened: Callable[[], Parts], lasting: Lasting, *, together: bool) -> Path | None:
    """Where that lies which was trained; `None` where it was stopped."""
    parts = opened()
    if what == "tokenizer":
        parts.codebook()
        return parts.out / "tokenizer"
    if what != "all":
        if not train_one(what, parts, lasting, say=say):
            return None
        return _beside_the_others(parts) if what == "preference" else parts.out / what / "model"
    names = [name for name in MODELS if isinstance(parts.data, WorldData | ArtData) or name not in WITH_MASKS]
    if together:
        done = train_together(names, parts, opened, lasting)
    else:
        done = all(train_one(name, parts, lasting, say=say) for name in names)
    return _gather(parts) if done else None


def _beside_the_others(parts: Parts) -> Path:
    """Put the tuned drafter beside the models that it was tuned with; returns the recipe's path."""
    assert parts.beginning is not None, "what is tuned goes on from weights"
    folder = parts.out / "preference"
    recipe = with_another("drafter", folder / "model", parts.beginning, folder / "weights")
    if parts.data.name == "world":
        say(f"measure it beside what it was: diptych evaluate --recipe {shlex.quote(str(recipe))}")
    return recipe


def _make_art_ready(out: Path, art: ArtSource) -> bool:
    refuse_if_not_a_folder(out)
    ready = open_art(art, out, count=1, say=say).art
    say(f"art: {len(ready.kinds)} kinds, drawn by {len(ready.hands)} hands: {', '.join(ready.hands)}")
    folders = "".join(f" --folder {shlex.quote(str(folder))}" for folder in art.folders)
    say(f"train on it: diptych train all --data art --art {shlex.quote(str(out))}{folders} --out FOLDER")
    print(out)
    return True


def _make_memory(out: Path, art: ArtSource) -> bool:
    recipe = make_memory(out, art, say=say)
    vocabulary = planner_vocabulary(read_recipe(recipe))
    assert vocabulary is not None, "it was written with its words"
    prompt = an(next(iter(vocabulary.kinds)))
    say(f"draw what it knows: diptych render -p {shlex.quote(prompt)} --recipe {shlex.quote(str(recipe))}")
    print(recipe)
    return True


def _ship(out: Path, into: Path, data: str, table: Table, art: ArtSource) -> bool:
    shown = read_data(data, out, table, art=art, say=say)
    check_data(out, shown)
    ship(out, into, data=shown, calibration_scenes=table["calibration"]["scenes"], say=say)
    print(into)
    return True


def _check(
    what: str,
    *,
    data: str,
    beginning: str | None,
    base: Path | None,
    rank: int | None,
    into: Path | None,
    together: bool,
) -> None:
    """Raises `InputError` where the arguments do not go together; reads and writes nothing."""
    if what not in WHAT:
        raise InputError(f"train {what!r}: not known{did_you_mean(what, WHAT)}; known are {', '.join(WHAT)}")
    if together and what != "all":
        raise InputError(f"train {what}: --together goes with all alone")
    if into is not None and what != "ship":
        raise InputError(f"train {what}: --into goes with ship alone: train first, then ship")
    if data not in ("world", "art") and what in WITH_MASKS:
        raise InputError(f"train {what}: is trained on the world or on art alone: leave --data out, or say art")
    if data != "world" and what == "ship" and into is None:
        raise InputError(
            "train ship: what other data than the world taught does not go into the package: name a folder with"
            " --into"
        )
    if what == "lora" and base is None:
        raise InputError("train lora: fine-tunes a checkpoint: name its diffusers folder with --base")
    if what in BESIDE and beginning is None:
        raise InputError(
            f"train {what}: {BESIDE[what]}: name its weights with --start-from: pocket, or a folder of shipped"
            " ones"
        )
    if what in OF_ART and data != "art":
        raise InputError(f"train {what}: {OF_ART[what]} are of the art alone: say --data art")
    if what == "edge_reader" and data != "world":
        raise InputError("train edge_reader: lines are of the illustrated world alone: leave --data out")
    if what != "lora" and (base is not None or rank is not None):
        raise InputError(f"train {what}: --base and --rank go with lora alone")
    if what == "lora" and beginning is not None:
        raise InputError("train lora: --start-from does not go with it: what it begins with is --base")


def _check_art(what: str, art: ArtSource, *, data: str) -> None:
    """Likewise."""
    if what == "art" and (data != "world" or art.cache is not None):
        raise InputError("train art: makes the art ready in --out: leave --data and --art out")
    if what == "memory" and data != "world":
        raise InputError(
            "train memory: is made of drawings: name them with --art, --from or --folder, not --data"
        )
    if what not in ("art", "memory") and data != "art" and art.is_given:
        raise InputError(f"train {what}: --art, --from and --folder go with --data art: add it")


def _check_how(what: str, lasting: Lasting, *, data: str, cache: bool, art: ArtSource) -> None:
    """Likewise."""
    _check_art(what, art, data=data)
    if lasting.steps is not None and lasting.minutes is not None:
        raise InputError(f"train {what}: --steps and --minutes do not go together: name one of them")
    if lasting.workers and not CAN_FORK:
        raise InputError(f"train {what}: --workers are forked, which goes on Linux alone: leave it out")
    if cache and data not in ("world", "art"):
        raise InputError(f"train {what}: a folder's pictures are kept in any case: leave --cache out")
    if cache and what in WITHOUT_KEPT_PICTURES:
        raise InputError(f"train {what}: takes none of the pictures that --cache keeps: leave it out")


def _check_used(what: str, lasting: Lasting, **options: object) -> None:
    """Raises `InputError` for an option that would be passed over, for nothing is trained."""
    if what not in ("art", "ship", "memory"):
        return
    given = {name: value for name, value in {**vars(lasting), **options}.items() if value}
    used = ("config", "seed") if what == "ship" else ()
    if unused := [f"--{name.replace('_', '-')}" for name in given if name not in used]:
        raise InputError(f"train {what}: has no use for {', '.join(unused)}: leave that out")


def _beginning(name: str | None, what: str) -> Path | None:
    if name is None:
        return None
    folder = POCKET_WEIGHTS if name == "pocket" else Path(name)
    if not folder.is_dir():
        raise InputError(f"--start-from {name}: there is no such folder: name 'pocket' or a folder of weights")
    if what == "preference":
        keys_of(folder)  # says what is not there
    return folder


def _gather(parts: Parts) -> Path:
    """Put all models into `OUT/weights`, with a recipe that renders with them; returns the recipe's path."""
    weights = parts.out / "weights"
    scenes = parts.config["calibration"]["scenes"]
    ship(parts.out, weights, data=parts.data, calibration_scenes=scenes, say=say)
    recipe = write_recipe(weights)
    prompt = parts.data.prompt_of(parts.data.held_out().scenes([0])[0])
    say(f"render with them:        diptych render -p {shlex.quote(prompt)} --recipe {recipe}")
    if parts.data.name == "world":
        say(f"measure them:            diptych evaluate --recipe {recipe} --inspector {weights / 'inspector'}")
        say(f"put them in the package: diptych train ship --out {parts.out}")
    return recipe
