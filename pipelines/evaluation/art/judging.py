"""What is measured of the judge of a memory: whether it sees what is shown, and no more.

Run as `python -m diptych.pipelines.evaluation.art.judging JUDGE ART [COUNT [RECIPE]]`: JUDGE is the folder of
that name which `diptych train memory` wrote, ART the one of `diptych train art`; of held-out scenes so many.

*Kinds*: of each thing in a held-out scene, whether the likeliest kind where it stands is its own, of all kinds
of the memory. *Facts*: true and false ones, told apart at one half. *Requests*: some facts together, half of
them with a false one. Of a RECIPE's own pictures, painted of sketches of such scenes: how many are accepted for
what they were painted of; for the same with another kind in the place of one; and for what another picture was
painted of.
"""

import json
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ....engine.models.vision.thing_finder import ThingFinder, load_thing_finder
from ....engine.models.vision.things_found import FoundThing, View
from ....engine.stages.judging.found_facts import FactReader
from ...pocket.art import Art, ArtScene, prepare
from ...pocket.world import Fact
from ...text_to_image import TextToImage
from ...training.data.art_data import ArtData
from ...training.data.mosaics import crowd_of, shrunk
from ...training.data.painted import painted
from ...training.tasks.finder_calibration import answer, asked_together, statements, views_of
from ...training.tasks.sketch_reader import is_new
from ..figures import Share
from ..typed_prompts.score_statistics import calibration_error

FIRST = 3_000_000  # of the held-out scenes: none that the calibration has seen
ACCEPTED = 0.5
NEAR = 2.0  # cells from a thing's middle, at most, that what is found there stands for it
AT_ONCE = 16


class JudgeMeasure:
    """A judge, and scenes that it is asked about."""

    def __init__(self, finder: ThingFinder, art: Art, scenes: Sequence[ArtScene]) -> None:
        self.art, self.scenes, self.calibration = art, scenes, finder.calibration
        self.finder, self.reader = finder, FactReader(finder.words)

    def renders(self) -> list[View]:
        return views_of(self.finder, [np.asarray(self.art.render(scene).image) for scene in self.scenes])

    def kinds(self, views: Sequence[View | None]) -> dict[str, Any]:
        """Of each thing, whether it is taken for what it is."""
        truths: defaultdict[str, list[bool]] = defaultdict(list)
        for scene, view in self._seen(views):
            for thing in crowd_of(scene, self.art, shrunk).things:
                left, top, wide, high = thing.box
                found = _nearest(view, left + wide / 2, top + high / 2)
                right = found is not None and found.kind == thing.kind
                truths["kinds never trained on" if is_new(thing.kind) else "kinds in training"].append(right)
                truths["all"].append(right)
        return {name: Share.of_truths(listed).to_json() for name, listed in truths.items()}

    def facts(self, views: Sequence[View | None]) -> dict[str, Any]:
        """Right answers by kind of fact, and how far probabilities are from what they say."""
        truths: defaultdict[str, list[bool]] = defaultdict(list)
        probabilities, true = [], []
        for i, (scene, view) in enumerate(zip(self.scenes, views, strict=True)):
            for fact, holds in statements(scene, self.art, i) if view else ():
                p = answer(self.reader, self.calibration, fact, view)  # type: ignore[arg-type]
                truths[fact[0]].append((p >= ACCEPTED) == holds)
                truths["all"].append((p >= ACCEPTED) == holds)
                probabilities.append(p)
                true.append(holds)
        shares = {name: Share.of_truths(listed).to_json() for name, listed in sorted(truths.items())}
        return {**shares, "calibration error": _error(probabilities, true)}

    def requests(self, views: Sequence[View | None]) -> dict[str, Any]:
        """Whether what is asked together is accepted where it is true, and rejected where it is not."""
        scores, true = [], []
        for i, (scene, view) in enumerate(zip(self.scenes, views, strict=True)):
            if view is not None:
                asked = asked_together(scene, self.art, i)
                scores.append(self._score([fact for fact, _ in asked], view))
                true.append(all(holds for _, holds in asked))
        accepted = [score >= ACCEPTED for score in scores]
        return {
            "true ones accepted": _share(a for a, t in zip(accepted, true, strict=True) if t),
            "false ones accepted": _share(a for a, t in zip(accepted, true, strict=True) if not t),
            "calibration error": _error(scores, true),
        }

    def swaps(self, views: Sequence[View | None]) -> dict[str, Any]:
        """Whether pictures are accepted for the things that they were made of, and for others."""
        accepted: defaultdict[str, list[bool]] = defaultdict(list)
        others = [*self.scenes[1:], self.scenes[0]]
        for i, ((scene, view), other) in enumerate(zip(self._both(views), others, strict=True)):
            if view is None:
                continue
            own = _things(self.art.facts_of(scene))
            accepted["their own things"].append(self._score(own, view) >= ACCEPTED)
            false = self.art.false_facts_of(scene, random.Random(f"swap/{i}"))
            wrong = next(fact for fact in false if fact[0] == "thing")
            one_wrong = [wrong, *[fact for fact in own if fact[0] == "thing"][1:]]
            accepted["one kind wrong"].append(self._score(one_wrong, view) >= ACCEPTED)
            if not {each.kind for each in other.things} <= {each.kind for each in scene.things}:
                swapped = _things(self.art.facts_of(other))
                accepted["another picture's things"].append(self._score(swapped, view) >= ACCEPTED)
        return {name: _share(listed) for name, listed in accepted.items()}

    def paint(self, recipe: str) -> list[View | None]:
        """What is seen in a recipe's pictures of the scenes."""
        pipe, views = TextToImage.from_recipe(recipe), list[View | None]()
        for start in range(0, len(self.scenes), AT_ONCE):
            made = painted(pipe, self.art, self.scenes[start : start + AT_ONCE], seed=start)
            views += [
                views_of(self.finder, [each.pixels.numpy()])[0] if each is not None else None for each in made
            ]
        return views

    def _score(self, facts: Sequence[Fact], view: View) -> float:
        return self.calibration.score([answer(self.reader, self.calibration, fact, view) for fact in facts])

    def _both(self, views: Sequence[View | None]) -> list[tuple[ArtScene, View | None]]:
        return list(zip(self.scenes, views, strict=True))

    def _seen(self, views: Sequence[View | None]) -> list[tuple[ArtScene, View]]:
        return [(scene, view) for scene, view in self._both(views) if view is not None]


