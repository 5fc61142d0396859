"""Requests that come at any time have the bits that a batch gives them, on the pocket models."""

import itertools
import threading
import time
from typing import Any

import pytest
import torch

from diptych.engine.desk.desk import Desk
from diptych.engine.desk.visitor import Visitor
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


def test_models_may_be_loaded_while_others_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries change torch's default dtype while they load a model of half precision."""
    pipe = TextToImage.from_recipe("pocket", device="cpu", deterministic=True)
    requests = [pipe.request(f"{text} {i}", seed=i, row=i + 1) for i, text in enumerate(TEXTS)]
    batch = list(pipe.run(requests))
    cold = TextToImage.from_recipe("pocket", device="cpu", deterministic=True)
    loader = registry._loader

    beside: list[bool] = []

    def slowly(key: Any) -> Any:
        load = loader(key)

        def loaded(*args: Any, **more: Any) -> Any:
            beside.append(any(thread.name == "diptych-draft" for thread in threading.enumerate()))
            torch.set_default_dtype(torch.bfloat16)
            time.sleep(0.3)
            torch.set_default_dtype(torch.float32)
            return load(*args, **more)

        return loaded

    monkeypatch.setattr(registry, "_loader", slowly)
    desk, found = Desk(), dict[int, Any]()
    for request in requests:
        desk.enter(Visitor(request, cold.runner))
        while len(desk) and not cold.runner.memory.leased:  # until this or another is drafted
            found |= {visitor.request.row: result for visitor, result in desk.turn()}
        time.sleep(0.05)
    while len(desk):
        found |= {visitor.request.row: result for visitor, result in desk.turn()}
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
