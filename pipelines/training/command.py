"""What `diptych train` does: fits the parts, trains the models one after the other, ships them."""

import difflib
import sys
from collections.abc import Callable
from pathlib import Path

from ...engine.errors import InputError
from ..recipes.reader import POCKET_WEIGHTS
from ..rendering.output import prepare_folder
from .config import read_config, training_of
from .parts import MODELS, Parts
from .shipping import ship, write_recipe
from .trainer import train
from .weights import quiet_libraries

WHAT = ("tokenizer", *MODELS, "all", "ship")


def run_training(
    what: str,
    out: Path,
    *,
    config: Path | None = None,
    steps: int | None = None,
    threads: int | None = None,
    seed: int | None = None,
    into: Path | None = None,
) -> bool:
    """Train one model, or all of them, in `out`, or ship what was trained there; goes on where it was stopped.

    Args:
        what: one of `WHAT`.
        config: a file of sizes and steps in place of the shipped ones.
        steps: of each model, in place of what the config says.
        threads: of the CPU.
        seed: in place of the config's.
        into: where `ship` puts the models; the package's own weights, if not given.

    Returns:
        Whether it is done; not so where Ctrl-C or a polite kill stopped it.

    Raises:
        InputError: an argument or the config is wrong, or a folder cannot be written.
        TrainingDiverged: the loss became NaN or infinite.
    """
    if what not in WHAT:
        near = difflib.get_close_matches(what, WHAT, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise InputError(f"train {what!r}: not known{hint}; known are {', '.join(WHAT)}")
    if into is not None and what != "ship":
        raise InputError(f"train {what}: --into goes with ship alone: train first, then ship")
    quiet_libraries()
    if what == "ship":
        ship(out, into or POCKET_WEIGHTS, say=_say)
        print(into or POCKET_WEIGHTS)
        return True
    table = read_config(config)
    if seed is not None:
        table["seed"] = seed
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    prepare_folder(out)
    parts = Parts(out, table, say=_say)
    if what == "tokenizer":
        parts.codebook()
        print(out / "tokenizer")
        return True
    for name in MODELS if what == "all" else (what,):
        settings = training_of(table, name, steps=steps)
        if not train(parts.task(name), settings, out / name, say=_say):
            return False
    print(_gather(parts, say=_say) if what == "all" else out / what / "model")
    return True


def _gather(parts: Parts, *, say: Callable[[str], None]) -> Path:
    """Put all models into `OUT/weights`, with a recipe that renders with them; returns the recipe's path."""
    weights = parts.out / "weights"
    ship(parts.out, weights, calibration_scenes=parts.config["calibration"]["scenes"], say=say)
    recipe = write_recipe(weights)
    say(f"render with them:        diptych render -p 'a red boat' --recipe {recipe}")
    say(f"measure them:            diptych evaluate --recipe {recipe} --inspector {weights / 'inspector'}")
    say(f"put them in the package: diptych train ship --out {parts.out}")
    return recipe


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
