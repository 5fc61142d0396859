"""Starts a training from existing weights: what fits is copied, and new words start from their parts.

Knows where a folder of shipped weights keeps each model. Vocabularies may differ: the row of a piece that both
tokenizers have is copied, another's is the mean of the pieces that the old tokenizer cuts it into (as in Gee
et al. 2022, "Fast Vocabulary Transfer"). Image tokens keep their number, so the codebook must have been fitted
from the old one (`train_tokenizer(start=...)`).
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from ....engine.errors import InputError

# Of each model: where its tokenizer lies, and the prefix of its parameters in each weights file.
_FILES: dict[str, tuple[str, dict[str, str]]] = {
    "planner": ("", {"": "model.safetensors"}),
    "drafter": ("", {"": "model.safetensors"}),
    "captioner": ("", {"captioner.": "model.safetensors"}),
    "refiner": (
        "tokenizer",
        {
            "unet.": "unet/diffusion_pytorch_model.safetensors",
            "text_encoder.": "text_encoder/model.safetensors",
        },
    ),
}

_VOCABULARY = (
    *("embed_tokens", "lm_head", "token_embedding", "word_embeddings"),
    *("predictions.bias", "predictions.decoder"),
)
"""What the names of parameters hold that have a row (or a number) for each word."""


def start_from(task: Any, weights: Path) -> int:
    """Copy into `task.model` what fits of its namesake in a folder of shipped weights.

    Returns:
        how many of its parameters (scalars) were copied; none for the inspector, which is always trained from
        nothing, nor for a model that is tuned, whose weights are there already.

    Raises:
        InputError: the folder does not hold that model.
    """
    from transformers import AutoTokenizer

    if task.name not in _FILES:
        return 0
    folder = weights / task.name
    tokenizer_folder, files = _FILES[task.name]
    missing = [name for name in files.values() if not (folder / name).is_file()]
    if missing:
        raise InputError(f"{folder}: holds no {missing[0]}: --start-from takes a folder of shipped weights")
    old = AutoTokenizer.from_pretrained(folder / tokenizer_folder, local_files_only=True)
    mix, copied = _mix(old, task.tokenizer), 0
    own = task.model.state_dict()
    for prefix, name in files.items():
        for key, value in load_file(folder / name).items():
            target = own.get(prefix + key)
            if target is None or not target.is_floating_point():
                continue
            is_of_words = any(part in key for part in _VOCABULARY)
            copied += _copy(target, _of_words(value.float(), mix) if is_of_words else value.float(), key)
    return copied


def _of_words(value: torch.Tensor, mix: torch.Tensor) -> torch.Tensor:
    """The old words' rows mixed into the new words'; those of image tokens, behind the words, as before."""
    words, rest = value[: mix.shape[1]], value[mix.shape[1] :]
    mixed = (mix @ words.reshape(len(words), -1)).reshape(len(mix), *value.shape[1:])
    return torch.cat([mixed, rest])


def _copy(target: torch.Tensor, value: torch.Tensor, key: str) -> int:
    """Into `target` in place, if it has that shape; of positions, as many as both have."""
    if "position" in key and target.shape[1:] == value.shape[1:]:
        rows = min(len(value), len(target))
        target[:rows].copy_(value[:rows])
        return target[:rows].numel()
    if target.shape != value.shape:
        return 0
    target.copy_(value)
    return target.numel()


def _mix(old: Any, new: Any) -> torch.Tensor:
    """float32 (new words, old words): how each new word's row is mixed of old ones; each row sums to one."""
    known = old.get_vocab()
    mix = torch.zeros(len(new), len(old))
    for piece, i in new.get_vocab().items():
        if piece in known:
            mix[i, known[piece]] = 1
        else:
            parts = old.encode(piece.replace("▁", " "), add_special_tokens=False)
            for part in parts:
                mix[i, part] += 1 / len(parts)
    return mix
