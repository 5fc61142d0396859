"""Folders of pipelines that paint over a picture: SDXL's refiner behind the base, image-to-image and inpainting
folders as the stage that repaints. Pictures are those of the library's own pipelines."""

import dataclasses
import importlib
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch

from diptych.engine.memory import DeviceMemory
from diptych.engine.models.registry import Registry
from diptych.engine.randomness import RowKey, generators
from diptych.engine.stages.painting.paint import paint_stages, repaint_stages
from diptych.engine.stages.painting.repaint_picture import repaint_picture_stages
from diptych.engine.values.start import Start
from diptych.pipelines.recipes.build import build_chain
from diptych.pipelines.recipes.check import check
from diptych.pipelines.recipes.reader import read_recipe
from diptych.pipelines.recipes.writer import recipe_text
from diptych.pipelines.text_to_image import TextToImage

from . import pipeline_pieces as parts
from . import pipeline_tokenizers as tokenizers
from .painting import CALLS, SIDE, STEPS, Twin, draft, key, library_picture, pictures, plan
from .unet_twins import stable_diffusion, stable_diffusion_xl

diffusers: Any = importlib.import_module("diffusers")
STRENGTH = 0.7


def refiner(folder: Path) -> None:
    """SDXL's refiner: one of the two text encoders, an aesthetic score among the conditions."""
    clip = tokenizers.clip()
    pipeline = diffusers.StableDiffusionXLImg2ImgPipeline(
        vae=parts.vae(scaling_factor=0.13025, force_upcast=True),
        text_encoder=None,
        text_encoder_2=parts.clip_text(clip, projected=True),
        tokenizer=None,
        tokenizer_2=clip,
        unet=parts.unet(
            cross_attention_dim=parts.WIDTH,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=parts.WIDTH + 5 * 8,
            use_linear_projection=True,
        ),
        scheduler=diffusers.EulerDiscreteScheduler(beta_schedule="scaled_linear"),
        requires_aesthetics_score=True,
    )
    parts.save(pipeline, folder)


