"""Which small checkpoint stands for which of those that the shipped recipes name."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from diptych.engine.stage import ModelKey
from diptych.pipelines.recipes.reader import NO_MODEL, POCKET_WEIGHTS, Recipe

from . import captioner_twins, drafter_twins, pipeline_twins, planner_twins

Make = Callable[[Path], None]


SMALL = {"max_tokens": 96, "thinking_tokens": 16}
"""Settings that are made smaller for models that babble."""


def glm_image(folder: Path) -> None:
    """All of GLM-Image: the pipeline with its language model in it."""
    pipeline_twins.glm_image(folder)
    drafter_twins.glm_image(folder)


TWINS: dict[str, Make] = {
    "Qwen/Qwen3-4B-Instruct-2507": planner_twins.qwen3,
    "Qwen/Qwen3-8B": planner_twins.thinker,
    "HuggingFaceTB/SmolLM2-360M-Instruct": planner_twins.smollm,
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": planner_twins.smollm,
    "meta-llama/Llama-3.2-3B-Instruct": planner_twins.llama3,
    "mistralai/Mistral-7B-Instruct-v0.3": planner_twins.mistral,
    "google/gemma-3-1b-it": planner_twins.gemma3,
    "Tongyi-MAI/Z-Image-Turbo": pipeline_twins.z_image,
    "stabilityai/sdxl-turbo": pipeline_twins.stable_diffusion_xl,
    "stabilityai/stable-diffusion-xl-base-1.0": pipeline_twins.stable_diffusion_xl,
    "stable-diffusion-v1-5/stable-diffusion-v1-5": pipeline_twins.stable_diffusion,
    "stabilityai/stable-diffusion-3.5-medium": pipeline_twins.stable_diffusion_3,
    "black-forest-labs/FLUX.1-schnell": pipeline_twins.flux,
    "Qwen/Qwen-Image": pipeline_twins.qwen_image,
    "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS": pipeline_twins.pixart_sigma,
    "Efficient-Large-Model/Sana_1600M_1024px_BF16_diffusers": pipeline_twins.sana,
    "zai-org/GLM-Image": glm_image,
    "deepseek-community/Janus-Pro-1B": drafter_twins.janus,
    "Salesforce/blip-image-captioning-base": captioner_twins.blip,
    "Salesforce/blip-image-captioning-large": captioner_twins.blip,
    "Salesforce/blip2-opt-2.7b": captioner_twins.blip2,
    "florence-community/Florence-2-large": captioner_twins.florence2,
    "HuggingFaceTB/SmolVLM2-2.2B-Instruct": captioner_twins.smolvlm,
    "Qwen/Qwen2.5-VL-7B-Instruct": captioner_twins.qwen2_5_vl,
    "Qwen/Qwen3-VL-2B-Instruct": captioner_twins.qwen3_vl,
    "Qwen/Qwen3-VL-4B-Instruct": captioner_twins.qwen3_vl,
}


def on_twins(recipe: Recipe, folder_of: Callable[[Make], Path], **defaults: float) -> Recipe:
    """The recipe with a twin in the place of each checkpoint, for pictures of 64 x 64 in float32."""

    def stand_in(key: ModelKey) -> ModelKey:
        if key == NO_MODEL or key.checkpoint.startswith(str(POCKET_WEIGHTS)):
            return key
        folder = folder_of(TWINS[key.checkpoint])
        return dataclasses.replace(key, checkpoint=str(folder), dtype="float32")

    stages = {
        name: dataclasses.replace(
            stage,
            model=stand_in(stage.model),
            models={role: stand_in(key) for role, key in stage.models.items()},
            settings={name: SMALL.get(name, each) for name, each in stage.settings.items()},
        )
        for name, stage in recipe.stages.items()
    }
    settings = dataclasses.replace(recipe.defaults, **defaults)
    side = recipe.height if recipe.name in ("pocket", "atlas") else 64
    return dataclasses.replace(recipe, stages=stages, defaults=settings, height=side, width=side)
