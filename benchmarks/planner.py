"""How many Plans of short prompts keep what was asked.

64 prompts such as "a red boat", 64 such as "a red boat and a blue cat", 64 such as "three red boats"; a Plan
keeps a prompt when its text names each thing in its colour, or so many of them.

    kept_of_one_thing, kept_of_two_things, kept_of_several   shares of the prompts
"""

import random

from ..engine.microbatch import Done, run_stage
from ..pipelines.pocket.world import COLOURS, KINDS
from ..pipelines.pocket.world.words import an, number_of
from ..pipelines.text_to_image import TextToImage
from .harness.options import Options
from .harness.report import Report, table

COUNTS = {"kept_of_one_thing": 1, "kept_of_two_things": 2}
SEVERAL = (2, 3, 4)


def measure(options: Options) -> Report:
    """Heeds recipe, device and prompts."""
    pipe = TextToImage.from_recipe(options.recipe, device=options.device)
    kept = {
        name: _kept(pipe, [(" and ".join(map(an, row)), row) for row in wishes(things, options.prompts)])
        for name, things in COUNTS.items()
    }
    kept["kept_of_several"] = _kept(pipe, [(asked, [asked]) for asked in several(options.prompts)])
    shown = table("", f"of {options.prompts}")
    for name, count in kept.items():
        shown.add_row(name, str(count))
    figures = {name: count / options.prompts for name, count in kept.items()}
    return Report(name="planner", figures=figures, tables={"plans that keep the prompt": shown})


def wishes(things: int, count: int) -> list[list[str]]:
    """For each prompt the things that it asks for, such as "red boat"."""
    rows = []
    for i in range(count):
        rng = random.Random(i)
        kinds, colours = rng.sample(list(KINDS), things), rng.sample(list(COLOURS), things)
        rows.append([f"{colour} {kind}" for colour, kind in zip(colours, kinds, strict=True)])
    return rows


def several(count: int) -> list[str]:
    """For each prompt what it asks for several of, such as "three red boats"."""
    rngs = [random.Random(i) for i in range(count)]
    return [number_of(rng.choice(SEVERAL), f"{rng.choice(list(COLOURS))} {rng.choice(KINDS)}") for rng in rngs]


def _kept(pipe: TextToImage, asked: list[tuple[str, list[str]]]) -> int:
    """How many Plans of prompts name all that each asks for."""
    requests = [pipe.request(prompt, seed=i) for i, (prompt, _) in enumerate(asked)]
    done = run_stage(pipe.runner.chain.stages[0], requests, memory=pipe.runner.memory)
    pairs = zip(done, asked, strict=True)
    return sum(isinstance(d, Done) and all(name in d.value.prompt for name in row) for d, (_, row) in pairs)
