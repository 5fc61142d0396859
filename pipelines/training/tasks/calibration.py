"""Calibrates the captioner: from its answers to the probability of a fact, or of all that is asked.

Logistic regression (Platt 1999) on held-out pictures. First facts, kind by kind, true ones and false ones: what
the captioner answers, and how likely it would have named the fact itself. Then what people ask, in wordings
short and long, read as the planner reads them: half of them of the picture, half of one that differs in one
respect (see `mismatch`). Their inputs are what `models.vision.calibration.evidence` makes of the asked facts'
probabilities.
"""

import dataclasses
import json
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from ....engine.language.closed_vocabulary.composition import composition_of
from ....engine.language.closed_vocabulary.vocabulary import Vocabulary, vocabulary_of
from ....engine.language.closed_vocabulary.wish_reader import wish_of
from ....engine.language.closed_vocabulary.wording import SEVERAL, asked_facts
from ....engine.models.vision.calibration import FILE, Calibration, FactFit, evidence
from ....engine.models.vision.captioner import Captioner, load_captioner
from ....engine.values import Fact
from ...pocket.world import Scene, facts_of
from ...pocket.world.words import STYLE_WORDS, plural
from ..data.mismatch import mismatched, mismatches_of
from ..data.source import PICTURE_SIDE, TrainingData, WorldData

FIRST = 500_000  # of the held-out scenes used here: far from those that `evaluate` looks at
BATCH = 32
ANY_OF = {SEVERAL: ("two", "three", "four")}
RIDGE = 1e-4


def calibrate(
    folder: Path, *, data: TrainingData | None = None, scenes: int = 1200, say: Callable[[str], None] = print
) -> Calibration:
    """Fit the captioner in `folder` and write its `calibration.json`.

    Args:
        data: what it was trained on; the world, if not given.
        scenes: how many held-out pictures.
    """
    captioner = load_captioner(folder, torch.float32, torch.device("cpu"))
    held_out = (data or WorldData()).held_out()
    shown = range(FIRST, FIRST + scenes)
    meanings = held_out.meanings()
    vocabulary = vocabulary_of(meanings) if meanings is not None else None
    known = Calibration(
        facts=fit_facts(captioner, held_out, shown),
        none_of=held_out.untold(),
        any_of=ANY_OF if vocabulary else {},
    )
    captioner = dataclasses.replace(captioner, calibration=known)
    asked = [asked_of(scene, held_out, i, vocabulary) for i, scene in enumerate(held_out.scenes(shown))]
    measured = evidence_of(captioner, held_out, shown, [facts for facts, _ in asked])
    truth = torch.tensor([float(true) for _, true in asked])
    fitted = fit(measured, truth)
    found = dataclasses.replace(
        known,
        worst=fitted.worst,
        together=fitted.together,
        bias=fitted.bias,
        wording=fit_wording(captioner, held_out, shown),
    )
    right = sum((p >= 0.5) == bool(t) for p, t in zip(_scores(found, measured), truth.tolist(), strict=True))
    say(f"calibration: {right / scenes:.1%} of what was asked, rightly or wrongly, told apart")
    (folder / FILE).write_text(json.dumps(dataclasses.asdict(found), indent=2) + "\n", encoding="utf-8")
    return found


def evidence_of(
    captioner: Captioner, data: TrainingData, shown: range, asked: Sequence[Sequence[Fact]]
) -> torch.Tensor:
    """Of the data's pictures `shown`: what the score is made of, float32 (n, 2); see `calibration.evidence`."""
    rows = []
    for start in range(0, len(shown), BATCH):
        pixels = data.take(shown[start : start + BATCH], PICTURE_SIDE).pixels
        answers = captioner.shows(captioner.look(list(pixels)), asked[start : start + BATCH])
        rows += [evidence(each) for each in answers]
    return torch.tensor(rows)


def fit_wording(captioner: Captioner, data: TrainingData, shown: range) -> float:
    """The weight of the plan's likelihood against the least certain fact. Half the pictures are paired with
    their own plan, half with one that differs in one respect."""
    rows: list[list[float]] = []
    truths = [float(i % 2) for i in range(len(shown))]
    for start in range(0, len(shown), BATCH):
        indices = shown[start : start + BATCH]
        plans = [plan_of(scene, data, start + i) for i, scene in enumerate(data.scenes(indices))]
        seen = captioner.look(list(data.take(indices, PICTURE_SIDE).pixels))
        texts = [text for text, _ in plans]
        gains = (
            captioner.negative_log_likelihood(captioner.blank, texts)
            - captioner.negative_log_likelihood(seen, texts)
        ).tolist()
        answers = captioner.shows(seen, [facts for _, facts in plans])
        rows += [[gain, evidence(each)[0]] for gain, each in zip(gains, answers, strict=True)]
    wording, worst, _ = logistic(torch.tensor(rows), torch.tensor(truths))
    return wording / worst if worst > 0 < wording else 1.0


