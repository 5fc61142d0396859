"""What a picture takes of processor time and memory: `atlas` beside `pocket`, by turns.

Run as `python -m diptych.pipelines.evaluation.recalled.cost [COUNT]`: so many prompts that both know; each is
rendered by both, one after the other, and who comes first changes. Processor time, not the clock's: other work
on the machine then counts little. Memory is the largest that a process of its own had, which renders eight of
them, less what one had that imports the same and renders nothing.
"""

import multiprocessing
import random
import resource
import sys
import time
from typing import Any

from ...pocket.world import sample_scene
from ...text_to_image import TextToImage
from ..figures import Measure
from .lines import said_of

RECIPES = {"pocket": "", "atlas": ", as a sticker"}
"""With what is said behind each prompt: what a memory has is drawn by heart unless its style is asked for."""
PLAIN: dict[str, Any] = {"candidates": 1, "rounds": 1, "repairs": 0}
OF_MEMORY = 8  # pictures
MIB = 2**20


def prompts(count: int) -> list[str]:
    """Scenes of the illustrated world, which the memory has drawings of, too; without their styles."""
    said = [said_of(sample_scene(random.Random(f"cost/{i}"), style="flat")) for i in range(2 * count)]
    known = [text for text in said if "lighthouse" not in text and "lamp" not in text]  # which no set has
    return [text.rsplit(", ", 1)[0] for text in known[:count]]


def seconds(pipe: TextToImage, prompt: str, seed: int) -> float:
    """Processor time of one picture."""
    before = time.process_time()
    list(pipe.run([pipe.request(prompt, seed=seed, row=1, **PLAIN)]))
    return time.process_time() - before


def timed(asked: list[str]) -> dict[str, list[float]]:
    """Of each recipe, seconds by prompt."""
    pipes = {name: TextToImage.from_recipe(name) for name in RECIPES}
    for name, pipe in pipes.items():  # loads the weights
        seconds(pipe, asked[0] + RECIPES[name], 0)
    took: dict[str, list[float]] = {name: [] for name in RECIPES}
    for i, prompt in enumerate(asked):
        for name in RECIPES if i % 2 else reversed(RECIPES):
            took[name].append(seconds(pipes[name], prompt + RECIPES[name], i))
    return took


def largest_mib(recipe: str) -> float:
    """Of a process of its own: the most memory that it had, in MiB."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_rendered, (recipe,))


def _rendered(recipe: str) -> float:
    if recipe:
        pipe = TextToImage.from_recipe(recipe)
        for i, prompt in enumerate(prompts(OF_MEMORY)):
            seconds(pipe, prompt + RECIPES[recipe], i)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / MIB


def main(count: int = 60) -> None:
    nothing = largest_mib("")  # memory first: a child begins with what this process had at most
    for name in RECIPES:
        print(f"{name}: {largest_mib(name) - nothing:.0f} MiB of memory beyond what imports take", flush=True)
    took = timed(prompts(count))
    for name in RECIPES:
        print(f"{name}: {Measure.mean_of(took[name], 's')} of processor time a picture", flush=True)
    longer = [after - before for before, after in zip(*(took[name] for name in RECIPES), strict=True)]
    less, more = RECIPES
    print(f"{more} less {less}, of the same prompt: {Measure.mean_of(longer, 's')}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
