"""Repairs along the pocket chain: pictures that are never good enough are mended, over and over."""

import dataclasses
from typing import Any

import pytest
import torch

from diptych.engine.values import Candidate, Outcome, Request
from diptych.pipelines.text_to_image import TextToImage

SETTINGS: dict[str, Any] = {"temperature": 3.0, "accept": 1.0, "repairs": 2}
PROMPTS = ("a red cat on the left and a blue cup on the right, in a meadow", "a green boat at sunset")


@pytest.fixture(scope="module")
def pipe() -> TextToImage:
    return TextToImage.from_recipe("pocket", device="cpu", deterministic=True, micro_batch=2)


@pytest.fixture(scope="module")
def requests(pipe: TextToImage) -> list[Request]:
    return [pipe.request(text, seed=3, row=row, **SETTINGS) for row, text in enumerate(PROMPTS, start=1)]


@pytest.fixture(scope="module")
def together(pipe: TextToImage, requests: list[Request]) -> list[Outcome]:
    results = list(pipe.run(requests))
    assert all(isinstance(result, Outcome) for result in results), results
    return [result for result in results if isinstance(result, Outcome)]


def bytes_of(candidate: Candidate) -> Any:
    assert candidate.picture is not None and candidate.draft is not None
    return (
        candidate.index,
        candidate.repairs,
        candidate.draft.token_hash,
        candidate.picture.pixels.numpy().tobytes(),
    )


def test_a_row_with_repairs_is_the_same_alone_and_in_a_batch(
    pipe: TextToImage, requests: list[Request], together: list[Outcome]
) -> None:
    (alone,) = pipe.run(requests[:1])
    assert isinstance(alone, Outcome)
    assert [bytes_of(each) for each in alone.trail] == [bytes_of(each) for each in together[0].trail]
    assert [each.reason for each in alone.trail] == [each.reason for each in together[0].trail]


def test_outside_of_what_is_mended_no_token_and_no_byte_changes(together: list[Outcome]) -> None:
    for outcome in together:
        assert [each.index for each in outcome.trail] == [0, 1, 2]
        for mended in outcome.trail[1:]:
            assert mended.repairs is not None and mended.mends
            environment, start = outcome.trail[mended.repairs], mended.plan.request.start
            assert start is not None and start.mask is not None and isinstance(start.redraw, torch.Tensor)
            assert mended.draft is not None and environment.draft is not None
            assert mended.picture is not None and environment.picture is not None
            assert torch.equal(mended.draft.tokens[~start.redraw], environment.draft.tokens[~start.redraw])
            assert torch.equal(mended.picture.pixels[~start.mask], environment.picture.pixels[~start.mask])


def test_a_repair_is_made_again_by_its_own_request(pipe: TextToImage, together: list[Outcome]) -> None:
    mended = together[0].trail[1]
    settings = dataclasses.replace(mended.plan.request.settings, repairs=0)
    (again,) = pipe.run([dataclasses.replace(mended.plan.request, settings=settings)])
    assert isinstance(again, Outcome) and bytes_of(again.best)[2:] == bytes_of(mended)[2:]
