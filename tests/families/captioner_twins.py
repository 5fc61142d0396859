"""Tiny captioners and vision-language chat models with random weights, in the folders of the real ones."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .texts import byte_level, word_pieces

library: Any = importlib.import_module("transformers")  # whose stubs know too little of its configs

TEXT: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "initializer_range": 0.3,
}
SMOLVLM_CHAT = """<|im_start|>{% for m in messages %}{{ m.role | capitalize }}:{% for c in m.content %}\
{% if c.type == 'text' %}{{ c.text }}{% elif c.type == 'image' %}<image>{% endif %}{% endfor %}\
<end_of_utterance>
{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"""
QWEN_CHAT = """{% for m in messages %}<|im_start|>{{ m.role }}
{% for c in m.content %}{% if c.type == 'text' %}{{ c.text }}{% elif c.type == 'image' %}\
<|vision_start|><|image_pad|><|vision_end|>{% endif %}{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def blip(folder: Path) -> None:
    """BLIP: an image encoder, and a BERT decoder with cross-attention."""
    tokenizer = word_pieces(["[DEC]"])
    sizes: dict[str, Any] = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2}
    sizes |= {"num_attention_heads": 2, "projection_dim": 24}
    text = library.BlipTextConfig(
        vocab_size=len(tokenizer),
        encoder_hidden_size=24,
        max_position_embeddings=512,
        initializer_range=0.3,
        bos_token_id=tokenizer.convert_tokens_to_ids("[DEC]"),
        eos_token_id=2,
        sep_token_id=tokenizer.sep_token_id,
        pad_token_id=tokenizer.pad_token_id,
        label_smoothing=0.0,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **sizes,
    )
    vision = library.BlipVisionConfig(image_size=32, patch_size=8, initializer_range=0.2, **sizes)
    config = library.BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=24)
    torch.manual_seed(0)
    library.BlipForConditionalGeneration(config).save_pretrained(folder)
    library.BlipProcessor(
        library.BlipImageProcessorPil(size={"height": 32, "width": 32}), tokenizer
    ).save_pretrained(folder)