def with_unet(folder: Path, kind: Any, channels: int) -> None:
    clip = tokenizers.clip()
    pipeline = kind(
        vae=parts.vae(scaling_factor=0.18215),
        text_encoder=parts.clip_text(clip),
        tokenizer=clip,
        unet=parts.unet(cross_attention_dim=parts.WIDTH, in_channels=channels, out_channels=4),
        scheduler=diffusers.DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    parts.save(pipeline, folder)


def inpainting(folder: Path) -> None:
    """SD 1.5's inpainting model: nine channels, of which four are the masked picture's and one the mask."""
    with_unet(folder, diffusers.StableDiffusionInpaintPipeline, 9)


def image_to_image(folder: Path) -> None:
    with_unet(folder, diffusers.StableDiffusionImg2ImgPipeline, 4)


def of_library(folder: Path, value: Any, image: PIL.Image.Image, **more: Any) -> torch.Tensor:
    """float32 (h, w, 3), 0 to 1."""
    request = value.plan.request
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    images = pipeline(
        prompt=value.plan.prompt,
        image=image,
        strength=STRENGTH,
        num_inference_steps=STEPS,
        generator=generators([RowKey(request.seed, request.candidate)], "repaint")[0],
        output_type="np",
        **CALLS["SD 1.5"],
        **more,
    ).images
    return torch.from_numpy(images[0]).float()


def test_a_refiner_goes_over_the_base_models_picture_as_the_librarys_does(twin: Twin) -> None:
    base, second = twin(stable_diffusion_xl), twin(refiner)
    stages = (*paint_stages(model=key(base)), *repaint_picture_stages(model=key(second), strength=STRENGTH))
    rows = [plan("SDXL", seed=seed) for seed in (7, 8)]
    together = pictures(stages, rows)
    for row, pixels in zip(rows, together, strict=True):
        first = (library_picture(base, row, **CALLS["SDXL"]) * 255).round().to(torch.uint8)
        value = draft(row)
        expected = of_library(second, value, PIL.Image.fromarray(first.numpy()))
        assert (pixels / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4
    (alone,) = pictures(stages, rows[:1])
    assert (alone - together[0]).abs().max() <= 1


def test_a_recipe_names_both_and_each_phase_by_a_name_of_its_own(twin: Twin, tmp_path: Path) -> None:
    paint = {"family": "diffusers", "checkpoint": twin(stable_diffusion_xl)}
    repaint = {"family": "diffusers", "checkpoint": twin(refiner), "settings": {"strength": STRENGTH}}
    picture = {"height": SIDE, "width": SIDE}
    recipe = read_recipe({"picture": picture, "stages": {"paint": paint, "repaint": repaint}})
    names = [stage.name for stage in build_chain(recipe).stages]
    assert names[1:] == ["encode", "paint", "decode", "repaint_encode", "repaint", "repaint_decode"]
    assert check(recipe, device="cpu").ready
    (folder := tmp_path / "recipe").mkdir()
    (folder / "mine.toml").write_text(recipe_text(recipe), encoding="utf-8")
    made = TextToImage.from_recipe(folder / "mine.toml")("a boat", num_inference_steps=2)
    assert not made.failures and made.outcomes[0].image.size == (SIDE, SIDE)


@pytest.mark.parametrize("make", [image_to_image, inpainting], ids=lambda make: make.__name__)
def test_a_folder_that_paints_over_pictures_repaints_previews(make: Any, twin: Twin) -> None:
    folder = twin(make)
    rows = [draft(plan("SD 1.5", seed=seed)) for seed in (7, 8)]
    stages = repaint_stages(model=key(folder), strength=STRENGTH)
    together = pictures(stages, rows, memory=DeviceMemory(Registry()))
    for row, pixels in zip(rows, together, strict=True):
        image = PIL.Image.fromarray(row.preview.numpy()).resize((SIDE, SIDE), PIL.Image.Resampling.BICUBIC)
        more = {"mask_image": PIL.Image.new("L", (SIDE, SIDE), 255)} if make is inpainting else {}
        more |= {"height": SIDE, "width": SIDE} if make is inpainting else {}
        expected = of_library(folder, row, image, **more)
        assert (pixels / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4
    (alone,) = pictures(stages, rows[:1])
    assert (alone - together[0]).abs().max() <= 1


def test_an_inpainting_model_reads_the_requests_mask(twin: Twin) -> None:
    folder = twin(inpainting)
    row = draft(plan("SD 1.5"))
    picture = torch.randint(256, (SIDE, SIDE, 3), generator=torch.Generator().manual_seed(3)).to(torch.uint8)
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[16:48, 8:40] = True
    start = Start(picture=picture, mask=mask, strength=STRENGTH)
    request = dataclasses.replace(row.plan.request, start=start)
    row = dataclasses.replace(row, plan=dataclasses.replace(row.plan, request=request))
    (ours,) = pictures(repaint_stages(model=key(folder)), [row])
    expected = of_library(
        folder,
        row,
        PIL.Image.fromarray(picture.numpy()),
        mask_image=PIL.Image.fromarray((mask.to(torch.uint8) * 255).numpy()),
        height=SIDE,
        width=SIDE,
    )
    inside = (ours / 255 - expected).abs()[mask]
    assert inside.max() <= 0.5 / 255 + 1e-4 and torch.equal(ours[~mask], picture[~mask].int())


def test_it_is_no_stage_that_paints_of_text_alone(twin: Twin) -> None:
    from diptych import InputError

    for make in (image_to_image, inpainting, refiner):
        table = {"stages": {"paint": {"family": "diffusers", "checkpoint": twin(make)}}}
        with pytest.raises(InputError, match=r"paints over a picture.*make paint repaint in the recipe"):
            build_chain(read_recipe(table))
    whole = {"stages": {"paint": {"family": "diffusers", "checkpoint": twin(stable_diffusion)}}}
    assert build_chain(read_recipe(whole))
