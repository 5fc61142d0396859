"""Pipelines that start from a picture: the draft's preview, or the one that a request starts from."""

import dataclasses
import importlib
from typing import Any

import PIL.Image
import pytest
import torch

from diptych.engine.memory import DeviceMemory
from diptych.engine.models.registry import Registry
from diptych.engine.randomness import RowKey, generators
from diptych.engine.stages.painting.paint import repaint_stages
from diptych.engine.values import Draft
from diptych.engine.values.start import Start

from .painting import CALLS, SIDE, STEPS, Twin, draft, key, library_pipeline, painted, pictures, plan
from .pipeline_twins import FAMILIES, sana, stable_diffusion

diffusers: Any = importlib.import_module("diffusers")

STRENGTH = 0.7
ABLE = ["SD 1.5", "SDXL", "SD 3", "FLUX.1", "Z-Image", "Qwen-Image"]


def library_picture(family: str, folder: Any, value: Draft) -> torch.Tensor:
    """float32 (h, w, 3), 0 to 1: the library's image-to-image pipeline, of the whole pipeline at once."""
    pipeline = library_pipeline(folder, diffusers.AutoPipelineForImage2Image)
    request = value.plan.request
    image = PIL.Image.fromarray(value.preview.numpy()).resize((SIDE, SIDE), PIL.Image.Resampling.BICUBIC)
    size = {} if family in ("SD 1.5", "SDXL") else {"height": SIDE, "width": SIDE}
    images = pipeline(
        prompt=request.prompt,
        image=image,
        strength=STRENGTH,
        num_inference_steps=STEPS,
        generator=generators([RowKey(request.seed, request.candidate)], "repaint")[0],
        output_type="np",
        **size,
        **CALLS[family],
    ).images
    return torch.from_numpy(images[0]).float()


@pytest.mark.parametrize("family", ABLE)
def test_the_repainted_preview_is_the_librarys_own(family: str, twin: Twin) -> None:
    folder = twin(FAMILIES[family])
    rows = [draft(plan(family, seed=seed)) for seed in (7, 8)]
    ours = pictures(repaint_stages(model=key(folder), strength=STRENGTH), rows)
    for row, pixels in zip(rows, ours, strict=True):
        expected = library_picture(family, folder, row)
        assert (pixels / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4
    (alone,) = pictures(repaint_stages(model=key(folder), strength=STRENGTH), rows[1:])
    assert (alone - ours[1]).abs().max() <= 1


@pytest.mark.parametrize(
    ("family", "dtype"), [("SD 1.5", "float16"), ("SDXL", "float16"), ("SDXL", "bfloat16")]
)
def test_half_precision_repaints_about_the_same(family: str, dtype: str, twin: Twin) -> None:
    model, row = key(twin(FAMILIES[family])), draft(plan(family))
    stages = repaint_stages(model=dataclasses.replace(model, dtype=dtype), strength=STRENGTH)
    memory = DeviceMemory(Registry())
    (half,) = pictures(stages, [row], memory=memory)
    (full,) = pictures(repaint_stages(model=model, strength=STRENGTH), [row])
    assert (half - full).abs().float().mean() < 2
    (again,) = pictures(stages, [row], memory=memory)  # the autoencoder, which is shared, was not cast
    assert torch.equal(half, again)


def test_a_requests_own_picture_is_what_is_repainted(twin: Twin) -> None:
    stages = repaint_stages(model=key(twin(stable_diffusion)), strength=STRENGTH)
    given = torch.randint(256, (SIDE, SIDE, 3)).to(torch.uint8)
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[:, 32:] = True
    first = draft(plan("SD 1.5"))

    def starting(**start: Any) -> Draft:
        request = first.plan.request.__class__(
            **{**vars(first.plan.request), "start": Start(picture=given, **start)}
        )
        return draft(plan("SD 1.5").__class__(request=request, prompt=request.prompt, facts=()))

    plain, own, masked, kept = (
        pictures(stages, [value])[0]
        for value in (
            first,
            starting(strength=STRENGTH),
            starting(strength=STRENGTH, mask=mask),
            starting(strength=0),
        )
    )
    assert torch.equal(kept, given.int())
    (reason,) = painted(stages, [starting(strength=0.01)])
    assert "raise one of them" in reason or "strength" in reason
    assert (plain - own).abs().max() > 1
    assert torch.equal(masked[:, :32], given[:, :32].int()) and torch.equal(masked[:, 32:], own[:, 32:])


def test_a_pipeline_that_cannot_start_from_a_picture_says_so(twin: Twin) -> None:
    (reason,) = painted(repaint_stages(model=key(twin(sana))), [draft(plan("Sana"))])
    assert reason == "SanaPipeline cannot start from a picture: name another checkpoint for repaint"
