"""What the refiners are worth: pictures from held-out drafts, beside the true ones and under the inspector.

python -m diptych.pipelines.evaluation.handover FOLDER [MINUTES [TRAINING_PICTURES [HELD_OUT]]]
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from ....engine.errors import DiptychError, InputError
from ...training.data.source import WorldData
from ...training.handover.arms import Arm, train
from ...training.handover.drafts import Drafting, Drafts, kept
from ...training.handover.refiner import HANDED, HandedRefiner
from ..figures import Figure, Measure, Share
from ..inspector import Inspector
from ..matching import ALL_RIGHT, answers
from ..tokenizer import psnr

HELD_OUT = "held-out"


class Sizes(NamedTuple):
    """Of a comparison: minutes of processor time that each refiner is trained, and numbers of pictures."""

    minutes: float = 3.0
    pictures: int = 1200
    held_out: int = 200


def decibels(pixels: torch.Tensor, truth: torch.Tensor) -> list[float]:
    """PSNR of each picture, in dB."""
    error = (pixels.double() - truth.double()) / 255
    return [psnr(float(row.square().mean())) for row in error]


def in_all_right(pixels: torch.Tensor) -> list[bool]:
    """Whether the inspector sees in each held-out picture all that its scene holds, and no other thing."""
    scenes = WorldData(HELD_OUT).scenes(range(len(pixels)))
    seen = Inspector.from_checkpoint().look(pixels)
    return [answers(each, scene)[ALL_RIGHT] for each, scene in zip(seen, scenes, strict=True)]


def difference(better: list[float], than: list[float], unit: str) -> Measure:
    """By how much one is better than the other on the same pictures, in the mean."""
    return Measure.mean_of([a - b for a, b in zip(better, than, strict=True)], unit)


def compare(arms: dict[str, HandedRefiner], true: Drafts, written: Drafts) -> dict[str, Figure]:
    """The figures, by name.

    Args:
        true: held-out pictures with tokens of their own.
        written: with those that the drafter wrote from the prompts.
    """
    figures: dict[str, Figure] = {"true pictures, right in all": Share.of_truths(in_all_right(true.pixels))}
    near: dict[str, list[float]] = {}
    right: dict[str, list[float]] = {}
    for name, model in arms.items():
        model.eval()
        near[name] = decibels(model.paint(true), true.pixels)
        shown = in_all_right(model.paint(written))
        right[name] = [float(each) for each in shown]
        figures[f"{name}: PSNR to the true picture, from its own tokens"] = Measure.mean_of(near[name], "dB")
        figures[f"{name}: right in all, from tokens that the drafter wrote"] = Share.of_truths(shown)
    for one, other in (("states", "tokens"), ("tokens", "text"), ("states", "text")):
        if one in arms and other in arms:
            figures[f"{one} less {other}: PSNR"] = difference(near[one], near[other], "dB")
            figures[f"{one} less {other}: right in all"] = difference(right[one], right[other], "")
    return figures


def main(folder: Path, sizes: Sizes, *, say: Callable[[str], None]) -> dict[str, Figure]:
    """Train and measure; what is there in `folder` is gone on with."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    drafting = Drafting()
    drafts = kept(
        folder / f"drafts-{sizes.pictures}.safetensors",
        lambda: drafting.of_pictures("train", sizes.pictures, say=say),
    )
    words = len(drafting.model.tokenizer)
    models = {
        each: HandedRefiner(each, drafting.codebook, width=drafting.width, words=words) for each in HANDED
    }
    budget = 60 * sizes.minutes
    arms = {name: Arm(model, budget, folder / f"{name}.safetensors") for name, model in models.items()}
    train(arms, drafts, say=say)
    for name, arm in arms.items():
        say(f"{name}: {arm.steps} steps in {arm.seconds:.0f} s of processor time")
    true = kept(
        folder / f"true-{sizes.held_out}.safetensors",
        lambda: drafting.of_pictures(HELD_OUT, sizes.held_out, say=say),
    )
    written = kept(
        folder / f"written-{sizes.held_out}.safetensors", lambda: drafting.written(HELD_OUT, sizes.held_out)
    )
    return compare(dict(models), true, written)


def run(arguments: list[str]) -> int:
    """What the command does; its exit status."""
    try:
        if not 1 <= len(arguments) <= 4:
            raise InputError(
                "handover FOLDER [MINUTES [TRAINING_PICTURES [HELD_OUT]]]: name a folder to work in"
            )
        folder, *numbers = arguments
        for name, figure in main(
            Path(folder), _sizes(numbers), say=lambda text: print(text, flush=True)
        ).items():
            print(f"{name}: {figure}")
    except DiptychError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _sizes(numbers: list[str]) -> Sizes:
    usual = Sizes()
    said = [*numbers, *map(str, usual[len(numbers) :])]
    try:
        sizes = Sizes(float(said[0]), int(said[1]), int(said[2]))
    except ValueError:
        raise InputError(f"{' '.join(numbers)}: minutes, pictures and held-out pictures are numbers") from None
    if not 0 < sizes.minutes <= 1e5 or not 1 <= sizes.pictures <= 10**6 or not 2 <= sizes.held_out <= 10**5:
        raise InputError(f"{' '.join(numbers)}: minutes above 0, 1 picture or more, 2 held-out ones or more")
    return sizes
