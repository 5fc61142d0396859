"""The pipelines of `pipeline_twins` whose net is a U-Net."""

import importlib
from pathlib import Path
from typing import Any

from . import pipeline_pieces as parts
from . import pipeline_tokenizers as tokenizers

diffusers: Any = importlib.import_module("diffusers")


def stable_diffusion(folder: Path) -> None:
    """Stable Diffusion 1.5: a U-Net that predicts noise, guided by CLIP."""
    clip = tokenizers.clip()
    pipeline = diffusers.StableDiffusionPipeline(
        vae=parts.vae(scaling_factor=0.18215),
        text_encoder=parts.clip_text(clip),
        tokenizer=clip,
        unet=parts.unet(cross_attention_dim=parts.WIDTH),
        scheduler=diffusers.DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    parts.save(pipeline, folder)
    checker = ["stable_diffusion", "StableDiffusionSafetyChecker"]  # as the real one names them
    parts.name_components(
        folder, safety_checker=checker, feature_extractor=["transformers", "CLIPImageProcessor"]
    )


def stable_diffusion_2(folder: Path) -> None:
    """Stable Diffusion 2: as the first, with OpenCLIP's text encoder, and velocities predicted."""
    stable_diffusion(folder)
    scheduler = diffusers.DDIMScheduler(
        beta_schedule="scaled_linear", clip_sample=False, prediction_type="v_prediction"
    )
    scheduler.save_pretrained(folder / "scheduler")


def stable_diffusion_xl(folder: Path) -> None:
    """SDXL: two text encoders, sizes among the conditions; a scheduler that draws at each step, as Turbo's."""
    clip = tokenizers.clip()
    pipeline = diffusers.StableDiffusionXLPipeline(
        vae=parts.vae(scaling_factor=0.13025, force_upcast=True),
        text_encoder=parts.clip_text(clip),
        text_encoder_2=parts.clip_text(clip, projected=True),
        tokenizer=clip,
        tokenizer_2=clip,
        unet=parts.unet(
            cross_attention_dim=2 * parts.WIDTH,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=parts.WIDTH + 6 * 8,
            transformer_layers_per_block=(1, 2),
            use_linear_projection=True,
        ),
        scheduler=diffusers.EulerAncestralDiscreteScheduler(
            beta_schedule="scaled_linear", timestep_spacing="trailing"
        ),
    )
    parts.save(pipeline, folder)


def latent_consistency(folder: Path) -> None:
    """A latent consistency model: no class that is listed; the guidance is told to its U-Net."""
    clip = tokenizers.clip()
    pipeline = diffusers.LatentConsistencyModelPipeline(
        vae=parts.vae(scaling_factor=0.18215),
        text_encoder=parts.clip_text(clip),
        tokenizer=clip,
        unet=parts.unet(cross_attention_dim=parts.WIDTH, time_cond_proj_dim=16),
        scheduler=diffusers.LCMScheduler(beta_schedule="scaled_linear"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    parts.save(pipeline, folder)
