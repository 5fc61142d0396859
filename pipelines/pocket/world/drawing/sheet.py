"""Contact sheets of the world, to look at: kinds in colours, settings in styles, arrangements, random scenes.

Run as `python -m diptych.pipelines.pocket.world.drawing.sheet FOLDER`.
"""

import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from ....sheets.drawn_text import SMALL, line_height, write
from ....sheets.palette import PAPER
from ..captions import prompt_of
from ..scene import ARRANGEMENTS, COLOURS, KINDS, PLACES, SETTINGS, STYLES, Scene, Thing, sample_scene
from .picture import render

LABEL_PX = line_height(SMALL) + 2
SCENES_A_ROW = 4
_COLOURS = tuple(COLOURS)


def kind_sheet(path: str | Path, seed: int = 0, *, style: str = "flat", cell: int = 96) -> Path:
    """Write every kind (rows) in every colour (columns), the settings by turns, as a PNG."""
    rng = random.Random(seed)
    rows = [
        [
            _one(rng, kind, colour, SETTINGS[(r + 3 * c) % len(SETTINGS)], style)
            for c, colour in enumerate(_COLOURS)
        ]
        for r, kind in enumerate(KINDS)
    ]
    return _write(path, rows, cell=cell)


def style_sheet(path: str | Path, seed: int = 0, *, cell: int = 192) -> Path:
    """Write every setting (columns) in every style (rows), with random kinds and colours, as a PNG."""
    rng = random.Random(seed)
    rows = [
        [_one(rng, rng.choice(KINDS), rng.choice(_COLOURS), setting, style) for setting in SETTINGS]
        for style in STYLES
    ]
    return _write(path, rows, cell=cell)


def arrangement_sheet(path: str | Path, seed: int = 0, *, cell: int = 192) -> Path:
    """Write every arrangement (columns; groups of 2, 3 and 4) in every style (rows) as a PNG."""
    rng = random.Random(seed)
    several = [name for name in ARRANGEMENTS if name != "group"]
    rows = []
    for style in STYLES:
        row = [sample_scene(rng, name, style=style) for name in several]
        rows.append(row + [_group(rng, count, style) for count in (2, 3, 4)])
    return _write(path, rows, cell=cell)


def scene_sheet(path: str | Path, seed: int = 0, *, count: int = 16, cell: int = 256) -> Path:
    """Write `count` random scenes, each with its prompt below, as a PNG."""
    rng = random.Random(seed)
    scenes = [sample_scene(rng) for _ in range(count)]
    rows = [scenes[i : i + SCENES_A_ROW] for i in range(0, count, SCENES_A_ROW)]
    return _write(path, rows, cell=cell, label=prompt_of)


def _one(rng: random.Random, kind: str, colour: str, setting: str, style: str) -> Scene:
    thing = Thing(kind=kind, colour=colour, size="medium", place=rng.choice(PLACES))
    return Scene(things=(thing,), setting=setting, style=style, variation=rng.randrange(10**6))


def _group(rng: random.Random, count: int, style: str) -> Scene:
    things = (Thing(kind=rng.choice(KINDS), colour=rng.choice(_COLOURS)),) * count
    return Scene(
        things=things,
        setting=rng.choice(SETTINGS),
        style=style,
        arrangement="group",
        variation=rng.randrange(10**6),
    )


def _write(
    path: str | Path,
    rows: Sequence[Sequence[Scene]],
    *,
    cell: int,
    label: Callable[[Scene], str] | None = None,
) -> Path:
    """The scenes in a grid of `cell` px pictures, with a line of text below each if they have a `label`."""
    height = cell + (LABEL_PX if label else 0)
    page = Image.new("RGB", (cell * len(rows[0]), height * len(rows)), PAPER)
    pen = ImageDraw.Draw(page)
    for r, row in enumerate(rows):
        for c, scene in enumerate(row):
            x, y = c * cell, r * height
            page.paste(render(scene, cell).image, (x, y))
            if label:
                write(pen, label(scene), (x + 3, y + cell + 1), cell - 6, size=SMALL)
    page.save(path)
    return Path(path)


def write_all(folder: str | Path) -> list[Path]:
    """Write every sheet into `folder`, which is made if it is not there."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        kind_sheet(folder / "kinds.png"),
        style_sheet(folder / "styles.png"),
        arrangement_sheet(folder / "arrangements.png"),
        scene_sheet(folder / "scenes.png"),
    ]


if __name__ == "__main__":
    write_all(sys.argv[1])
