"""The whole chain with the models that ship: a row is the same alone, in a batch, again. Not how good it is."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch

from diptych import InputError, Outcome, Request, TextToImage
from diptych.engine.memory import DeviceMemory
from diptych.engine.stage import RunContext

PROMPTS = [
    "a red boat at sunset",
    "cat",
    "a big blue house on the left and a small green tree on the right, in the snow",
    "a yellow bird, please, and make it a large one!",
    "purple umbrella at the beach",
]
STEPS = 2

MakePipe = Callable[..., TextToImage]


@pytest.fixture(scope="module")
def make_pocket() -> MakePipe:
    """Makes pipelines of the pocket recipe that share their models, unless they have a budget of their own."""
    shared: list[DeviceMemory] = []

    def make(**options: Any) -> TextToImage:
        pipe = TextToImage.from_recipe("pocket", device="cpu", **options)
        if "memory" not in options:
            shared.append(pipe.runner.memory)
            pipe.runner.memory = shared[0]
        return pipe

    return make


@pytest.fixture(scope="module")
def pocket(make_pocket: MakePipe) -> TextToImage:
    return make_pocket()


@pytest.fixture(scope="module")
def requests(pocket: TextToImage) -> list[Request]:
    rows = enumerate(PROMPTS, 1)
    return [pocket.request(text, seed=7 * row, row=row, num_inference_steps=STEPS) for row, text in rows]


@pytest.fixture(scope="module")
def batch(pocket: TextToImage, requests: list[Request]) -> list[Outcome]:
    return outcomes(pocket, *requests)


def outcomes(pipe: TextToImage, *requests: Request) -> list[Outcome]:
    results = list(pipe.run(requests))
    assert [result.request for result in results] == list(requests)
    return [result for result in results if isinstance(result, Outcome)]


def tokens(outcome: Outcome) -> list[int]:
    assert outcome.draft is not None
    return outcome.draft.tokens.flatten().tolist()


def difference(one: Outcome, other: Outcome) -> int:
    """The largest of two pictures, in 1/255."""
    return int((one.picture.pixels.int() - other.picture.pixels.int()).abs().max())


def assert_alike(one: Outcome, other: Outcome) -> None:
    """The same draws, and pixels within 1/255."""
    assert one.plan == other.plan
    assert tokens(one) == tokens(other)
    assert difference(one, other) <= 1
    assert one.verdict.score == pytest.approx(other.verdict.score, abs=0.01)


def assert_same_bits(one: Outcome, other: Outcome) -> None:
    assert one.plan == other.plan
    assert tokens(one) == tokens(other)
    assert difference(one, other) == 0
    assert one.verdict == other.verdict


def test_each_prompt_becomes_a_checked_picture(batch: list[Outcome]) -> None:
    assert len(batch) == len(PROMPTS)
    for outcome in batch:
        assert outcome.plan.prompt and outcome.plan.facts
        assert outcome.image.size == (256, 256)
        assert outcome.verdict.caption
        assert [answer.fact for answer in outcome.verdict.answers] == list(outcome.plan.facts)
        assert set(outcome.timings) == {"plan", "draft", "refine", "judge"}
    assert len({outcome.picture.pixels.numpy().tobytes() for outcome in batch}) == len(PROMPTS)


def test_a_row_is_the_same_alone_and_in_a_batch(
    pocket: TextToImage, requests: list[Request], batch: list[Outcome]
) -> None:
    for i in (0, 2):
        assert_alike(outcomes(pocket, requests[i])[0], batch[i])


def test_the_same_again_has_the_same_bits(
    pocket: TextToImage, requests: list[Request], batch: list[Outcome]
) -> None:
    for one, other in zip(outcomes(pocket, *requests), batch, strict=True):
        assert_same_bits(one, other)


def test_the_deterministic_mode_has_the_same_bits_whatever_the_neighbours(
    make_pocket: MakePipe, requests: list[Request], batch: list[Outcome]
) -> None:
    pipe = make_pocket(deterministic=True, micro_batch=5)
    together = outcomes(pipe, *requests)
    assert_same_bits(outcomes(pipe, requests[2])[0], together[2])
    assert_same_bits(outcomes(pipe, *requests[:0:-1])[2], together[2])
    for one, other in zip(together, batch, strict=True):
        assert_alike(one, other)


def test_one_candidate_is_the_plain_chain(
    pocket: TextToImage, requests: list[Request], batch: list[Outcome]
) -> None:
    values: list[Any] = list(requests)
    drawn: dict[str, list[Any]] = {}
    for stage in pocket.runner.chain.stages:
        with pocket.runner.memory.lease(stage.uses, stage.workspace(values)) as models:
            values = drawn[stage.name] = stage.run(values, models, RunContext())
    for i, outcome in enumerate(batch):
        assert outcome.plan == drawn["plan"][i]
        assert torch.equal(outcome.picture.pixels, drawn["refine"][i].pixels)
        assert outcome.verdict == drawn["judge"][i]
        assert len(outcome.trail) == 1


def test_the_first_of_several_candidates_is_the_only_one_of_one(
    pocket: TextToImage, requests: list[Request], batch: list[Outcome]
) -> None:
    several = dataclasses.replace(requests[0].settings, candidates=3, keep=2)
    (outcome,) = outcomes(pocket, dataclasses.replace(requests[0], settings=several))
    first = outcome.trail[0]
    assert first.draft is not None and first.draft.tokens.flatten().tolist() == tokens(batch[0])
    assert len({candidate.draft.token_hash for candidate in outcome.trail if candidate.draft}) == 3
    assert [candidate.index for candidate in outcome.trail] == [0, 1, 2]
    painted = [candidate for candidate in outcome.trail if candidate.verdict]
    assert len(painted) == 2
    assert outcome.verdict.score == max(c.verdict.score for c in painted if c.verdict)


def test_a_row_that_fails_leaves_the_others_as_they_are(
    pocket: TextToImage, requests: list[Request], batch: list[Outcome]
) -> None:
    odd = pocket.request("xyzzy", num_inference_steps=STEPS)
    first, unknown, second = list(pocket.run([requests[0], odd, requests[1]]))
    assert isinstance(first, Outcome) and isinstance(second, Outcome)
    assert_alike(first, batch[0])
    assert_alike(second, batch[1])
    assert not isinstance(unknown, Outcome) and unknown.stage == "plan"
    assert "names nothing that this planner knows" in unknown.reason
    with pytest.raises(InputError, match="128x256 pixels: this refiner paints 256x256"):  # before any work
        pocket.request("a cat", width=128, num_inference_steps=STEPS)


def test_a_small_budget_changes_nothing_but_the_time(
    make_pocket: MakePipe, requests: list[Request], batch: list[Outcome]
) -> None:
    pipe = make_pocket(memory="52MiB")
    for one, other in zip(outcomes(pipe, *requests[:2]), batch, strict=False):
        assert_alike(one, other)
    kinds = [event.kind for event in pipe.runner.memory.events]
    assert "evict" in kinds
    assert pipe.runner.memory.accounted_bytes <= 52 * 2**20
