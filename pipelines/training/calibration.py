"""Calibrates the captioner's score: from likelihoods to the probability that a picture shows what a text says.

Logistic regression (Platt 1999) on held-out renders, half with their own prompt, half with one that is wrong in
one thing: kind, colour, place, setting, or colours swapped. Its two inputs are the text's nats with and without
the picture, so that the share of the latter, alpha, is fitted too.
"""

import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path

import torch

from ...engine.models.from_transformers_vision import Calibration, Captioner, load_captioner
from ..pocket.world import COLOURS, KINDS, PLACES, SETTINGS, Scene, prompt_of
from .data import PICTURE_SIDE, WorldData

FIRST = 500_000  # of the held-out scenes used here: far from those that `evaluate` looks at
BATCH = 32


def mismatched(scene: Scene, rng: random.Random) -> tuple[str, Scene]:
    """A scene that differs from `scene` in one thing, and what kind of thing that is."""
    kinds: list[Callable[[], tuple[str, Scene]]] = [
        lambda: ("thing", _with_thing(scene, rng, "kind", KINDS)),
        lambda: ("colour", _with_thing(scene, rng, "colour", COLOURS)),
        lambda: ("setting", dataclasses.replace(scene, setting=_other(rng, SETTINGS, {scene.setting}))),
    ]
    if len(scene.things) == 1:
        kinds.append(lambda: ("place", _with_thing(scene, rng, "place", PLACES)))
    else:
        kinds.append(lambda: ("swapped colours", _swapped(scene)))
    return rng.choice(kinds)()


def _other(rng: random.Random, values: "tuple[str, ...] | dict[str, object]", wrong: set[str]) -> str:
    return rng.choice([value for value in values if value not in wrong])


def _with_thing(scene: Scene, rng: random.Random, field: str, values: "tuple[str, ...] | dict") -> Scene:
    """Another value for one field of one thing, that no thing of the scene has."""
    i = rng.randrange(len(scene.things))
    value = _other(rng, values, {getattr(thing, field) for thing in scene.things})
    things = list(scene.things)
    things[i] = dataclasses.replace(things[i], **{field: value})
    return dataclasses.replace(scene, things=tuple(things))


def _swapped(scene: Scene) -> Scene:
    one, two = scene.things
    things = (dataclasses.replace(one, colour=two.colour), dataclasses.replace(two, colour=one.colour))
    return dataclasses.replace(scene, things=things)


def _without_sizes(scene: Scene) -> Scene:
    """The scene as it is worded when nobody speaks of sizes: a text that leaves one out is not wrong."""
    things = tuple(dataclasses.replace(thing, size="medium") for thing in scene.things)
    return dataclasses.replace(scene, things=things)


def likelihoods(captioner: Captioner, scenes: list[Scene], texts: list[str]) -> torch.Tensor:
    """Nats a token with the scene's picture, and without any: float32 (n, 2)."""
    data = WorldData()
    rows = []
    for start in range(0, len(scenes), BATCH):
        part = scenes[start : start + BATCH]
        seen = captioner.look(list(data.render(part, PICTURE_SIDE).pixels))
        words = texts[start : start + BATCH]
        blank = captioner.blank().expand(len(part), -1, -1)
        rows.append(torch.stack([captioner.nats(seen, words), captioner.nats(blank, words)], 1))
    return torch.cat(rows)


def fit(nats: torch.Tensor, matched: torch.Tensor) -> Calibration:
    """The calibration that makes `matched`, float (n,), 0 or 1, likeliest given `nats` (n, 2)."""
    x = torch.stack([-nats[:, 0], nats[:, 1], torch.ones(len(nats))], 1).double()
    c = torch.zeros(3, dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([c], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ c, matched.double())
        loss = loss + 1e-4 * c.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    weight, both, bias = c.detach().tolist()
    return Calibration(alpha=both / weight, weight=weight, bias=bias)


def calibrate(folder: Path, *, scenes: int = 600, say: Callable[[str], None] = print) -> Calibration:
    """Fit the captioner in `folder` and write its `calibration.json`."""
    captioner = load_captioner(folder, torch.float32, torch.device("cpu"))
    shown = WorldData("held-out").scenes(range(FIRST, FIRST + scenes))
    texts, matched = [], []
    for i, scene in enumerate(shown):
        rng = random.Random(f"calibration/{i}")
        said = scene if i % 2 else mismatched(scene, rng)[1]
        texts.append(prompt_of(said if rng.random() < 0.5 else _without_sizes(said)))
        matched.append(float(i % 2))
    nats = likelihoods(captioner, shown, texts)
    truth = torch.tensor(matched)
    found = fit(nats, truth)
    logits = found.weight * (found.alpha * nats[:, 1] - nats[:, 0]) + found.bias
    right = ((logits > 0) == (truth > 0)).float().mean()
    say(f"calibration: alpha {found.alpha:.2f}; {float(right):.1%} of matched and mismatched texts told apart")
    text = json.dumps(dataclasses.asdict(found), indent=2) + "\n"
    (folder / "calibration.json").write_text(text, encoding="utf-8")
    return found
