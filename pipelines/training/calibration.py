"""Calibrates the captioner: from likelihoods to the probability that a picture shows a text, or a fact.

Logistic regression (Platt 1999) on held-out pictures. First facts, kind by kind, true ones and false ones: what
the captioner answers, and how likely it would have named the fact itself. Then texts: half the pictures have
their own prompt, half one that is wrong in one respect (see `mismatch`). Their inputs are the text's nats with
and without the picture, so that the share of the latter, alpha, is fitted too, and the log-odds of the worst of
the facts that the text tells.
"""

import dataclasses
import json
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from ...engine.models.calibration import FILE, Calibration, FactFit
from ...engine.models.from_transformers_vision import Captioner, load_captioner
from ...engine.stages.judge import worst_of
from ...engine.values import Fact
from ..pocket.world import Scene, facts_of, prompt_of
from .data import PICTURE_SIDE, TrainingData, WorldData
from .mismatch import mismatched, mismatches_of, without_sizes

FIRST = 500_000  # of the held-out scenes used here: far from those that `evaluate` looks at
BATCH = 32
RIDGE = 1e-4

Told = tuple[str, Sequence[Fact]]
"""What is said of a picture: a text, and its facts."""


def calibrate(
    folder: Path, *, data: TrainingData | None = None, scenes: int = 600, say: Callable[[str], None] = print
) -> Calibration:
    """Fit the captioner in `folder` and write its `calibration.json`.

    Args:
        data: what it was trained on; the world, if not given.
        scenes: how many held-out pictures; every other one has its own text, the others a wrong one.
    """
    captioner = load_captioner(folder, torch.float32, torch.device("cpu"))
    held_out = (data or WorldData()).held_out()
    shown = range(FIRST, FIRST + scenes)
    captioner = dataclasses.replace(
        captioner, calibration=Calibration(facts=fit_facts(captioner, held_out, shown))
    )
    told = [_told(scene, held_out, i) for i, scene in enumerate(held_out.scenes(shown))]
    measured = likelihoods(captioner, held_out, shown, told)
    truth = torch.tensor([float(i % 2) for i in range(scenes)])
    found = dataclasses.replace(fit(measured, truth), facts=captioner.calibration.facts)
    right = ((found.odds(*measured.T) > 0) == (truth > 0)).float().mean()
    say(f"calibration: alpha {found.alpha:.2f}; {float(right):.1%} of matched and mismatched texts told apart")
    (folder / FILE).write_text(json.dumps(dataclasses.asdict(found), indent=2) + "\n", encoding="utf-8")
    return found


def likelihoods(captioner: Captioner, data: TrainingData, shown: range, told: Sequence[Told]) -> torch.Tensor:
    """Of the data's pictures `shown`: nats a token of what is told with the picture, those without any, and the
    log-odds of the worst fact. float32 (n, 3)."""
    rows = []
    for start in range(0, len(shown), BATCH):
        texts, facts = zip(*told[start : start + BATCH], strict=True)
        seen = captioner.look(list(data.take(shown[start : start + BATCH], PICTURE_SIDE).pixels))
        worst = torch.tensor([worst_of(each) for each in captioner.shows(seen, facts)])
        rows.append(
            torch.stack([captioner.nats(seen, texts), captioner.nats(captioner.blank, texts), worst], 1)
        )
    return torch.cat(rows)


def fit(measured: torch.Tensor, matched: torch.Tensor) -> Calibration:
    """The calibration that makes `matched`, float (n,), 0 or 1, likeliest given what `likelihoods` measured."""
    shown, unseen, worst, bias = _logistic(measured * torch.tensor([-1.0, 1.0, 1.0]), matched)
    return Calibration(alpha=unseen / shown, weight=shown, bias=bias, worst=worst)


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
    fits = {kind: _logistic(torch.tensor(inputs[kind]), torch.tensor(truths[kind])) for kind in sorted(inputs)}
    return {kind: FactFit(yes=yes, said=said, bias=bias) for kind, (yes, said, bias) in fits.items()}


def _logistic(inputs: torch.Tensor, truth: torch.Tensor) -> list[float]:
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


def _told(scene: Any, data: TrainingData, i: int) -> Told:
    """What is said of picture `i`: what is true of it where `i` is odd, else something that is not."""
    rng = random.Random(f"calibration/{i}")
    if not isinstance(scene, Scene):
        kind, text = rng.choice(data.false_facts_of(scene, rng))
        facts = data.facts_of(scene) if i % 2 else [(kind, text)]
        return (data.prompt_of(scene) if i % 2 else text), _facts(facts)
    said = scene if i % 2 else mismatched(scene, rng.choice(mismatches_of(scene)), rng)
    said = said if rng.random() < 0.5 else without_sizes(said)
    return prompt_of(said), _facts(facts_of(said))


def _facts(facts: Sequence[tuple[str, str]]) -> list[Fact]:
    return [Fact(kind=kind, text=text) for kind, text in facts]  # type: ignore[arg-type]
