"""Puts a trained finder of things where it ships, calibrated on the memory of all drawn art: on renders of
held-out scenes, and on what the recipe paints of others.

Run as `python -m diptych.pipelines.training.finder_shipping OUT ART RECIPE [SCENES]`: OUT is the folder that
`diptych train thing_finder` trained in, ART the one of `diptych train art`, RECIPE one of `diptych train
memory` on all of it.
"""

import shutil
import sys
from pathlib import Path

from ...engine.models.vision.picture_memory import PictureMemory
from ...engine.models.vision.thing_finder import ThingFinder
from ..files import replacing_folder
from ..pocket.art import ArtScene, prepare
from ..text_to_image import TextToImage
from .data.art_data import ArtData
from .data.painted import painted
from .memory_judge import FINDER, shown
from .tasks.finder_calibration import FIRST, calibrate_finder, write_calibration


def ship_finder(out: Path, cache: Path, recipe: Path, scenes: int = 800, *, into: Path = FINDER) -> None:
    """Calibrate, and copy.

    Raises:
        CheckpointError: a folder does not hold what it should.
    """
    art = prepare(cache)
    trained = out / "thing_finder" / "model"
    held_out = ArtData(art, world_share=0.0).held_out().scenes(range(FIRST, FIRST + scenes))
    shown_scenes = [scene for scene in held_out if isinstance(scene, ArtScene)]
    half = len(shown_scenes) // 2
    made = painted(TextToImage.from_recipe(str(recipe)), art, shown_scenes[half:], seed=FIRST)
    pairs = [
        (scene, picture.pixels.numpy())
        for scene, picture in zip(shown_scenes[half:], made, strict=True)
        if picture is not None
    ]
    knows = shown(ThingFinder.from_pretrained(trained), PictureMemory.from_pretrained(recipe.parent / "memory"))
    calibration = calibrate_finder(knows, art, shown_scenes[:half], painted=pairs)
    with replacing_folder(into) as part:
        for name in ("config.json", "model.safetensors"):
            shutil.copyfile(trained / name, part / name)
        write_calibration(calibration, part)


if __name__ == "__main__":
    trained, drawings, made, *number = sys.argv[1:]
    ship_finder(Path(trained), Path(drawings), Path(made), *map(int, number))
