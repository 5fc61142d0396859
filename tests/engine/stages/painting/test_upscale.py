"""Picture to a larger Picture: the original is in it, no tile shows, and rows do not see each other."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from diptych.engine.errors import InputError
from diptych.engine.stage import ModelKey, Models, RunContext
from diptych.engine.stages.painting.upscale import UpscaleStage, enlarged, put_right
from diptych.engine.values import Picture, Plan, Verdict
from diptych.pipelines.pocket.world import render, sample_scene

MakePlan = Callable[..., Plan]


@pytest.fixture(scope="module")
def models(load: Callable[..., Models], refiner: ModelKey, captioner: ModelKey) -> Models:
    return load(refiner, captioner)


@pytest.fixture(scope="module")
def pictures(make_plan: MakePlan) -> list[Picture]:
    """Two renders of 96 x 128 pixels, with plans of two seeds."""
    return [Picture(pixels=render_of(i)[:96], plan=make_plan(seed=i)) for i in range(2)]


def render_of(index: int, side: int = 128) -> torch.Tensor:
    image = render(sample_scene(random.Random(index), style="flat"), side).image
    return torch.from_numpy(np.array(image))


def shrunk(pixels: torch.Tensor, scale: int) -> torch.Tensor:
    return torch.from_numpy(np.array(PIL.Image.fromarray(pixels.numpy()).reduce(scale)))


def psnr(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(10 * torch.log10(255**2 / (one.double() - other.double()).square().mean()))


def run(stage: UpscaleStage, pictures: list[Picture], models: Models) -> list[torch.Tensor]:
    return [picture.pixels for picture in stage.run(pictures, models, RunContext())]


@pytest.mark.parametrize("scale", [2, 4])
def test_scaled_down_it_is_the_original(
    scale: int, refiner: ModelKey, models: Models, pictures: list[Picture]
) -> None:
    stage = UpscaleStage(model=refiner, scale=scale, fidelity=40)
    (larger,) = run(stage, pictures[:1], models)
    assert larger.shape == (96 * scale, 128 * scale, 3) and larger.dtype == torch.uint8
    assert psnr(shrunk(larger, scale), pictures[0].pixels) >= 39.5
    assert not torch.equal(larger, enlarged(pictures[0].pixels, scale)), "it was repainted"


def test_a_row_is_the_same_alone_in_a_batch_and_again(
    refiner: ModelKey, models: Models, pictures: list[Picture]
) -> None:
    stage = UpscaleStage(model=refiner)
    together = run(stage, pictures, models)
    alone = [run(stage, [picture], models)[0] for picture in pictures]
    assert all(torch.equal(one, other) for one, other in zip(together, alone, strict=True))


def test_the_picture_keeps_its_descent(refiner: ModelKey, models: Models, pictures: list[Picture]) -> None:
    (larger,) = UpscaleStage(model=refiner, strength=0).run(pictures[:1], models, RunContext())
    assert larger.plan is pictures[0].plan and larger.draft is pictures[0].draft
    assert torch.equal(larger.pixels, enlarged(pictures[0].pixels, 2)), "no strength, no repainting"


def test_a_picture_is_put_right_as_far_as_was_asked() -> None:
    original = render_of(3, 32)
    noise = torch.randint(0, 256, (128, 128, 3), generator=torch.Generator().manual_seed(0))
    mixed = (0.6 * enlarged(original, 4) + 0.4 * noise).to(torch.uint8)
    assert psnr(shrunk(mixed, 4), original) < 30
    for asked in (32, 40):
        found = psnr(shrunk(put_right(mixed, original, at_least=asked), 4), original)
        assert asked - 0.1 < found < asked + 6, "as far as was asked, and not much further"


@pytest.mark.parametrize(("better", "kept"), [(True, "repainted"), (False, "plain")])
def test_the_plain_enlargement_is_kept_where_the_score_falls(
    better: bool,
    kept: str,
    refiner: ModelKey,
    captioner: ModelKey,
    models: Models,
    pictures: list[Picture],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = enlarged(pictures[0].pixels, 2)

    def judged(self: Any, batch: list[Picture], *rest: Any) -> list[Verdict]:
        is_plain = torch.equal(batch[0].pixels, plain)
        return [Verdict(caption="", score=0.9 if is_plain != better else 0.5)]

    monkeypatch.setattr("diptych.engine.stages.judging.judge.JudgeStage.run", judged)
    stage = UpscaleStage(model=refiner, captioner=captioner)
    (larger,) = run(stage, pictures[:1], models)
    assert torch.equal(larger, plain) == (kept == "plain")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"scale": 3}, "scale = 3: must be 2 or 4"),
        ({"strength": 7}, "strength = 7: must lie between 0"),
        ({"num_inference_steps": 0}, "num_inference_steps = 0: must lie between 1 and 1000"),
        ({"fidelity": 90}, "fidelity = 90: must lie between 0 and 45 dB"),
        ({"overlap": 300}, "overlap = 300: must lie between 0 and 128"),
    ],
)
def test_settings_out_of_range_are_refused(setting: dict[str, Any], message: str, refiner: ModelKey) -> None:
    with pytest.raises(InputError, match=message):
        UpscaleStage(model=refiner, **setting)


def test_the_workspace_grows_with_pixels_and_scale(refiner: ModelKey, pictures: list[Picture]) -> None:
    needs = [UpscaleStage(model=refiner, scale=scale).workspace(pictures[:1]) for scale in (2, 4)]
    assert needs[1] > needs[0] and UpscaleStage(model=refiner).workspace(pictures) > needs[0]
