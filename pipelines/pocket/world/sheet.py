"""Contact sheets of the world, to look at: every kind in every colour, and scenes with their prompts.

Run as `python -m diptych.pipelines.pocket.world.sheet OUT.png`.
"""

import random
import sys
from pathlib import Path

from PIL import Image, ImageDraw

from .captions import prompt_of
from .drawing import render
from .scene import COLOURS, KINDS, PLACES, SETTINGS, SIZES, Scene, Thing, sample_scene

LABEL_PX = 16
SCENES_A_ROW = 4


def sheet(path: str | Path, seed: int = 0, *, cell: int = 256, drawn: int | None = None) -> Path:
    """Write every kind (rows) in every colour (columns) as a PNG; `drawn` px pictures shown at `cell` px."""
    rng = random.Random(seed)
    rows = []
    for r, kind in enumerate(KINDS):
        row = []
        for c, colour in enumerate(COLOURS):
            size, place = rng.choice(tuple(SIZES)), rng.choice(tuple(PLACES))
            thing = Thing(kind=kind, colour=colour, size=size, place=place)
            setting = SETTINGS[(r + c) % len(SETTINGS)]
            row.append(Scene(things=(thing,), setting=setting, variation=rng.randrange(10**6)))
        rows.append(row)
    return _write(path, rows, cell=cell, drawn=drawn or cell)


def scene_sheet(
    path: str | Path, seed: int = 0, *, count: int = 16, cell: int = 256, drawn: int | None = None
) -> Path:
    """Write `count` sampled scenes with their prompts as a PNG."""
    rng = random.Random(seed)
    scenes = [sample_scene(rng, 0.6) for _ in range(count)]
    rows = [scenes[i : i + SCENES_A_ROW] for i in range(0, count, SCENES_A_ROW)]
    return _write(path, rows, cell=cell, drawn=drawn or cell)


def _write(path: str | Path, rows: list[list[Scene]], *, cell: int, drawn: int) -> Path:
    page = Image.new("RGB", (cell * len(rows[0]), (cell + LABEL_PX) * len(rows)), "white")
    pen = ImageDraw.Draw(page)
    for r, row in enumerate(rows):
        for c, scene in enumerate(row):
            x, y = c * cell, r * (cell + LABEL_PX)
            page.paste(render(scene, drawn).image.resize((cell, cell), Image.Resampling.NEAREST), (x, y))
            pen.text((x + 3, y + cell + 2), prompt_of(scene)[: cell // 6], fill="black")
    page.save(path)
    return Path(path)


if __name__ == "__main__":
    sheet(sys.argv[1])
