"""Tiny twins of pipelines that edit pictures by instruction."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from . import pipeline_pieces as parts
from . import pipeline_tokenizers as tokenizers
from . import pipeline_twins as twins
from .newer_twins import VISION, qwen_vae, with_processor

diffusers: Any = importlib.import_module("diffusers")

_MARKS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>")


def _as(make: Callable[[Path], None], class_name: str) -> Callable[[Path], None]:
    """A twin of another class with the same components."""

    def made(folder: Path) -> None:
        make(folder)
        path = folder / "model_index.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "_class_name": class_name}))

    made.__name__ = class_name
    return made


kontext = _as(twins.flux, "FluxKontextPipeline")
"""FLUX.1 Kontext: the picture's latents stand behind those that are painted."""


def _marked(tokenizer: Any) -> dict[str, int]:
    """A tokenizer is told of the marks for pictures; what a model's config calls them."""
    tokenizer.add_special_tokens({"additional_special_tokens": list(_MARKS)})
    names = ("vision_start_token_id", "vision_end_token_id", "image_token_id")
    return dict(zip(names, tokenizer.convert_tokens_to_ids(list(_MARKS)), strict=True))


def _qwen_edit(class_name: str) -> Callable[[Path], None]:
    """Qwen-Image-Edit: its text encoder sees the pictures, too, beside what the autoencoder makes of them."""

    def made(folder: Path) -> None:
        from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

        tokenizer = tokenizers.qwen()
        ids = _marked(tokenizer)
        torch.manual_seed(0)
        rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]}
        vision = {key: value for key, value in VISION.items() if key != "deepstack_visual_indexes"}
        config = Qwen2_5_VLConfig(
            text_config=parts.text_config(
                "qwen2_5_vl_text", len(tokenizer), rope_parameters=rope, max_position_embeddings=8192
            ),
            vision_config={**vision, "fullatt_block_indexes": [0]},
            **ids,  # pyright: ignore[reportArgumentType]
        )
        transformer = diffusers.QwenImageTransformer2DModel(
            in_channels=16,
            out_channels=4,
            num_layers=2,
            **parts.HEADS,
            joint_attention_dim=parts.WIDTH,
            axes_dims_rope=(4, 4, 8),
        )
        pipeline = diffusers.QwenImagePipeline(
            scheduler=parts.flow(use_dynamic_shifting=True),
            vae=qwen_vae(),
            text_encoder=Qwen2_5_VLForConditionalGeneration(config),
            tokenizer=tokenizer,
            transformer=transformer,
        )
        parts.save(pipeline, folder)
        with_processor(folder, tokenizer, processor=["transformers", "Qwen2VLProcessor"])
        Qwen2VLImageProcessorPil(min_pixels=784, max_pixels=7840).save_pretrained(folder / "processor")
        parts.name_components(folder, _class_name=class_name)  # pyright: ignore[reportArgumentType]

    made.__name__ = class_name
    return made


EDITORS: dict[str, Callable[[Path], None]] = {
    "FLUX.1 Kontext": kontext,
    "FLUX.2": twins.flux2,
    "FLUX.2 klein": twins.flux2_klein,
    "FLUX.2 klein KV": _as(twins.flux2_klein, "Flux2KleinKVPipeline"),
    "Qwen-Image-Edit": _qwen_edit("QwenImageEditPipeline"),
    "Qwen-Image-Edit-Plus": _qwen_edit("QwenImageEditPlusPipeline"),
}