def blip2(folder: Path) -> None:
    """BLIP-2 on OPT: a query transformer between a frozen image encoder and a frozen language model."""
    tokenizer = byte_level(
        ["<pad>", "</s>"],
        bos_token="</s>",
        eos_token="</s>",
        pad_token="<pad>",
        additional_special_tokens=["<image>"],
    )
    from tokenizers import processors

    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="</s> $A", special_tokens=[("</s>", 1)]
    )
    sizes: dict[str, Any] = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2}
    sizes |= {"num_attention_heads": 2}
    text = library.OPTConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        ffn_dim=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        word_embed_proj_dim=32,
        max_position_embeddings=512,
        init_std=0.3,
        dropout=0.0,
        bos_token_id=1,
        eos_token_id=tokenizer.convert_tokens_to_ids("\u010a"),  # the line's end, as the real ones
        pad_token_id=0,
    )
    config = library.Blip2Config(
        vision_config=library.Blip2VisionConfig(
            image_size=28, patch_size=14, initializer_range=0.2, **sizes
        ).to_dict(),
        qformer_config=library.Blip2QFormerConfig(
            encoder_hidden_size=24, cross_attention_frequency=1, **sizes
        ).to_dict(),
        text_config=text.to_dict(),
        num_query_tokens=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    torch.manual_seed(0)
    model = library.Blip2ForConditionalGeneration(config)
    torch.nn.init.normal_(model.query_tokens)
    model.generation_config.eos_token_id = text.eos_token_id
    model.save_pretrained(folder)
    pictures = library.BlipImageProcessorPil(size={"height": 28, "width": 28})
    library.Blip2Processor(pictures, tokenizer, num_query_tokens=4).save_pretrained(folder)


def florence2(folder: Path) -> None:
    """Florence-2: a DaViT encoder, and a BART that reads its features before the task's prompt."""
    tokenizer = byte_level(
        ["<s>", "<pad>", "</s>", "<unk>"],
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        extra_special_tokens={"image_token": "<image>"},
    )
    vision = library.Florence2VisionConfig(
        depths=[1, 1, 1, 1],
        embed_dim=[8, 16, 16, 16],
        num_heads=[1, 2, 2, 2],
        num_groups=[1, 2, 2, 2],
        window_size=4,
        projection_dim=32,
        max_temporal_embeddings=10,
        max_position_embeddings=8,
    )
    text = library.BartConfig(
        vocab_size=len(tokenizer),
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=48,
        decoder_ffn_dim=48,
        max_position_embeddings=512,
        init_std=0.3,
        dropout=0.0,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=2,
        forced_bos_token_id=0,
        is_encoder_decoder=True,
    )
    config = library.Florence2Config(
        text_config=text.to_dict(),
        vision_config=vision.to_dict(),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        is_encoder_decoder=True,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=2,
        forced_bos_token_id=0,
    )
    torch.manual_seed(0)
    model = library.Florence2ForConditionalGeneration(config)
    for name, each in {"decoder_start_token_id": 2, "forced_bos_token_id": 0, "bos_token_id": 0}.items():
        setattr(model.generation_config, name, each)
    model.save_pretrained(folder)
    side = {"height": 64, "width": 64}
    pictures = library.CLIPImageProcessorPil(
        size=side,
        crop_size=side,
        do_center_crop=False,
        image_seq_length=5,  # four patches of the last level, and their mean
    )
    library.Florence2Processor(pictures, tokenizer).save_pretrained(folder)


def smolvlm(folder: Path) -> None:
    """SmolVLM: pictures cut into tiles, pixels shuffled into few tokens, a small Llama."""
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)]
    tokenizer = byte_level(
        ["<|endoftext|>", "<|im_start|>", "<end_of_utterance>", "<image>", "<fake_token_around_image>"],
        bos_token="<|im_start|>",
        eos_token="<end_of_utterance>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<global-img>", *tiles],
    )
    image = tokenizer.convert_tokens_to_ids("<image>")
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = library.SmolVLMConfig(
        vision_config=library.SmolVLMVisionConfig(
            hidden_size=24,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=32,
            patch_size=8,
            initializer_range=0.3,
        ).to_dict(),
        text_config=library.LlamaConfig(vocab_size=len(tokenizer), **ids, **TEXT).to_dict(),
        image_token_id=image,
        scale_factor=2,
        **ids,
    )
    torch.manual_seed(0)
    library.SmolVLMForConditionalGeneration(config).save_pretrained(folder)
    pictures = SmolVLMImageProcessorPil(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    _save_chat(folder, tokenizer, pictures, SMOLVLM_CHAT, "SmolVLMProcessor", image_seq_len=4)


def qwen2_5_vl(folder: Path) -> None:
    """Qwen2.5-VL: pictures of any size, positions in three dimensions, windows in the vision model."""
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_heads": 2,
        "out_hidden_size": 32,
        "window_size": 56,
        "fullatt_block_indexes": [1],
        "initializer_range": 0.3,
    }
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
    _qwen(
        folder,
        library.Qwen2_5_VLConfig,
        library.Qwen2_5_VLForConditionalGeneration,
        vision,
        rope,
        "Qwen2_5_VLProcessor",
        14,
    )


def qwen3_vl(folder: Path) -> None:
    """Qwen3-VL: features of several levels of the vision model go into several layers of the language model."""
    vision = {
        "depth": 3,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_heads": 2,
        "out_hidden_size": 32,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0, 1],
        "initializer_range": 0.3,
    }
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]}
    _qwen(
        folder,
        library.Qwen3VLConfig,
        library.Qwen3VLForConditionalGeneration,
        vision,
        rope,
        "Qwen3VLProcessor",
        16,
    )


CAPTIONERS: dict[str, Callable[[Path], None]] = {
    make.__name__: make for make in (blip, blip2, florence2, smolvlm, qwen2_5_vl, qwen3_vl)
}


def _qwen(
    folder: Path,
    configs: Any,
    kind: Any,
    vision: dict[str, Any],
    rope: dict[str, Any],
    processor: str,
    patch: int,
) -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    tokenizer = byte_level(
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"],
    )
    ids = tokenizer.convert_tokens_to_ids
    text: dict[str, Any] = TEXT | {"head_dim": 8, "rope_parameters": rope, "vocab_size": len(tokenizer)}
    text |= {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 0}
    config = configs(
        text_config=text,
        vision_config=vision | {"patch_size": patch, "spatial_merge_size": 2, "temporal_patch_size": 2},
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
    )
    torch.manual_seed(0)
    kind(config).save_pretrained(folder)
    pictures = Qwen2VLImageProcessorPil(
        patch_size=patch, merge_size=2, size={"shortest_edge": 4 * patch**2, "longest_edge": 64 * patch**2}
    )
    _save_chat(folder, tokenizer, pictures, QWEN_CHAT, processor)


def _save_chat(folder: Path, tokenizer: Any, pictures: Any, template: str, processor: str, **more: Any) -> None:
    """What a processor with a part for videos writes, without that part, which needs torchvision."""
    import json

    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    pictures.save_pretrained(folder)
    said = {"processor_class": processor, **more}
    (folder / "processor_config.json").write_text(json.dumps(said), encoding="utf-8")
