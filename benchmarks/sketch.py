"""Sketches: what comes of plain drawings of one thing, by the share of their tokens that is drawn anew.

Drawings of ten kinds, as people make them: a few plain shapes of one colour before a sky and a ground.
By strength:

    score                 mean score of the pictures
    accepted              share that is accepted, at one candidate
    seen                  share in which the inspector sees the thing in its colour
    likeness              mean overlap of what has the thing's colour, before and after
"""

from collections.abc import Callable

import PIL.Image
import PIL.ImageDraw
import torch

from ..engine.language.words.inflection import an
from ..pipelines.editing.sketch import STRENGTH, Sketch
from ..pipelines.evaluation.inspector import Inspector
from ..pipelines.pictures.pixels import pixels_of
from ..pipelines.pocket.world import COLOURS
from ..pipelines.pocket.world.words import SETTING_WORDS
from .harness.options import Options
from .harness.report import Report, table

STRENGTHS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8)
NEAR = 90.0  # of 255: what lies so near to a colour has it
RGB = tuple[int, int, int]
Shape = Callable[[PIL.ImageDraw.ImageDraw, int, RGB], None]

DARK, WOOD, PALE = (50, 30, 40), (124, 78, 44), (246, 232, 206)
GROUNDS: dict[str, tuple[RGB, RGB]] = {
    "meadow": ((170, 215, 240), (110, 190, 80)),
    "night": ((20, 30, 80), (40, 50, 60)),
    "snow": ((200, 220, 240), (245, 248, 252)),
    "beach": ((150, 210, 245), (240, 215, 150)),
    "sunset": ((250, 160, 110), (120, 80, 90)),
}
"""Setting: sky and ground."""
PAINTS = ("red", "blue", "purple", "pink")
PLACES = {"on the left": 90, "in the middle": 128, "on the right": 166}


def _apple(draw: PIL.ImageDraw.ImageDraw, x: int, colour: RGB) -> None:
    draw.ellipse((x - 45, 120, x + 45, 210), fill=colour)
    draw.line((x, 122, x + 6, 100), fill=DARK, width=5)


def _house(draw: PIL.ImageDraw.ImageDraw, x: int, colour: RGB) -> None:
    draw.rectangle((x - 45, 130, x + 45, 210), fill=colour)
    draw.polygon([(x - 58, 132), (x, 80), (x + 58, 132)], fill=colour)


def _boat(draw: PIL.ImageDraw.ImageDraw, x: int, colour: RGB) -> None:
    draw.polygon([(x - 60, 170), (x + 60, 170), (x + 40, 205), (x - 40, 205)], fill=colour)
    draw.polygon([(x, 80), (x, 160), (x + 50, 160)], fill=PALE)


def _balloon(draw: PIL.ImageDraw.ImageDraw, x: int, colour: RGB) -> None:
    draw.ellipse((x - 42, 60, x + 42, 150), fill=colour)
    draw.rectangle((x - 12, 172, x + 12, 192), fill=WOOD)


def _mushroom(draw: PIL.ImageDraw.ImageDraw, x: int, colour: RGB) -> None:
    draw.rectangle((x - 14, 150, x + 14, 212), fill=PALE)
    draw.pieslice((x - 55, 95, x + 55, 205), 180, 360, fill=colour)


def _car(draw: PIL.ImageDraw.ImageDraw, x: int, colour: RGB) -> None:
    draw.rectangle((x - 62, 150, x + 62, 190), fill=colour)
    draw.rectangle((x - 35, 120, x + 30, 152), fill=colour)
    for wheel in (x - 33, x + 33):
        draw.ellipse((wheel - 15, 178, wheel + 15, 208), fill=DARK)


def _tree(draw: PIL.ImageDraw.ImageDraw, x: int, colour: RGB) -> None:
    draw.rectangle((x - 10, 150, x + 10, 212), fill=WOOD)
    draw.ellipse((x - 50, 70, x + 50, 165), fill=colour)


def _fish(draw: PIL.ImageDraw.ImageDraw, x: int, colour: RGB) -> None:
    draw.ellipse((x - 50, 95, x + 35, 160), fill=colour)
    draw.polygon([(x + 30, 128), (x + 62, 100), (x + 62, 156)], fill=colour)


