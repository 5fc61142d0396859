"""Tiny Emu3 and Chameleon with random weights, in the folders of the real ones."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .texts import byte_level

library: Any = importlib.import_module("transformers")

BOOK = 32


def text_sizes(words: int) -> dict[str, Any]:
    return {
        "vocab_size": words,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "initializer_range": 0.3,
    }


def emu3(folder: Path) -> None:
    """Emu3: rows of image tokens, each ended, 8x8 pixels a token."""
    images = [f"<|visual token {i:06d}|>" for i in range(BOOK)]
    special = {"boi_token": "<|image start|>", "eoi_token": "<|image end|>", "image_token": "<image>"}
    special |= {"image_wrapper_token": "<|image token|>", "eof_token": "<|extra_201|>"}
    tokenizer = byte_level(
        ["<|extra_203|>", "<|extra_204|>", "<|endoftext|>", "<|extra_200|>", *special.values(), *images],
        size=500,
        bos_token="<|extra_203|>",
        eos_token="<|extra_204|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=special,
    )
    names = ["<image>", "<|extra_200|>", *images]
    config = library.Emu3Config(
        text_config=text_sizes(len(tokenizer)) | {"pad_token_id": 2, "bos_token_id": 0, "eos_token_id": 1},
        vq_config={
            "codebook_size": BOOK,
            "base_channels": 32,
            "channel_multiplier": [1, 1, 1, 1],
            "num_res_blocks": 1,
            "hidden_size": 32,
            "attn_resolutions": [],
            "temporal_downsample_factor": 4,
        },
        vocabulary_map={name: tokenizer.convert_tokens_to_ids(name) for name in names},
    )
    torch.manual_seed(0)
    library.Emu3ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def chameleon(folder: Path) -> None:
    """Chameleon: one grid of 4x4 tokens, named by letters for digits."""
    letters = str.maketrans("0123456789", "ABCDEFGHIJ")
    images = [f"IMGIMG{str(i).translate(letters)}Z" for i in range(BOOK)]
    tokenizer = byte_level(
        ["<s>", "</s>", "<pad>", "<racm3:break>", "<eoss>", "<image>", "<reserved08706>", *images],
        size=500,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        sep_token="<reserved08706>",
    )
    names = ["<image>", "<racm3:break>", "<eoss>", *images]
    config = library.ChameleonConfig(
        **text_sizes(len(tokenizer)),
        pad_token_id=2,
        bos_token_id=0,
        eos_token_id=1,
        vq_config={
            "embed_dim": 8,
            "num_embeddings": BOOK,
            "latent_channels": 8,
            "resolution": 16,
            "base_channels": 32,
            "channel_multiplier": [1, 1, 1],
            "num_res_blocks": 1,
        },
        vocabulary_map={name: tokenizer.convert_tokens_to_ids(name) for name in names},
    )
    torch.manual_seed(0)
    library.ChameleonForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


WORDS_DRAFTERS: dict[str, Callable[[Path], None]] = {make.__name__: make for make in (emu3, chameleon)}
