"""All that is measured of a recipe that draws the art.

Run as `python -m diptych.pipelines.evaluation.art.measure RECIPE INSPECTOR ART [PROMPTS [OF_EACH]]`: so many
held-out prompts, and so many of each kind alone; ART is the folder that `diptych train art` made.
"""

import json
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ....engine.values import Outcome
from ...pocket.art import Art, ArtScene, ArtThing, Kind, prepare
from ...pocket.art.scene import SETTINGS
from ...pocket.art.words import USUAL_STYLE
from ...text_to_image import TextToImage
from ...training.data.art_data import ArtData
from ..figures import Figure, Share
from ..inspector import Inspector, Sighting
from .answers import answers

PLAIN: dict[str, Any] = {"candidates": 1, "rounds": 1, "repairs": 0}
BATCH = 64
FIRST = 2_000_000  # of the held-out scenes: none that the inspector or the calibration has seen
HALF = 0.5  # of its pictures: a kind that is right in so many is known


def held_out_scenes(art: Art, count: int) -> list[ArtScene]:
    """Scenes by lot whose kinds, colours and settings training never saw together."""
    scenes = ArtData(art, world_share=0.0).held_out().scenes(range(FIRST, FIRST + count))
    return [scene for scene in scenes if isinstance(scene, ArtScene)]


def scenes_of_kinds(art: Art, of_each: int, *, style: str = USUAL_STYLE) -> list[ArtScene]:
    """Each kind that a hand has drawn, alone, in its own colour, so often; kind by kind."""
    return [_alone(art.kinds[name], style, i) for name in art.hands[style].kinds for i in range(of_each)]


def _alone(kind: Kind, style: str, i: int) -> ArtScene:
    rng = random.Random(f"kinds/{kind.name}/{i}")
    size, setting, variation = rng.choice(("medium", "big")), rng.choice(SETTINGS), rng.randrange(2**31)
    thing = ArtThing(kind=kind.name, colour=kind.own, place="middle", size=size)
    return ArtScene(things=(thing,), setting=setting, style=style, variation=variation)


def seen_in_renders(art: Art, inspector: Inspector, scenes: Sequence[ArtScene]) -> list[Sighting | None]:
    """What the inspector sees in the scenes' own pictures: its errors are those that follow."""
    import numpy as np
    import torch

    seen: list[Sighting | None] = []
    for start in range(0, len(scenes), BATCH):
        pictures = [np.asarray(art.render(scene).image) for scene in scenes[start : start + BATCH]]
        seen += inspector.look(torch.from_numpy(np.stack(pictures)))
    return seen


def seen_in_pictures(
    pipe: TextToImage, data: ArtData, inspector: Inspector, scenes: Sequence[ArtScene], *, seed: int = 0
) -> list[Sighting | None]:
    """What it sees in the pictures of their full wordings, by the plain chain; `None` where there is none."""
    seen: list[Sighting | None] = [None] * len(scenes)
    for result in pipe.stream([data.prompt_of(scene) for scene in scenes], seed=seed, **PLAIN):
        if isinstance(result, Outcome):
            (seen[result.request.row - 1],) = inspector.look(result.picture.pixels[None])
    return seen


def shares_of(rows: Iterable[tuple[Sighting | None, ArtScene]]) -> dict[str, Figure]:
    """Right answers by category, of those that were asked."""
    truths: dict[str, list[bool]] = {}
    for seen, scene in rows:
        for name, truth in answers(seen, scene).items():
            truths.setdefault(name, []).append(truth)
    return {name: Share.of_truths(listed) for name, listed in truths.items()}


def known_kinds(rows: Sequence[tuple[Sighting | None, ArtScene]]) -> tuple[Share, list[str]]:
    """How many kinds are right in at least half of their pictures, and the names of the others."""
    right: dict[str, list[bool]] = {}
    for seen, scene in rows:
        right.setdefault(scene.things[0].kind, []).append(answers(seen, scene)["one_thing"])
    known = {name: sum(truths) >= HALF * len(truths) for name, truths in right.items()}
    return Share.of_truths(known.values()), [name for name, truth in known.items() if not truth]


def main(recipe: str, inspector: Path, cache: Path, prompts: int = 200, of_each: int = 2) -> dict[str, Any]:
    """Measure, and print what comes out, as JSON."""
    art = prepare(cache)
    data, looker = ArtData(art), Inspector.from_checkpoint(inspector)
    scenes, alone = held_out_scenes(art, prompts), scenes_of_kinds(art, of_each)
    of_renders = shares_of(zip(seen_in_renders(art, looker, scenes), scenes, strict=True))
    readable, misread = known_kinds(list(zip(seen_in_renders(art, looker, alone), alone, strict=True)))
    body: dict[str, Any] = {
        "inspector": _json(of_renders),
        "inspector, kinds": readable.to_json(),
        "misread": misread,
    }
    if recipe:
        pipe = TextToImage.from_recipe(recipe)
        of_pictures = shares_of(zip(seen_in_pictures(pipe, data, looker, scenes), scenes, strict=True))
        kinds, missed = known_kinds(list(zip(seen_in_pictures(pipe, data, looker, alone), alone, strict=True)))
        body |= {"alignment": _json(of_pictures), "kinds": kinds.to_json(), "missed": missed}
    print(json.dumps(body, indent=1, ensure_ascii=False))
    return body


def _json(figures: dict[str, Figure]) -> dict[str, Any]:
    return {name: figure.to_json() for name, figure in figures.items()}


if __name__ == "__main__":
    given = sys.argv[1:]
    main(given[0], Path(given[1]), Path(given[2]), *map(int, given[3:5]))
