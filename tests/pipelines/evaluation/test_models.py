"""Figures of the models that read pictures, on fakes that are right or wrong in known ways."""

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from diptych.engine.models.vision.patch_codebook import PatchCodebook
from diptych.engine.values import FactAnswer, Picture, Verdict
from diptych.pipelines.evaluation.alignment import Judged
from diptych.pipelines.evaluation.captioner import evaluate_captioner, evaluate_captioner_on
from diptych.pipelines.evaluation.drafter import bits_a_token
from diptych.pipelines.evaluation.figures import Measure, Share
from diptych.pipelines.evaluation.inspector import Sighting
from diptych.pipelines.evaluation.tokenizer import entropy_bits, evaluate_tokenizer, psnr, ssim
from diptych.pipelines.pocket.world import Scene, facts_of
from diptych.pipelines.training.data.source import DRAFT_SIDE, WorldData, scene_of


def knowing(pictures: Sequence[Picture]) -> list[Verdict]:
    """A captioner that knows the prompt, and answers yes to what the prompt's scene holds."""
    verdicts = []
    for picture in pictures:
        assert picture.plan is not None
        truths = set(picture.plan.facts[: len(picture.plan.facts) // 2])
        answers = [FactAnswer(fact=f, probability=float(f in truths)) for f in picture.plan.facts]
        verdicts.append(Verdict(caption=picture.plan.prompt, score=1.0, answers=tuple(answers)))
    return verdicts


def saying_yes(pictures: Sequence[Picture]) -> list[Verdict]:
    return [
        Verdict(
            caption="five green ideas",
            score=1.0,
            answers=tuple(FactAnswer(fact=f, probability=0.9) for f in (p.plan.facts if p.plan else ())),
        )
        for p in pictures
    ]


def test_a_captioner_that_knows_all_is_right_in_all() -> None:
    figures = evaluate_captioner(knowing, count=20)
    assert {figure.value for figure in figures.values()} == {1.0}
    kinds = {kind for i in range(20) for kind, _ in facts_of(scene_of("held-out", i))}
    said = ("thing", "colour", "count", "setting", "style", "word for word")
    captions = {f"caption, {name}" for name in said}
    assert set(figures) == kinds | captions | {"all facts"}


def test_one_that_says_yes_to_everything_is_right_half_the_time() -> None:
    figures = evaluate_captioner(saying_yes, count=20)
    shares = {name: f.value for name, f in figures.items() if "," not in name and name != "all facts"}
    assert shares.pop("style") < 0.5  # of flat pictures false styles alone are asked
    assert shares and set(shares.values()) == {0.5}
    assert figures["all facts"] == figures["caption, thing"] == Share(0, 20)


def test_of_finished_pictures_those_are_read_that_show_what_was_asked(
    scenes: list[Scene], perfect: Callable[[Scene], Sighting]
) -> None:
    pixels, read = torch.zeros(8, 8, 3, dtype=torch.uint8), list[Picture]()

    def judge(pictures: Sequence[Picture]) -> list[Verdict]:
        read.extend(pictures)
        return knowing(pictures)

    judged = [
        Judged(scene=scenes[0], pixels=pixels, seen=perfect(scenes[0])),
        Judged(scene=scenes[1], pixels=pixels, seen=perfect(scenes[0])),
        Judged(scene=scenes[2], error="draft: no ink"),
    ]
    assert evaluate_captioner_on(judge, judged)["all facts"] == Share(1, 1)
    assert [picture.plan.prompt for picture in read if picture.plan] == [judged[0].prompt]


def test_a_codebook_of_everything_loses_nothing_and_one_of_nothing_much() -> None:
    pixels = WorldData("held-out").take(range(4), DRAFT_SIDE).pixels
    grid = (DRAFT_SIDE // 4, DRAFT_SIDE // 4)
    none = PatchCodebook(torch.zeros(2, 48), patch=4, grid=grid, name="none")
    exact = PatchCodebook(none.patches(pixels).flatten(0, 2), patch=4, grid=grid, name="all")
    found, lost = (evaluate_tokenizer(each, count=4, batch_size=3) for each in (exact, none))
    assert found["psnr"].value > 60 and lost["psnr"].value < 10 and found["psnr"].of == 4
    assert found["ssim"].value > 0.999 and lost["ssim"].value < 0.2
    assert lost["codebook_used"] == Share(1, 2)
    entropy = lost["codebook_entropy"]
    assert isinstance(entropy, Measure) and entropy.value == 0 == entropy.half_width


def test_decibels_and_bits_are_what_they_are() -> None:
    assert psnr(0.01) == pytest.approx(20) and psnr(0.0) == 100
    assert entropy_bits(np.array([5, 5, 0, 5, 5])) == pytest.approx(2)


def test_similarity_of_structure_falls_with_noise() -> None:
    pixels = WorldData("held-out").take(range(3), 64).pixels
    g = torch.Generator().manual_seed(0)
    noise = torch.randn(pixels.shape, generator=g)
    worse = [(pixels + strength * noise).clamp(0, 255).to(torch.uint8) for strength in (0, 10, 40)]
    values = torch.stack([ssim(each, pixels) for each in worse])
    assert values[0].tolist() == pytest.approx([1, 1, 1])
    assert bool((values[:-1] > values[1:]).all()) and bool((values[-1] > 0).all())
    flat = torch.full((1, 16, 16, 3), 100, dtype=torch.uint8)
    luminance = (2 * 100 * 120 / 255**2 + 0.01**2) / ((100**2 + 120**2) / 255**2 + 0.01**2)
    assert float(ssim(flat, flat + 20)) == pytest.approx(luminance)  # eq. 6 of the paper


def test_a_drafter_that_knows_nothing_needs_the_bits_of_the_codebook() -> None:
    def model(*, input_ids: torch.Tensor, logits_to_keep: int, **_: Any) -> Any:
        assert input_ids.shape[1] == 5 + 1 + logits_to_keep - 1
        return SimpleNamespace(logits=torch.zeros(len(input_ids), logits_to_keep, 10 + 16))

    words = SimpleNamespace(bos_token_id=0, eos_token_id=1, pad_token_id=2, encode=lambda text, **_: [3])
    drafter = SimpleNamespace(
        model=model, tokenizer=words, text_length=5, start=4, legal=slice(10, 26), device="cpu"
    )
    bits = bits_a_token(drafter, ["a", "b"], torch.zeros(2, 9, dtype=torch.int64))
    assert bits == pytest.approx([math.log2(16)] * 2)
