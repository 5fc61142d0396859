"""Has a recipe paint scenes of drawn art, for the finder of things to learn from: see `data.painted`.

Run as `python -m diptych.pipelines.training.paint_art RECIPE ART [COUNT]`: ART is the folder that `diptych
train art` made, RECIPE one of `diptych train memory`. It goes on where it was.
"""

import random
import sys
from pathlib import Path

from PIL import Image

from ...engine.errors import InputError
from ..pocket.art import Art, prepare
from ..text_to_image import TextToImage
from .data.mosaics import crowd_of, shrunk
from .data.painted import painted, read_painted, write_painted
from .tasks.thing_finder import known_art, scene_by_lot

AT_ONCE = 16


def paint(recipe: str, art: Art, count: int) -> None:
    """Paint scenes by lot, of kinds that are trained on, until there are `count` of them.

    Raises:
        InputError: one of them fails.
    """
    pipe, crowds, known = TextToImage.from_recipe(recipe), read_painted(art), known_art(art)
    while len(crowds) < count:
        begin = len(crowds)
        scenes = [scene_by_lot(known, random.Random(f"painted/{begin + i}")) for i in range(AT_ONCE)]
        for scene, picture in zip(scenes, painted(pipe, art, scenes, seed=begin), strict=True):
            if picture is None:
                raise InputError(f"{recipe}: a scene could not be painted: {scene}")
            pixels = shrunk(Image.fromarray(picture.pixels.numpy()))
            crowds.append(crowd_of(scene, art, lambda _, pixels=pixels: pixels))
        write_painted(art, crowds)
        print(f"painted: {len(crowds)} of {count}", flush=True)


if __name__ == "__main__":
    recipe, cache, *count = sys.argv[1:]
    paint(recipe, prepare(Path(cache)), *map(int, count or ["1500"]))
