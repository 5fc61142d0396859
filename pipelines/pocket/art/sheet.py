"""Contact sheets of the art, to look at: every kind once by each hand, and scenes by lot with their prompts.

Run as `python -m diptych.pipelines.pocket.art.sheet CACHE FOLDER`, with a folder of the packages as a third
argument if they are not to be fetched.
"""

import random
import sys
import textwrap
from pathlib import Path

from PIL import Image, ImageDraw

from .collection import Art, prepare
from .scene import SETTINGS, ArtScene, ArtThing

LABEL_PX = 14
KINDS_A_ROW = 20
SCENES_A_ROW = 10


def kind_sheet(art: Art, style: str, path: Path, *, cell: int = 96) -> None:
    """Write every kind that a hand has drawn, big, in its own colour, the settings by turns, as a PNG."""
    scenes = [
        ArtScene(
            things=(ArtThing(kind=name, colour=art.kinds[name].own, place="middle", size="big"),),
            setting=SETTINGS[number % len(SETTINGS)],
            style=style,
            variation=number,
        )
        for number, name in enumerate(art.hands[style].kinds)
    ]
    labels = [scene.things[0].kind for scene in scenes]
    _write(art, scenes, labels, path, cell=cell, a_row=KINDS_A_ROW, lines=1)


def scene_sheet(art: Art, path: Path, *, count: int = 60, seed: int = 0, cell: int = 256) -> None:
    """Write `count` scenes by lot, each with its canonical prompt below, as a PNG."""
    scenes = [art.sample(random.Random(f"{seed}/{number}")) for number in range(count)]
    _write(art, scenes, list(map(art.prompt_of, scenes)), path, cell=cell, a_row=SCENES_A_ROW, lines=3)


def _write(
    art: Art, scenes: list[ArtScene], labels: list[str], path: Path, *, cell: int, a_row: int, lines: int
) -> None:
    high = cell + LABEL_PX * lines
    sheet = Image.new("RGB", (cell * min(a_row, len(scenes)), high * -(-len(scenes) // a_row)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (scene, label) in enumerate(zip(scenes, labels, strict=True)):
        x, y = number % a_row * cell, number // a_row * high
        finer = art.render(scene, max(cell, 192)).image
        sheet.paste(finer.resize((cell, cell), Image.Resampling.BOX), (x, y))
        words = textwrap.wrap(label, max(12, cell // 6))[:lines]
        draw.multiline_text((x + 1, y + cell), "\n".join(words), fill=0, spacing=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


if __name__ == "__main__":
    cache, folder, *given = map(Path, sys.argv[1:])
    whole = prepare(cache, source=given[0] if given else None, tell=print)
    for hand in whole.hands:
        kind_sheet(whole, hand, folder / f"kinds-{hand}.png")
    scene_sheet(whole, folder / "scenes.png")
