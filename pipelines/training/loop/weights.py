"""Writes trained weights in the format they ship in: float16 safetensors in the libraries' folder layout."""

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def halved(model: Any) -> Any:
    """A float16 copy of a model. Half the bytes; what rounding costs is far below what training noise costs."""
    return copy.deepcopy(model).to(torch.float16)


def save_transformers(model: Any, folder: Path, tokenizer: "PreTrainedTokenizerFast | None" = None) -> None:
    """Save a transformers or diffusers model, and its tokenizer, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    halved(model).save_pretrained(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)


def save_image_processor(folder: Path, side: int) -> None:
    """Write how pictures are made ready: `side` pixels high and wide, bicubic, in [-1, 1]."""
    from PIL import Image
    from transformers import BlipImageProcessorPil

    processor = BlipImageProcessorPil(
        size={"height": side, "width": side},
        resample=Image.Resampling.BICUBIC,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    processor.save_pretrained(folder)


def quiet_libraries() -> None:
    """No progress bars where models are saved and loaded: a training run has lines of its own."""
    import diffusers.utils.logging
    import transformers.utils.logging

    transformers.utils.logging.disable_progress_bar()
    diffusers.utils.logging.disable_progress_bar()
