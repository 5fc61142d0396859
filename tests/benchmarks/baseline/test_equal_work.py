"""The script and the engine do the same work: where nothing is left to chance, they make the same pictures."""

import dataclasses
from pathlib import Path

import pytest
import torch

from diptych.benchmarks.baseline.script import Made, Script
from diptych.benchmarks.chain import settled
from diptych.benchmarks.harness.engine import Engine
from diptych.benchmarks.harness.prompts import benchmark_prompts
from diptych.engine.models.vision.calibration import read_calibration
from diptych.engine.randomness import RowKey, normals
from diptych.engine.values import Outcome
from diptych.pipelines.recipes.reader import Recipe, read_recipe

PROMPTS = [*benchmark_prompts(2), "a cat next to a red house"]  # the last leaves something to the planner


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """The pocket models, greedy throughout."""
    calm = settled(read_recipe("pocket").in_dtype("float32"))  # half precision rounds by layout
    return dataclasses.replace(calm, defaults=dataclasses.replace(calm.defaults, temperature=0.0))


@pytest.fixture(scope="module")
def outcomes(recipe: Recipe) -> list[Outcome]:
    return Engine(recipe, device="cpu", clock=lambda: 0.0).run(PROMPTS)


@pytest.fixture(scope="module")
def made(recipe: Recipe) -> list[Made]:
    script = Script(recipe)
    config, channels = script.refiner.unet.config, script.refiner.latents.channels
    keys = [RowKey(seed) for seed in range(len(PROMPTS))]
    noise = normals(keys, "refine", (channels, config.sample_size, config.sample_size))
    return script.run(PROMPTS, batch_size=2, noise=lambda begin, end: noise[begin:end])


def test_plans_are_the_same_word_for_word(outcomes: list[Outcome], made: list[Made]) -> None:
    for ours, theirs in zip(outcomes, made, strict=True):
        assert ours.plan.prompt == theirs.planned.prompt
        assert tuple(fact.text for fact in ours.plan.facts) == theirs.planned.facts
    assert made[-1].planned.tokens > 10 and made[0].planned.tokens == 0


def test_drafts_are_the_same_token_for_token(outcomes: list[Outcome], made: list[Made]) -> None:
    for ours, theirs in zip(outcomes, made, strict=True):
        assert ours.draft is not None and torch.equal(ours.draft.tokens, theirs.tokens)


def test_pictures_are_the_same_to_a_level(outcomes: list[Outcome], made: list[Made]) -> None:
    for ours, theirs in zip(outcomes, made, strict=True):
        assert (ours.picture.pixels.int() - theirs.pixels.int()).abs().max() <= 1


def test_captions_and_answers_are_the_same(recipe: Recipe, outcomes: list[Outcome], made: list[Made]) -> None:
    fit = read_calibration(Path(recipe.stages["judge"].model.checkpoint))
    for ours, theirs in zip(outcomes, made, strict=True):
        assert ours.verdict.caption == theirs.judged.caption
        measured = zip(ours.verdict.answers, theirs.judged.answers, theirs.judged.said, strict=True)
        for answer, yes, said in measured:
            odds = fit.of(answer.fact.kind).odds(torch.logit(torch.tensor(yes)), torch.tensor(said))
            assert answer.probability == pytest.approx(float(odds.sigmoid()), abs=1e-3)


def test_the_script_draws_its_own_noise_and_tokens_where_none_are_given(tiny_recipe: Recipe) -> None:
    script = Script(settled(tiny_recipe))
    first, second = (script.run(PROMPTS[:1], batch_size=1, seed=seed)[0] for seed in (0, 1))
    assert first.planned == second.planned
    assert not torch.equal(first.tokens, second.tokens) and not torch.equal(first.pixels, second.pixels)


def test_offloaded_weights_make_the_same_pictures(tiny_recipe: Recipe) -> None:
    calm = settled(tiny_recipe)
    plain, offloaded = Script(calm), Script(calm, offload=True)
    for _ in range(2):  # the second time, all models have gone back once
        ours, theirs = (script.run(PROMPTS, batch_size=2, seed=1) for script in (plain, offloaded))
        for one, other in zip(ours, theirs, strict=True):
            assert torch.equal(one.pixels, other.pixels) and one.judged.caption == other.judged.caption
    assert set(offloaded.seconds) == {"plan", "draft", "refine", "judge"}