def plan_of(scene: Any, data: TrainingData, i: int) -> tuple[str, tuple[Fact, ...]]:
    """A full wording and its facts: of the scene where `i` is odd, else of one that it is not."""
    rng = random.Random(f"calibration/plan/{i}")
    if i % 2:
        return data.prompt_of(scene), _facts(data.facts_of(scene))
    if not isinstance(scene, Scene):
        kind, text = rng.choice(data.false_facts_of(scene, rng))
        return text, _facts([(kind, text)])
    said = mismatched(scene, rng.choice(mismatches_of(scene)), rng)
    return data.prompt_of(said), _facts(data.facts_of(said))


def fit(measured: torch.Tensor, truth: torch.Tensor) -> Calibration:
    """The calibration that makes `truth`, float (n,), 0 or 1, likeliest given what `evidence_of` measured."""
    worst, together, bias = logistic(measured, truth)
    return Calibration(worst=worst, together=together, bias=bias)


def _scores(calibration: Calibration, measured: torch.Tensor) -> list[float]:
    odds = measured @ torch.tensor([calibration.worst, calibration.together]) + calibration.bias
    return odds.sigmoid().tolist()


def fit_facts(captioner: Captioner, data: TrainingData, shown: range) -> dict[str, FactFit]:
    """For each kind of fact what makes answers to true and false ones about these pictures likeliest."""
    inputs: defaultdict[str, list[list[float]]] = defaultdict(list)
    truths: defaultdict[str, list[float]] = defaultdict(list)
    for start in range(0, len(shown), BATCH):
        indices = shown[start : start + BATCH]
        seen = captioner.look(list(data.take(indices, PICTURE_SIDE).pixels))
        asked = [
            _true_and_false(scene, data, index)
            for scene, index in zip(data.scenes(indices), indices, strict=True)
        ]
        yes, said = captioner.asked(seen, [[text for _, text, _ in each] for each in asked])
        for i, each in enumerate(asked):
            for j, (kind, _, truth) in enumerate(each):
                inputs[kind].append([float(yes[i, j]), -float(said[i, j])])
                truths[kind].append(truth)
    fits = {kind: logistic(torch.tensor(inputs[kind]), torch.tensor(truths[kind])) for kind in sorted(inputs)}
    return {kind: FactFit(yes=yes, said=said, bias=bias) for kind, (yes, said, bias) in fits.items()}


def logistic(inputs: torch.Tensor, truth: torch.Tensor) -> list[float]:
    """A weight for each of the columns of (n, k), and a bias, that make `truth`, (n,), likeliest."""
    x = torch.cat([inputs, torch.ones(len(inputs), 1)], 1).double()
    c = torch.zeros(x.shape[1], dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([c], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ c, truth.double())
        loss = loss + RIDGE * c.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return c.detach().tolist()


def _true_and_false(scene: Any, data: TrainingData, index: int) -> list[tuple[str, str, float]]:
    """Facts of a scene, and as many that are false of it: kind, text, truth."""
    false = data.false_facts_of(scene, random.Random(f"calibration/facts/{index}"))
    return [(*fact, 1.0) for fact in data.facts_of(scene)] + [(*fact, 0.0) for fact in false]


def asked_of(
    scene: Any, data: TrainingData, i: int, vocabulary: Vocabulary | None
) -> tuple[tuple[Fact, ...], bool]:
    """A request for picture `i`, short or long, and whether the picture shows all of it. For half the pictures
    the request describes another scene that differs in one respect."""
    rng = random.Random(f"calibration/{i}")
    if not isinstance(scene, Scene) or vocabulary is None:
        false = _facts([rng.choice(data.false_facts_of(scene, rng))])
        return (_facts(data.facts_of(scene)), True) if i % 2 else (false, False)
    said = scene if i % 2 else mismatched(scene, rng.choice(mismatches_of(scene)), rng)
    asked = asked_facts(composition_of(wish_of(data.caption_of(said, rng), vocabulary)), vocabulary)
    return asked, all(fact.claim in truths_of(scene) for fact in asked)


def truths_of(scene: Scene) -> set[tuple[str, str]]:
    """All that is true of a scene, and may be asked."""
    flat = {("style", STYLE_WORDS["flat"][0])} if scene.style == "flat" else set()
    group = scene.arrangement == "group"
    several = {("count", f"{SEVERAL} {plural(scene.things[0].kind)}")} if group else set()
    return {*facts_of(scene), *flat, *several}


def _facts(facts: Sequence[tuple[str, str]]) -> tuple[Fact, ...]:
    return tuple(Fact(kind=kind, text=text) for kind, text in facts)  # type: ignore[arg-type]
