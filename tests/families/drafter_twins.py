"""Tiny drafters with random weights, in the folders of the real ones."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .texts import byte_level

library: Any = importlib.import_module("transformers")  # whose stubs know too little of its configs

JANUS_CHAT = """{% for m in messages %}<|{{ m.role | capitalize }}|>: \
{% for c in m.content %}{{ c.text }}{% endfor %}

{% endfor %}{% if add_generation_prompt %}<|Assistant|>:{% endif %}"""
GLM_CHAT = """[gMASK]<sop>{% for m in messages %}<|user|>
{% for c in m.content %}{% if c.type == 'text' %}{{ c.text }}{% else %}<|image|>{% endif %}{% endfor %}\
{% endfor %}\
{% if add_generation_prompt %}<|assistant|>{% endif %}"""
GLM_BOOK = 64


def janus(folder: Path) -> None:
    """Janus: a Llama, a table and a head for image tokens, a VQ decoder; 4x4 tokens show 8x8 pixels."""
    tokenizer = byte_level(
        ["<begin_of_sentence>", "<end_of_sentence>", "<pad>", "<begin_of_image>", "<end_of_image>", "<image>"],
        bos_token="<begin_of_sentence>",
        eos_token="<end_of_sentence>",
        pad_token="<pad>",
        chat_template="{{ bos_token }}" + JANUS_CHAT,
    )
    text = library.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        initializer_range=0.3,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    vision = library.JanusVisionConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=64,
        patch_size=16,
        projection_dim=32,
        num_image_tokens=16,
    )
    book = library.JanusVQVAEConfig(
        embed_dim=8,
        num_embeddings=48,
        latent_channels=16,
        base_channels=32,
        channel_multiplier=[1, 1],
        num_res_blocks=1,
        projection_dim=32,
        image_token_embed_dim=32,
        initializer_range=0.3,
    )
    config = library.JanusConfig(
        text_config=text.to_dict(),
        vision_config=vision.to_dict(),
        vq_config=book.to_dict(),
        image_token_id=5,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    model = library.JanusForConditionalGeneration(config)
    for module in (model.model.generation_embeddings, model.model.generation_head.vision_head):
        torch.nn.init.normal_(module.weight)
    model.generation_config = library.GenerationConfig(
        bos_token_id=0, eos_token_id=1, pad_token_id=2, generation_kwargs={"boi_token_id": 3}
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def glm_image(folder: Path) -> None:
    """GLM-Image's first half, as it lies in its pipeline's folder."""
    image_tokens = [f"<|dit_token_{i}|>" for i in range(GLM_BOOK + 2)]
    tokenizer = byte_level(
        [*image_tokens, "<|endoftext|>", "[gMASK]", "<sop>", "<eop>", "<|user|>", "<|assistant|>", "<|image|>"],
        size=480,
        bos_token=image_tokens[GLM_BOOK],
        pad_token="<|endoftext|>",
        chat_template=GLM_CHAT,
        extra_special_tokens={"grid_bos_token": "<sop>", "grid_eos_token": "<eop>", "image_token": "<|image|>"},
    )
    text: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "vision_vocab_size": GLM_BOOK + 2,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "initializer_range": 0.3,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": GLM_BOOK + 1,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]},
    }
    config = library.GlmImageConfig(
        text_config=text,
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "num_heads": 2,
            "intermediate_size": 24,
            "image_size": 64,
        },
        vq_config={"embed_dim": 8, "num_embeddings": GLM_BOOK, "latent_channels": 16},
        image_token_id=tokenizer.convert_tokens_to_ids("<|image|>"),
        image_start_token_id=GLM_BOOK,
        image_end_token_id=GLM_BOOK + 1,
    )
    torch.manual_seed(0)
    model = library.GlmImageForConditionalGeneration(config)
    torch.nn.init.normal_(model.model.vqmodel.quantize.embedding.weight)
    model.save_pretrained(folder / "vision_language_encoder")
    tokenizer.save_pretrained(folder / "processor")
    said = {"processor_class": "GlmImageProcessor"}
    (folder / "processor" / "processor_config.json").write_text(json.dumps(said), encoding="utf-8")


DRAFTERS: dict[str, Callable[[Path], None]] = {make.__name__: make for make in (janus, glm_image)}
