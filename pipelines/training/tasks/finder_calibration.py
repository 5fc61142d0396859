"""Calibrates the judge of a memory: from what it finds to the probability of a fact, or of all that is asked.

Logistic regression (Platt 1999) on held-out scenes of the art, rendered, or painted by a recipe: first facts,
kind by kind, true ones and false ones; then some facts of a scene together, all true in half of the pictures,
and with a false one among them in the others.
"""

import dataclasses
import json
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from ....engine.models.vision.calibration import FILE, Calibration, FactFit, evidence
from ....engine.models.vision.thing_finder import ThingFinder
from ....engine.models.vision.things_found import View, look
from ....engine.stages.judging.found_facts import FactReader, log_odds
from ...pocket.art import Art, ArtScene
from ...pocket.world import Fact
from .calibration import fit, logistic

FIRST = 500_000  # of the held-out scenes used here
ASKED = 0.5  # share of a scene's facts that are asked together

Statement = tuple[Fact, bool]
"""A fact, and whether it is true."""


def calibrate_finder(
    finder: ThingFinder,
    art: Art,
    scenes: Sequence[ArtScene],
    *,
    painted: Sequence[tuple[ArtScene, np.ndarray]] = (),
    say: Callable[[str], None] = print,
) -> Calibration:
    """The calibration that makes the truth about these scenes likeliest.

    Args:
        finder: that knows their things.
        painted: further scenes, each with what a recipe painted of it, uint8 (h, w, 3).
    """
    reader = FactReader(finder.words)
    views = views_of(finder, [np.asarray(art.render(scene).image) for scene in scenes])
    views += views_of(finder, [pixels for _, pixels in painted]) if painted else []
    scenes = [*scenes, *(scene for scene, _ in painted)]
    facts = fit_facts(reader, art, scenes, views)
    known = dataclasses.replace(Calibration(), facts=facts)
    rows, truths = [], []
    for i, (scene, view) in enumerate(zip(scenes, views, strict=True)):
        asked = asked_together(scene, art, i)
        rows.append(evidence([answer(reader, known, fact, view) for fact, _ in asked]))
        truths.append(float(all(true for _, true in asked)))
    fitted = fit(torch.tensor(rows), torch.tensor(truths))
    found = dataclasses.replace(fitted, facts=facts)
    right = sum(
        (found.score([answer(reader, found, fact, view) for fact, _ in asked_together(scene, art, i)]) >= 0.5)
        == bool(truth)
        for i, (scene, view, truth) in enumerate(zip(scenes, views, truths, strict=True))
    )
    say(f"calibration: {right / len(scenes):.1%} of what was asked, rightly or wrongly, told apart")
    return found


def fit_facts(
    reader: FactReader, art: Art, scenes: Sequence[ArtScene], views: Sequence[View]
) -> dict[str, FactFit]:
    """For each kind of fact what makes answers to true and false ones likeliest."""
    inputs: defaultdict[str, list[list[float]]] = defaultdict(list)
    truths: defaultdict[str, list[float]] = defaultdict(list)
    for i, (scene, view) in enumerate(zip(scenes, views, strict=True)):
        for (kind, text), true in statements(scene, art, i):
            inputs[kind].append([log_odds(reader.probability(text, view))])
            truths[kind].append(float(true))
    fits = {kind: logistic(torch.tensor(inputs[kind]), torch.tensor(truths[kind])) for kind in sorted(inputs)}
    return {kind: FactFit(yes=yes, bias=bias) for kind, (yes, bias) in fits.items()}


def answer(reader: FactReader, calibration: Calibration, fact: Fact, view: View) -> float:
    """The calibrated probability of a fact."""
    kind, text = fact
    return calibration.of(kind).probability(log_odds(reader.probability(text, view)))


def statements(scene: ArtScene, art: Art, i: int) -> list[Statement]:
    """All facts of a scene, and as many that are false of it."""
    false = art.false_facts_of(scene, random.Random(f"facts/{i}"))
    return [(fact, True) for fact in art.facts_of(scene)] + [(fact, False) for fact in false]


def asked_together(scene: ArtScene, art: Art, i: int) -> list[Statement]:
    """Some facts of a scene, one at least, of which one is false where `i` is even."""
    rng = random.Random(f"asked/{i}")
    pairs = list(zip(art.facts_of(scene), art.false_facts_of(scene, rng), strict=True))
    chosen = [pair for pair in pairs if rng.random() < ASKED] or [rng.choice(pairs)]
    wrong = rng.randrange(len(chosen)) if i % 2 == 0 else -1
    return [(pair[n == wrong], n != wrong) for n, pair in enumerate(chosen)]


def views_of(finder: ThingFinder, pictures: Sequence[np.ndarray]) -> list[View]:
    """What is seen in pictures uint8 (h, w, 3)."""
    return look(finder, [torch.from_numpy(picture.copy()) for picture in pictures])


def write_calibration(calibration: Calibration, folder: Path) -> None:
    """Beside a finder's weights."""
    text = json.dumps(dataclasses.asdict(calibration), indent=2) + "\n"
    (folder / FILE).write_text(text, encoding="utf-8")
