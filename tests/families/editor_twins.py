"""Tiny twins of pipelines that edit pictures by instruction."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import pipeline_pieces as parts
from . import pipeline_twins as twins

diffusers: Any = importlib.import_module("diffusers")


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


def _qwen_edit(class_name: str) -> Callable[[Path], None]:
    make = _as(twins.qwen_image, class_name)

    def made(folder: Path) -> None:
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

        make(folder)
        processor = folder / "processor"
        diffusers.DiffusionPipeline  # its tokenizer is that of the processor, too
        for file in (folder / "tokenizer").iterdir():
            processor.mkdir(exist_ok=True)
            (processor / file.name).write_bytes(file.read_bytes())
        Qwen2VLImageProcessorPil(min_pixels=784, max_pixels=7840).save_pretrained(processor)
        parts.name_components(folder, processor=["transformers", "Qwen2VLProcessor"])

    made.__name__ = class_name
    return made


EDITORS: dict[str, Callable[[Path], None]] = {
    "FLUX.1 Kontext": kontext,
    "FLUX.2": twins.flux2,
    "FLUX.2 klein": twins.flux2_klein,
    "Qwen-Image-Edit": _qwen_edit("QwenImageEditPipeline"),
    "Qwen-Image-Edit-Plus": _qwen_edit("QwenImageEditPlusPipeline"),
}