def _things(facts: Sequence[Fact]) -> list[Fact]:
    """What people ask for: things and how many, how they stand, and where."""
    return [fact for fact in facts if fact[0] in ("thing", "count", "relation", "place")]


def _nearest(view: View, x: float, y: float) -> FoundThing | None:
    near = [each for each in view.things if (each.x - x) ** 2 + (each.y - y) ** 2 <= NEAR**2]
    return max(near, key=lambda each: each.sure, default=None)


def _share(truths: Iterable[bool]) -> dict[str, Any]:
    return Share.of_truths(truths).to_json()


def _error(probabilities: Sequence[float], true: Sequence[bool]) -> float:
    return round(calibration_error(probabilities, true, [1.0] * len(true)), 4)


def held_out(art: Art, count: int, first: int = FIRST) -> list[ArtScene]:
    """Scenes by lot whose kinds, colours and settings training never saw together; of all kinds."""
    scenes = ArtData(art, world_share=0.0).held_out().scenes(range(first, first + count))
    return [scene for scene in scenes if isinstance(scene, ArtScene)]


def main(judge: Path, cache: Path, count: int = 400, recipe: str = "") -> dict[str, Any]:
    """Measure, and print what comes out, as JSON."""
    art = prepare(cache)
    measure = JudgeMeasure(
        load_thing_finder(judge, torch.float32, torch.device("cpu")), art, held_out(art, count)
    )
    shown: dict[str, list[View | None]] = {"renders": list(measure.renders())}
    if recipe:
        shown["painted"] = measure.paint(recipe)
    body = {
        name: {
            "kinds": measure.kinds(views),
            "facts": measure.facts(views),
            "requests": measure.requests(views),
            "swaps": measure.swaps(views),
        }
        for name, views in shown.items()
    }
    print(json.dumps(body, indent=1))
    return body


if __name__ == "__main__":
    folder, art_folder, *more = sys.argv[1:]
    main(Path(folder), Path(art_folder), int(more[0]) if more else 400, *more[1:2])