def _cup(draw: PIL.ImageDraw.ImageDraw, x: int, colour: RGB) -> None:
    draw.rectangle((x - 40, 130, x + 30, 210), fill=colour)
    draw.arc((x + 15, 145, x + 60, 195), -90, 90, fill=colour, width=9)


def _cactus(draw: PIL.ImageDraw.ImageDraw, x: int, colour: RGB) -> None:
    draw.rectangle((x - 15, 90, x + 15, 212), fill=colour)
    draw.line([(x - 38, 120), (x - 38, 158), (x, 158)], fill=colour, width=15)
    draw.line([(x + 38, 110), (x + 38, 144), (x, 144)], fill=colour, width=15)


SHAPES: dict[str, Shape] = {
    **{"apple": _apple, "house": _house, "boat": _boat, "balloon": _balloon, "mushroom": _mushroom},
    **{"car": _car, "tree": _tree, "fish": _fish, "cup": _cup, "cactus": _cactus},
}


def drawing_of(index: int) -> tuple[str, str, str, PIL.Image.Image]:
    """Drawing `index`: its kind, its colour, what it shows in words, and the picture."""
    kinds, settings, places = list(SHAPES), list(GROUNDS), list(PLACES)
    kind, turn = kinds[index % len(kinds)], index // len(kinds)
    colour = PAINTS[(index + turn) % len(PAINTS)]
    setting, place = settings[(index + 2 * turn) % len(settings)], places[(index + turn) % len(places)]
    sky, ground = GROUNDS[setting]
    image = PIL.Image.new("RGB", (256, 256), sky)
    draw = PIL.ImageDraw.Draw(image)
    draw.rectangle((0, 170, 256, 256), fill=ground)
    SHAPES[kind](draw, PLACES[place], COLOURS[colour])
    return kind, colour, f"{an(f'{colour} {kind}')} {place}, {SETTING_WORDS[setting][0]}", image


def measure(options: Options) -> Report:
    """Heeds recipe, device, prompts (drawings) and inspector."""
    paint = Sketch.from_recipe(options.recipe, device=options.device)
    inspector = Inspector.from_checkpoint(options.inspector)
    kinds, colours, prompts, drawings = zip(*map(drawing_of, range(options.prompts)), strict=True)
    before = torch.stack([pixels_of(each) for each in drawings])
    shown = table("", *("score", "accepted", "seen", "likeness"))
    figures: dict[str, float] = {}
    for strength in STRENGTHS:
        options.say(f"{len(prompts)} drawings, strength {strength}")
        seeds = list(range(len(prompts)))
        made = paint(prompts, drawings, strength=strength, seed=seeds, candidates=1).raise_for_failures()
        after = torch.stack([outcome.picture.pixels for outcome in made.outcomes])
        wanted = zip(inspector.look(after), kinds, colours, strict=True)
        found = {
            "score": [outcome.verdict.score for outcome in made.outcomes],
            "accepted": [float(outcome.accepted) for outcome in made.outcomes],
            "seen": [float(sighting.pairs[kind, colour] > 0) for sighting, kind, colour in wanted],
            "likeness": [_overlap(*each) for each in zip(before, after, colours, strict=True)],
        }
        means = {name: sum(values) / len(values) for name, values in found.items()}
        figures |= {f"{name}_at_{strength}": value for name, value in means.items()}
        label = f"{strength}, the default" if strength == STRENGTH else str(strength)
        shown.add_row(label, *(f"{value:.2f}" for value in means.values()))
    return Report(
        name="sketch",
        figures=figures,
        details=options.chosen(),
        tables={"sketches, by the share of their tokens that is drawn anew": shown},
    )


def _overlap(before: torch.Tensor, after: torch.Tensor, colour: str) -> float:
    paint = torch.tensor(COLOURS[colour]).float()
    one, other = ((each.float() - paint).norm(dim=-1) < NEAR for each in (before, after))
    return float((one & other).sum() / (one | other).sum().clamp(min=1))
