"""How often a thing is drawn in the colour that is asked for, of things that people colour, whatever theirs is.

Run as `python -m diptych.pipelines.evaluation.art.colours [RECIPE [INSPECTOR [FOLDER]]]`: fifty things in ten
colours each. Into FOLDER goes a sheet of them.

*Drawn*: the plan has the colour, and leaves no word out; where it has not, the word is told as left out, and
the row is not accepted. *Shown*: in how many pictures the thing is most of all of that colour: by its pixels
alone, inside the outline of its sketch, and by the inspector.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageFilter
import torch

from ....engine.values import Outcome
from ...pocket.art import known_kinds
from ...pocket.art.colours import named
from ...pocket.art.facts import an
from ...pocket.world import COLOURS
from ...sheets.grid import Labels, grid
from ...text_to_image import TextToImage
from ..figures import Share
from .finding import Look, looks_with
from .measure import memory_of
from .pictures import PLAIN

THINGS = (
    "elephant", "dog", "cat", "horse", "cow", "pig", "lion", "tiger", "bear", "panda", "monkey", "rabbit",
    "fox", "wolf", "mouse", "giraffe", "zebra", "penguin", "owl", "duck", "chicken", "whale", "shark",
    "dolphin", "octopus", "frog", "snake", "crocodile", "butterfly", "unicorn", "dragon", "t-rex", "robot",
    "ghost", "car", "bus", "taxi", "house", "tree", "flower", "sunflower", "apple", "banana", "strawberry",
    "doughnut", "ball", "hat", "guitar", "rocket", "moon",
)  # fmt: skip
"""Chosen before anyone had looked at how they come out; those that are no kinds are left out of the count."""
RIM = 9  # pixels, an odd number: of a sketch's outline so much is not looked at, its half on either side
COLUMNS, SIDE = 10, 72


def pairs() -> list[tuple[str, str]]:
    """Each thing in each colour."""
    kinds = known_kinds()
    return [(kind, colour) for kind in THINGS if kind in kinds for colour in COLOURS]


def shown_colour(outcome: Outcome) -> str:
    """The colour of most of what stands inside the outline of a picture's sketch; empty without one."""
    if outcome.plan.sketch is None:
        return ""
    outline = PIL.Image.fromarray(outcome.plan.sketch.pixels.numpy()[..., 3])
    inside = np.asarray(outline.filter(PIL.ImageFilter.MinFilter(RIM)))
    return named(np.dstack([np.asarray(outcome.image), inside]))[0]


def measured(
    pipe: TextToImage, look: Look, asked: Sequence[tuple[str, str]]
) -> tuple[dict[str, Share], list[PIL.Image.Image | None]]:
    """What is drawn, told, and shown, and the pictures."""
    memory = memory_of(pipe.recipe)
    style = "" if memory is None else f", {memory.styles[0]}"  # or it may be drawn by heart
    requests: list[Any] = [
        pipe.request(an(f"{colour} {kind}") + style, seed=i, row=i + 1, **PLAIN)
        for i, (kind, colour) in enumerate(asked)
    ]
    truths: dict[str, list[bool]] = {name: [] for name in ("drawn", "told", "by pixels", "by the inspector")}
    images: list[PIL.Image.Image | None] = []
    for (kind, colour), result in zip(asked, pipe.run(requests), strict=True):
        images.append(result.image if isinstance(result, Outcome) else None)
        if not isinstance(result, Outcome) or result.plan.left_out:
            told = not isinstance(result, Outcome) or colour in [each.text for each in result.plan.left_out]
            truths["drawn"].append(False)
            truths["told"].append(told)
            continue
        (seen,) = look(torch.from_numpy(np.array(result.image))[None])
        truths["drawn"].append(True)
        truths["by pixels"].append(shown_colour(result) == colour)
        truths["by the inspector"].append(
            any((each.kind, each.colour) == (kind, colour) for each in seen.things)
        )
        if len(images) % 100 == 0:
            print(f"colours: {len(images)} of {len(asked)}", file=sys.stderr, flush=True)
    return {name: Share.of_truths(listed) for name, listed in truths.items()}, images


def main(recipe: str = "atlas", inspector: str = "pocket/thing_finder", folder: Path | None = None) -> None:
    asked = pairs()
    shares, images = measured(TextToImage.from_recipe(recipe), looks_with(inspector), asked)
    print(f"kinds and colours, drawn: {shares['drawn']}; of the others, told as left out: {shares['told']}")
    print(f"of those drawn, shown by their pixels: {shares['by pixels']}; kind and colour, by the inspector:")
    print(f"  {shares['by the inspector']}")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        rows = list(dict.fromkeys(kind for kind, _ in asked))
        labels = Labels(columns=tuple(COLOURS), rows=rows)
        grid(images, columns=COLUMNS, labels=labels, side=SIDE).save(folder / "colours.png")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*given[:2], folder=Path(given[2]) if len(given) > 2 else None)
