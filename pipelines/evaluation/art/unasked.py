"""How often something is drawn beside the things of a sketch that nobody asked for: a blot, a second moon.

Run as `python -m diptych.pipelines.evaluation.art.unasked [RECIPE [PICTURES [FOLDER]]]`: so many prompts of one
thing of the memory, of two, and of one above another, in all settings in turn. Into FOLDER go sheets of those
pictures where there is something.

Settings are drawn by lot within bounds, by the same hand as the drafter learnt them from. So what is of a
setting looks like the same place of one of `DRAWN` drawings of it; a pixel of the smaller picture that does
not, and lies off the things and their shadows, is something else.
"""

import functools
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image

from ....engine.models.vision.picture_memory import PictureMemory
from ....engine.values import Outcome
from ...pocket.art.drawing import background
from ...pocket.art.facts import an
from ...pocket.art.scene import PLAIN as PLAIN_GROUND
from ...pocket.art.words import SETTING_WORDS
from ...sheets.grid import grid
from ...text_to_image import TextToImage
from ..figures import Share
from .measure import memory_of
from .pictures import PLAIN

DRAWN = 40
GRID = 64  # pixels of a side, of which each is looked at
OFF = 3  # of those: around a thing
SHADOW = 2  # and below it
OTHER = 40  # of 255: by which a channel differs from all drawings
LEAST = 12  # pixels: fewer are a star, or a window
FORMS = {"one thing": "{}", "two things": "{} and {}", "one above another": "{} above {}"}
SETTINGS = tuple(setting for setting in SETTING_WORDS if setting != PLAIN_GROUND)
COLUMNS = 8


def asked(form: str, kinds: Sequence[str], count: int, *, seed: int = 0) -> list[tuple[str, str]]:
    """Prompts with their settings: kinds by lot, each setting in turn."""
    lot, rows = random.Random(f"{seed}/{form}"), list[tuple[str, str]]()
    for i in range(count):
        setting = SETTINGS[i % len(SETTINGS)]
        things = [an(kind) for kind in lot.sample(kinds, form.count("{}"))]
        rows.append((f"{form.format(*things)} {SETTING_WORDS[setting][0]}", setting))
    return rows


def unasked(image: PIL.Image.Image, opacity: np.ndarray, setting: str) -> int:
    """Pixels of a grid of 64 x 64 that show neither a thing nor the setting.

    Args:
        opacity: of the sketch, uint8 (h, w).
    """
    seen = np.asarray(image.convert("RGB").resize((GRID, GRID), PIL.Image.Resampling.BOX), np.int16)
    apart = np.abs(_drawings(setting) - seen).max(3).min(0)
    return int(((apart > OTHER) & ~_near_things(opacity)).sum())


def _near_things(opacity: np.ndarray) -> np.ndarray:
    """bool (GRID, GRID)."""
    solid = PIL.Image.fromarray((opacity > 0).astype(np.uint8) * 255)
    solid = solid.resize((GRID, GRID), PIL.Image.Resampling.BOX)
    near = _moved(np.asarray(solid) > 0, OFF).any(0)
    return near | np.roll(near, SHADOW, 0)


@functools.cache
def _drawings(setting: str) -> np.ndarray:
    """int16 (n, GRID, GRID, 3): a setting as it may be drawn, by a pixel to each side, too."""
    sides = [
        np.asarray(background(setting, i, 4 * GRID).resize((GRID, GRID), PIL.Image.Resampling.BOX), np.int16)
        for i in range(DRAWN)
    ]
    return np.concatenate([_moved(side, 1) for side in sides])


def _moved(pixels: np.ndarray, most: int) -> np.ndarray:
    """(n, h, w, ...): an array, by up to so many pixels to each side; what leaves it comes in opposite."""
    steps = range(-most, most + 1)
    return np.stack([np.roll(pixels, (down, across), (0, 1)) for down in steps for across in steps])


def measured(
    pipe: TextToImage, memory: PictureMemory, form: str, count: int
) -> tuple[Share, Share, list[PIL.Image.Image]]:
    """Pictures with something that nobody asked for; those accepted; and the former."""
    kinds = sorted({each.kind for each in memory.pictures} - set(memory.by_heart))
    rows = asked(form, kinds, count)
    requests = [pipe.request(prompt, seed=i, row=i + 1, **PLAIN) for i, (prompt, _) in enumerate(rows)]
    outcomes = [each if isinstance(each, Outcome) else None for each in pipe.run(requests)]
    found, images = list[bool](), list[PIL.Image.Image]()
    for each, (_, setting) in zip(outcomes, rows, strict=True):
        if each is None or each.plan.sketch is None:
            continue
        found.append(unasked(each.image, each.plan.sketch.pixels.numpy()[..., 3], setting) >= LEAST)
        if found[-1]:
            images.append(each.image)
    accepted = Share.of_truths(each is not None and each.accepted for each in outcomes)
    return Share.of_truths(found), accepted, images


def main(recipe: str = "atlas", pictures: int = 300, folder: Path | None = None) -> None:
    pipe = TextToImage.from_recipe(recipe)
    memory = memory_of(pipe.recipe)
    if memory is None:
        raise SystemExit(f"recipe {recipe!r} has no memory of things: name one that has")
    for name, form in FORMS.items():
        found, accepted, images = measured(pipe, memory, form, pictures)
        print(f"{name}: with something unasked for {found}; accepted {accepted}", flush=True)
        if folder is not None and images:
            folder.mkdir(parents=True, exist_ok=True)
            grid(images, columns=COLUMNS).save(folder / f"{name.replace(' ', '-')}.png")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        given[0] if given else "atlas",
        int(given[1]) if len(given) > 1 else 300,
        Path(given[2]) if len(given) > 2 else None,
    )
