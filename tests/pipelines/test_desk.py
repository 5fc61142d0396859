"""Requests that come at any time have the bits that a batch gives them, on the pocket models."""

import itertools
from typing import Any

import pytest

from diptych.engine.desk.desk import Desk
from diptych.engine.desk.visitor import Visitor
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
