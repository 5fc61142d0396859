"""All that is measured of a recipe that draws the art: `atlas`, or one of `diptych train memory` or `all`.

Run as `python -m diptych.pipelines.evaluation.art.measure RECIPE INSPECTOR ART [PROMPTS [OF_EACH [FOLDER]]]`:
so many held-out prompts, and so many of each kind alone; ART is the folder that `diptych train art` made.
INSPECTOR is a folder of `diptych train inspector`, or of a finder of things, as `pocket/thing_finder` is. Into
FOLDER go sheets of the pictures.

One picture is made of each prompt, so nothing is selected by any judge. `atlas` is judged by that same
`thing_finder`: what it is right about on true renders stands beside what it says of the pictures; `readable`
has, of each question, the pictures of those scenes alone whose renders it answers rightly; and `nearest` counts
kinds without it, where the recipe has a memory.
"""

import json
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ....engine.models.checkpoint.folder import folder_of
from ....engine.models.vision.picture_memory import PictureMemory, load_picture_memory
from ...pocket.art import Art, ArtScene, ArtThing, Kind, prepare
from ...pocket.art.drawing import background
from ...pocket.art.scene import SETTINGS
from ...pocket.art.words import USUAL_STYLE
from ...recipes.reader import Recipe
from ...text_to_image import TextToImage
from ...training.data.art_data import ArtData
from ...training.data.source import DRAFT_SIDE
from ..figures import Figure, Share
from ..inspector import Sighting
from . import sheets
from .answers import answers
from .finding import looks_with
from .judging import drawn_as
from .nearest import NearestKinds
from .pictures import Judged, judged_pictures, seen_in_renders

FIRST = 2_000_000  # of the held-out scenes: none that the inspector or the calibration has seen
HALF = 0.5  # of its pictures: a kind that is right in so many is known
BY_TURNS = ("medium", "big")  # sizes of things alone


def held_out_scenes(art: Art, count: int) -> list[ArtScene]:
    """Scenes by lot whose kinds, colours and settings training never saw together."""
    scenes = ArtData(art, world_share=0.0).held_out().scenes(range(FIRST, FIRST + count))
    return [scene for scene in scenes if isinstance(scene, ArtScene)]


def scenes_of_kinds(art: Art, of_each: int, *, style: str = USUAL_STYLE) -> list[ArtScene]:
    """Each kind that a hand has drawn, alone, in its own colour, so often: all kinds once, then again."""
    return [_alone(art.kinds[name], style, i) for i in range(of_each) for name in art.hands[style].kinds]


def _alone(kind: Kind, style: str, i: int) -> ArtScene:
    rng = random.Random(f"kinds/{kind.name}/{i}")
    setting, variation = rng.choice(SETTINGS), rng.randrange(2**31)
    thing = ArtThing(kind=kind.name, colour=kind.own, place="middle", size=BY_TURNS[i % len(BY_TURNS)])
    return ArtScene(things=(thing,), setting=setting, style=style, variation=variation)


def shares_of(rows: Iterable[tuple[Sighting | None, ArtScene]]) -> dict[str, Figure]:
    """Right answers by category, of those that were asked."""
    truths: dict[str, list[bool]] = {}
    for seen, scene in rows:
        for name, truth in answers(seen, scene).items():
            truths.setdefault(name, []).append(truth)
    return {name: Share.of_truths(listed) for name, listed in truths.items()}


def readable(
    pictures: Iterable[tuple[Sighting | None, ArtScene]], renders: Sequence[Sighting]
) -> dict[str, Figure]:
    """As `shares_of`, of each question by the scenes whose renders are answered rightly: what is wrong there is
    of the pictures."""
    truths: dict[str, list[bool]] = {}
    for (seen, scene), render in zip(pictures, renders, strict=True):
        own = answers(render, scene)
        for name, truth in answers(seen, scene).items():
            if own[name]:
                truths.setdefault(name, []).append(truth)
    return {name: Share.of_truths(listed) for name, listed in truths.items()}


def known_kinds(rows: Iterable[tuple[ArtScene, bool]]) -> tuple[Share, list[str]]:
    """How many kinds are right in at least half of their pictures, and the names of the others.

    Args:
        rows: scenes of one thing, each with whether it was known.
    """
    right: dict[str, list[bool]] = {}
    for scene, truth in rows:
        right.setdefault(scene.things[0].kind, []).append(truth)
    known = {name: sum(truths) >= HALF * len(truths) for name, truths in right.items()}
    return Share.of_truths(known.values()), [name for name, truth in known.items() if not truth]


def found(rows: Iterable[tuple[Sighting | None, ArtScene]]) -> list[tuple[ArtScene, bool]]:
    """Whether the inspector sees each scene's one thing."""
    return [(scene, answers(seen, scene)["one_thing"]) for seen, scene in rows]


