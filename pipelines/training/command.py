"""What `diptych train` does: fits the parts, trains the models one after the other, ships them."""

import difflib
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from ...engine.errors import InputError
from ..recipes.reader import POCKET_WEIGHTS
from ..rendering.output import prepare_folder, refuse_if_not_a_folder
from .config import Table, read_config, training_of
from .data import PICTURE_SIDE
from .lora import check_base
from .parts import MODELS, WORLD_ONLY, Parts, check_data, read_data
from .shipping import ship, write_recipe
from .trainer import train
from .weights import quiet_libraries

WHAT = ("tokenizer", *MODELS, "all", "lora", "ship")


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
) -> bool:
    """Train one model, or all of them, in `out`, or ship what was trained there; goes on where it was stopped.

    Args:
        what: one of `WHAT`.
        data: "world", or a folder of pictures with captions; the inspector is trained on the world alone.
        config: a file of sizes and steps in place of the shipped ones.
        steps: of each model, in place of what the config says.
        threads: of the CPU.
        seed: in place of the config's.
        beginning: a folder of shipped weights to begin with, or "pocket" for the package's own.
        base: of `lora`: the folder of the diffusers pipeline to fine-tune.
        rank: of `lora`, in place of what the config says.
        into: where `ship` puts the models; the package's own weights, if not given.

    Returns:
        Whether it is done; not so where Ctrl-C or a polite kill stopped it.

    Raises:
        InputError: an argument, the config or the data is wrong, or a folder cannot be written.
        TrainingDiverged: the loss became NaN or infinite.
    """
    _check(what, data=data, beginning=beginning, base=base, rank=rank, into=into)
    quiet_libraries()
    table = read_config(config)
    if seed is not None:
        table["seed"] = seed
    if rank is not None:
        table["lora"] = {**table["lora"], "rank": rank}
    if what == "ship":
        return _ship(out, into or POCKET_WEIGHTS, data, table)
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    side = check_base(base) if base else PICTURE_SIDE
    refuse_if_not_a_folder(out)
    shown = read_data(data, out, table, side=side, say=_say)
    prepare_folder(out)
    parts = Parts(out, table, data=shown, beginning=_beginning(beginning), base=base, say=_say)
    return _train(what, parts, steps)


def _train(what: str, parts: Parts, steps: int | None) -> bool:
    if what == "tokenizer":
        parts.codebook()
        print(parts.out / "tokenizer")
        return True
    everything = [name for name in MODELS if parts.data.name == "world" or name not in WORLD_ONLY]
    for name in everything if what == "all" else [what]:
        settings = training_of(parts.config, name, steps=steps)
        if not train(parts.task(name), settings, parts.out / name, say=_say):
            return False
    print(_gather(parts, say=_say) if what == "all" else parts.out / what / "model")
    return True


def _ship(out: Path, into: Path, data: str, table: Table) -> bool:
    shown = read_data(data, out, table, say=_say)
    check_data(out, shown)
    ship(out, into, data=shown, calibration_scenes=table["calibration"]["scenes"], say=_say)
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
) -> None:
    """Raises `InputError` where the arguments do not go together; reads and writes nothing."""
    if what not in WHAT:
        near = difflib.get_close_matches(what, WHAT, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise InputError(f"train {what!r}: not known{hint}; known are {', '.join(WHAT)}")
    if into is not None and what != "ship":
        raise InputError(f"train {what}: --into goes with ship alone: train first, then ship")
    if data != "world" and what in WORLD_ONLY:
        raise InputError(f"train {what}: is trained on the world alone: leave --data out")
    if data != "world" and what == "ship" and into is None:
        raise InputError(
            "train ship: what a folder taught does not go into the package: name a folder with --into"
        )
    if what == "lora" and base is None:
        raise InputError("train lora: fine-tunes a checkpoint: name its diffusers folder with --base")
    if what != "lora" and (base is not None or rank is not None):
        raise InputError(f"train {what}: --base and --rank go with lora alone")
    if what == "lora" and beginning is not None:
        raise InputError("train lora: --start-from does not go with it: what it begins with is --base")


def _beginning(name: str | None) -> Path | None:
    if name is None:
        return None
    folder = POCKET_WEIGHTS if name == "pocket" else Path(name)
    if not folder.is_dir():
        raise InputError(f"--start-from {name}: there is no such folder: name 'pocket' or a folder of weights")
    return folder


def _gather(parts: Parts, *, say: Callable[[str], None]) -> Path:
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


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
