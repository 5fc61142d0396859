"""How closely pictures follow the lines of a control picture: F1 of edges, with the control and without.

Run as `python -m diptych.pipelines.evaluation.recalled.lines [COUNT [READER [WEIGHT]]]`: so many held-out
scenes of the illustrated world; READER is an edge reader's folder, `pocket/edge_reader` if none is named.

Each scene's own picture is the control, and the prompt names its things, not where they stand. *Another's*
is the same control's agreement with the next scene's picture: what there is by chance.
"""

import dataclasses
import sys
from collections.abc import Sequence

import torch

from ....engine.models.vision.edges import agreement, edges_of
from ....engine.stage import ModelKey
from ....engine.values import Control, Outcome
from ...pocket.world import Scene
from ...recipes.reader import Recipe, read_recipe
from ...text_to_image import TextToImage
from ...training.data.source import PICTURE_SIDE, WorldData
from ..figures import Measure

READER = "pocket/edge_reader"


def following(recipe: Recipe, reader: str) -> Recipe:
    """The recipe, whose drafter follows lines."""
    draft = recipe.stages["draft"]
    key: ModelKey[object] = ModelKey("edge-reader", reader)
    stage = dataclasses.replace(draft, models={**draft.models, "edges": key})
    return dataclasses.replace(recipe, stages={**recipe.stages, "draft": stage})


def said_of(scene: Scene) -> str:
    """The things of a scene, its setting and style, and nothing of places and sizes."""
    from ...pocket.world.words import NUMBER_WORDS, SETTING_WORDS, STYLE_WORDS, an, plural

    first = scene.things[0]
    if scene.arrangement == "group":
        things = f"{NUMBER_WORDS[len(scene.things)][0]} {first.colour} {plural(first.kind)}"
    else:
        things = " and ".join(an(f"{each.colour} {each.kind}") for each in scene.things)
    return f"{things}, {SETTING_WORDS[scene.setting][0]}, {STYLE_WORDS[scene.style][0]}"


def main(count: int = 40, reader: str = READER, weight: float = 1.0) -> None:
    data = WorldData().held_out()
    batch = data.take(range(count), PICTURE_SIDE)
    pipe = TextToImage.from_recipe(following(read_recipe("pocket"), reader))
    wanted = edges_of(batch.pixels)
    for name, weights in (("with its lines", weight), ("without", 0.0)):
        requests = [
            pipe.request(
                said_of(scene),
                seed=i,
                row=i + 1,
                controls=(Control(kind="edges", picture=pixels, weight=weights),),
                candidates=1,
                rounds=1,
                repairs=0,
            )
            for i, (scene, pixels) in enumerate(zip(batch.scenes, batch.pixels, strict=True))
        ]
        made = list(pipe.run(requests))
        own, other, score = _figures(made, wanted)
        print(f"{name}: agreement {own}; with another's lines {other}; judged {score}", flush=True)


def _figures(made: Sequence[object], wanted: torch.Tensor) -> tuple[Measure, Measure, Measure]:
    own, other, scores = list[float](), list[float](), list[float]()
    for i, each in enumerate(made):
        if isinstance(each, Outcome):
            drawn = edges_of(each.picture.pixels[None])[0]
            own.append(agreement(drawn, wanted[i]))
            other.append(agreement(drawn, wanted[(i + 1) % len(wanted)]))
            scores.append(each.best.verdict.score if each.best.verdict else 0.0)
    return Measure.mean_of(own, "F1"), Measure.mean_of(other, "F1"), Measure.mean_of(scores, "score")


if __name__ == "__main__":
    given = dict(zip(("count", "reader", "weight"), sys.argv[1:], strict=False))
    main(int(given.get("count", 40)), given.get("reader", READER), float(given.get("weight", 1)))