def nearest_in_renders(nearest: NearestKinds, scenes: Sequence[ArtScene]) -> list[tuple[ArtScene, bool]]:
    """Whether drawings, laid on grounds, are nearest to themselves: `nearest`'s own errors."""
    rows = []
    for number, scene in enumerate(scenes):
        thing = scene.things[0]
        laid = nearest.laid(thing.kind, seed=0, size=thing.size)
        ground = np.asarray(background(scene.setting, scene.variation, DRAFT_SIDE), np.float32)
        pixels = (255 * laid[..., :3] + (1 - laid[..., 3:]) * ground).round().astype(np.uint8)
        rows.append((scene, nearest.kind_in(pixels, seed=0, size=thing.size) == thing.kind))
        if number % 200 == 199:
            print(f"drawings on grounds: {number + 1} of {len(scenes)}", file=sys.stderr, flush=True)
    return rows


def memory_of(recipe: Recipe) -> PictureMemory | None:
    """What a recipe looks into, if it has a memory."""
    stage = recipe.stages.get("recall")
    if stage is None:
        return None
    return load_picture_memory(folder_of(stage.model.checkpoint), torch.float32, torch.device("cpu"))


def main(
    recipe: str, inspector: str, cache: Path, prompts: int = 200, of_each: int = 2, folder: Path | None = None
) -> dict[str, Any]:
    """Measure, and print what comes out, as JSON."""
    pipe = TextToImage.from_recipe(recipe)
    memory = memory_of(pipe.recipe)
    art = prepare(cache) if memory is None else drawn_as(prepare(cache), memory.styles)
    look = looks_with(inspector)
    scenes, alone = held_out_scenes(art, prompts), scenes_of_kinds(art, of_each)
    inspected, misread = known_kinds(found(zip(seen_in_renders(art, look, alone), alone, strict=True)))
    renders = seen_in_renders(art, look, scenes)
    body: dict[str, Any] = {
        "inspector": _json(shares_of(zip(renders, scenes, strict=True))),
        "inspector, kinds": inspected.to_json(),
        "misread": misread,
    }
    nearest = None if memory is None else NearestKinds(memory)
    first = len(alone) // max(1, of_each)  # once each
    kinds = judged_pictures(
        pipe,
        look,
        [(scene, art.prompt_of(scene), i // max(1, first)) for i, scene in enumerate(alone)],
        nearest=nearest,
        keep=lambda number, row: number < first or not row.right,
        what="kinds",
    )
    pictures = judged_pictures(
        pipe,
        look,
        [(scene, art.prompt_of(scene), i) for i, scene in enumerate(scenes)],
        keep=lambda number, row: number < sheets.PROMPTS or not row.right,
        what="held-out prompts",
    )
    body |= _figures(kinds, pictures)
    body["readable"] = _json(readable([(row.seen, row.scene) for row in pictures], renders))
    if nearest is not None:
        known, missed = known_kinds((row.scene, row.nearest == row.scene.things[0].kind) for row in kinds)
        own, _ = known_kinds(nearest_in_renders(nearest, alone[:first]))
        body |= {"nearest": known.to_json(), "nearest, missed": missed, "nearest, drawings": own.to_json()}
    print(json.dumps(body, indent=1, ensure_ascii=False))
    if folder is not None:
        write_sheets(folder, pipe, kinds[:first], pictures, [*kinds, *pictures])
    return body


def write_sheets(
    folder: Path,
    pipe: TextToImage,
    kinds: Sequence[Judged],
    pictures: Sequence[Judged],
    every: Sequence[Judged],
) -> None:
    """Four sheets of what was made."""
    folder.mkdir(parents=True, exist_ok=True)
    sheets.write_kinds(folder / "kinds.png", kinds)
    sheets.write_held_out(folder / "held_out.png", pictures)
    sheets.write_failures(folder / "failures.png", every)
    sheets.write_typed(folder / "typed.png", pipe)


def _figures(kinds: Sequence[Judged], pictures: Sequence[Judged]) -> dict[str, Any]:
    known, missed = known_kinds(found((row.seen, row.scene) for row in kinds))
    return {
        "alignment": _json(shares_of((row.seen, row.scene) for row in pictures)),
        "kinds": known.to_json(),
        "missed": missed,
        "words left out": Share.of_truths(bool(row.left_out) for row in (*kinds, *pictures)).to_json(),
    }


def _json(figures: dict[str, Figure]) -> dict[str, Any]:
    return {name: figure.to_json() for name, figure in figures.items()}


if __name__ == "__main__":
    given = sys.argv[1:]
    folder = Path(given[5]) if len(given) > 5 else None
    main(given[0], given[1], Path(given[2]), *map(int, given[3:5]), folder=folder)
