"""Requests that come at any time have the bits that a batch gives them, on the pocket models."""

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from diptych.engine.desk import open_batch
from diptych.engine.desk.desk import Desk
from diptych.engine.desk.visitor import Visitor
from diptych.engine.guards import loading
from diptych.engine.models import registry
from diptych.engine.values import Outcome
from diptych.pipelines.text_to_image import TextToImage

TEXTS = ("a red boat at sunset", "a blue cat", "a green tree", "a red boat at sunset", "a yellow bird at night")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def test_rows_have_the_same_bits_alone_in_a_batch_and_whenever_they_come(device: str) -> None:
    pipe = TextToImage.from_recipe("pocket", device=device, deterministic=True, micro_batch=4)
    requests = [
        pipe.request(text, seed=i, row=i + 1, candidates=1 + i % 2, keep=1, rounds=1 + i % 3, accept=0.99)
        for i, text in enumerate(TEXTS)
    ]
    batch = [each for each in pipe.run(requests) if isinstance(each, Outcome)]
    assert len(batch) == len(TEXTS)
    for order in ((0, 1, 2, 3, 4), (4, 2, 0, 3, 1)):
        desk, found = Desk(), dict[int, Any]()
        for i, turns in zip(order, itertools.cycle((1, 3, 0)), strict=False):
            desk.enter(Visitor(requests[i], pipe.runner, client=str(i % 2), priority=i % 2))
            for _ in range(turns):
                found |= {visitor.request.row: result for visitor, result in desk.turn()}
        while len(desk):
            found |= {visitor.request.row: result for visitor, result in desk.turn()}
        assert [found[request.row] for request in requests] == batch
    assert next(pipe.run([requests[1]])) == batch[1]


class Halting(Visitor):
    """Its draft can be made to stand still."""

    drafted = 0.0
    _at = 2.0
    _until: Callable[[], bool] = staticmethod(lambda: True)

    def halt(self, at: float, until: Callable[[], bool]) -> None:
        """Stand still, once, at this point of the draft, until something is so."""
        self._at, self._until = at, until

    def on_progress(self, stage: str, fraction: float) -> None:
        if stage == "draft":
            self.drafted, end = fraction, time.monotonic() + 30
            if fraction >= self._at:
                while not self._until():
                    assert time.monotonic() < end, "waited in vain"
                    time.sleep(0.001)
                self._at = 2.0


def test_models_may_be_loaded_while_others_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries change torch's default dtype while they load a model of half precision."""
    pipe = TextToImage.from_recipe("pocket", device="cpu", deterministic=True)
    requests = [pipe.request(f"{text} {i}", seed=i, row=i + 1) for i, text in enumerate(TEXTS)]
    batch = list(pipe.run(requests))
    cold = TextToImage.from_recipe("pocket", device="cpu", deterministic=True)
    loader = registry._loader

    beside: list[bool] = []

    def badly(key: Any) -> Any:
        load = loader(key)

        def loaded(*args: Any, **more: Any) -> Any:
            beside.append(any(thread.name == "diptych-draft" for thread in threading.enumerate()))
            torch.set_default_dtype(torch.bfloat16)
            time.sleep(0.3)
            torch.set_default_dtype(torch.float32)
            return load(*args, **more)

        return loaded

    monkeypatch.setattr(registry, "_loader", badly)
    monkeypatch.setattr(open_batch, "STEPS", 1)
    desk, found = Desk(), dict[int, Any]()
    first, *others = [Halting(request, cold.runner) for request in requests]

    def turn() -> None:
        found.update({visitor.request.row: result for visitor, result in desk.turn()})

    # The first is drafted when the others join it, and a model for it is wanted while these are drafted
    joined: list[Visitor] = []
    first.halt(0.5, lambda: len(joined) == len(others))
    desk.enter(first)
    while first.drafted < 0.5:
        turn()
    for other in others:
        other.halt(0.6, lambda: bool(loading.turns._wanting))
        desk.enter(other)
    while not all(desk._open[other].seats for other in others):
        turn()
    joined += others
    while len(desk):
        turn()
    assert any(beside) and [found[request.row] for request in requests] == batch


@pytest.mark.parametrize("recipe", ["pocket", "atlas"])
def test_torchs_default_dtype_is_the_hosts_and_changes_nothing(recipe: str) -> None:
    made: list[bytes] = []
    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        torch.set_default_dtype(dtype)
        try:
            pipe = TextToImage.from_recipe(recipe, device="cpu", deterministic=True)
            made.append(pipe("a red boat at sunset", seed=1).images[0].tobytes())
        finally:
            torch.set_default_dtype(torch.float32)
    assert made[0] == made[1] == made[2]
