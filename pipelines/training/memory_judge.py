"""The judge of a memory: the shipped finder of things, shown the memory's pictures, so that it knows them
again.

Nothing is trained. Of each kind in each style it sees a few pictures, on several grounds and in two sizes; what
these look like to it, on average, is what it compares with: once for those in the kind's own colour, and once
for those in others, which look like something else to it at times.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F

from ...engine.language.closed_vocabulary.vocabulary import FILE
from ...engine.models.vision.calibration import FILE as CALIBRATION
from ...engine.models.vision.picture_memory import PictureMemory
from ...engine.models.vision.thing_finder import ThingFinder, values_of
from ...engine.stages.recalling.places import MEDIUM, SMALL
from ..pocket.art.scene import SETTINGS
from ..recipes.reader import POCKET_WEIGHTS
from .data.mosaics import PLACES_OF_FOUR, one_each

FINDER = POCKET_WEIGHTS / "thing_finder"
OTHER_COLOURS = 4  # of each kind and style, beside its own colour
AT_ONCE = 8  # pictures that are looked at together

Thing = tuple[str, str, bool]
"""Kind and style, and whether it is in another colour than its own."""
Picture = tuple[int, str]  # the memory's number, and the colour that it is turned to
View = tuple[Thing, Picture, int]  # and how many cells it is large


def write_judge(
    folder: Path, memory: Path, *, finder: Path = FINDER, say: Callable[[str], None] = print
) -> None:
    """Write the judge of a memory's folder into `folder`, which is there.

    Args:
        finder: a folder with its weights.
    """
    knows = shown(ThingFinder.from_pretrained(finder), PictureMemory.from_pretrained(memory), say=say)
    knows.save_pretrained(folder)
    shutil.copyfile(memory / FILE, folder / FILE)
    if (finder / CALIBRATION).is_file():
        shutil.copyfile(finder / CALIBRATION, folder / CALIBRATION)


def shown(finder: ThingFinder, memory: PictureMemory, *, say: Callable[[str], None] = print) -> ThingFinder:
    """A finder with the same weights, that knows the things of a memory."""
    views = _views(memory)
    things = list(dict.fromkeys(thing for thing, _, _ in views))
    sums = torch.zeros(len(things), finder.looks)
    numbers = {thing: n for n, thing in enumerate(things)}
    say(f"judge: is shown {len(views)} pictures of {len({thing[:2] for thing in things})} drawings")
    for group, looks in _looks(finder, memory, views):
        for thing, each in zip(group, looks, strict=True):
            sums[numbers[thing]] += each
    knows = ThingFinder(
        widths=finder.widths,
        neck=finder.neck_width,
        looks=finder.looks,
        colours=finder.colours,
        settings=finder.settings,
        manners=finder.manners,
        known=[(kind, style) for kind, style, _ in things],
        vocabulary=memory.vocabulary,
        by_heart=memory.by_heart,
        calibration=finder.calibration,
    )
    knows.load_state_dict({**finder.state_dict(), "prototypes": F.normalize(sums, dim=-1)})
    return knows.eval().requires_grad_(False)


def _looks(
    finder: ThingFinder, memory: PictureMemory, views: Sequence[View]
) -> Iterator[tuple[list[Thing], torch.Tensor]]:
    """Things, and what each looks like in one picture of it, (n, d)."""
    four = len(PLACES_OF_FOUR)
    pictures = [views[start : start + four] for start in range(0, len(views), four)]
    for start in range(0, len(pictures), AT_ONCE):
        group = pictures[start : start + AT_ONCE]
        values = torch.cat([_values(memory, each, start + i) for i, each in enumerate(group)])
        with torch.inference_mode():
            maps = finder(values)
        for i, each in enumerate(group):
            cells = [_surest(maps.middle[i], place) for place in PLACES_OF_FOUR[: len(each)]]
            yield [thing for thing, _, _ in each], torch.stack([maps.looks[i, y, x] for y, x in cells])


def _views(memory: PictureMemory) -> list[View]:
    """Which of the memory's pictures of each thing are looked at, and how large."""
    pictures_of: dict[tuple[str, str], list[Picture]] = {}
    for number, each in enumerate(memory.pictures):
        pictures = pictures_of.setdefault((each.kind, each.style), [])
        pictures += [(number, colour) for colour in ("", *each.colours)]
    views: list[View] = []
    for (kind, style), (own, *others) in pictures_of.items():
        views += [((kind, style, False), own, MEDIUM), ((kind, style, False), own, SMALL)]
        spread = others[:: max(1, len(others) // OTHER_COLOURS)][:OTHER_COLOURS]
        views += [((kind, style, True), each, MEDIUM) for each in spread]
    return views


def _values(memory: PictureMemory, views: Sequence[View], seed: int) -> torch.Tensor:
    pictures = [
        (memory.picture(*picture), style in memory.rimmed, side) for (_, style, _), picture, side in views
    ]
    return values_of(torch.from_numpy(one_each(pictures, SETTINGS[seed % len(SETTINGS)], seed).copy()))


def _surest(middle: torch.Tensor, place: tuple[float, float]) -> tuple[int, int]:
    """Of the cells (y, x) around a place (x, y), the surest to hold a middle."""
    x, y = place
    around = [(int(y) + down, int(x) + right) for down in (-1, 0) for right in (-1, 0)]
    return max(around, key=lambda cell: float(middle[cell]))
