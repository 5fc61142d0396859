"""How many Plans of short prompts keep what was asked: `python benchmarks/planner.py`.

64 prompts such as "a red boat", and 64 such as "a red boat and a blue cat"; a Plan keeps a prompt when its text
names each thing in its colour.
"""

import random

from diptych import TextToImage
from diptych.engine.microbatch import Done, run_stage
from diptych.pipelines.pocket.world import COLOURS, KINDS

COUNT = 64


def wishes(things: int) -> list[list[str]]:
    """For each prompt the things that it asks for, such as "red boat"."""
    rows = []
    for i in range(COUNT):
        rng = random.Random(i)
        kinds, colours = rng.sample(KINDS, things), rng.sample(list(COLOURS), things)
        rows.append([f"{colour} {kind}" for colour, kind in zip(colours, kinds, strict=True)])
    return rows


def kept(pipe: TextToImage, rows: list[list[str]]) -> int:
    """How many Plans name all that was asked for."""
    prompts = [" and ".join(f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in row) for row in rows]
    requests = [pipe.request(prompt, seed=i) for i, prompt in enumerate(prompts)]
    done = run_stage(pipe.runner.chain.stages[0], requests, memory=pipe.runner.memory)
    pairs = zip(done, rows, strict=True)
    return sum(isinstance(d, Done) and all(name in d.value.prompt for name in row) for d, row in pairs)


if __name__ == "__main__":
    pipe = TextToImage.from_recipe("pocket")
    for things in (1, 2):
        print(f"{things} thing(s): {kept(pipe, wishes(things))} of {COUNT} plans keep the prompt")
