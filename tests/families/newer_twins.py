"""Tiny twins of pipelines whose classes go ways of their own: other components, calls and outputs."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from . import pipeline_pieces as parts
from . import pipeline_tokenizers as tokenizers

diffusers: Any = importlib.import_module("diffusers")
transformers: Any = importlib.import_module("transformers")

LATENTS = {"latents_mean": [-0.7, 0.1, 0.3, 0.5], "latents_std": [2.8, 1.4, 1.9, 0.7]}
VISION = {
    "depth": 1,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_heads": 2,
    "out_hidden_size": parts.WIDTH,
    "deepstack_visual_indexes": [0],
}


CHAT = """{% for m in messages %}<|im_start|>{{ m.role }}
{% if m.content is string %}{{ m.content }}\
{% else %}{% for c in m.content %}{{ c.text }}{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def qwen() -> Any:
    tokenizer = tokenizers.qwen()
    tokenizer.chat_template = CHAT
    return tokenizer


def qwen3_vl(words: int, *, layers: int = 3, whole: bool = True) -> Any:
    torch.manual_seed(4)
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 1, 1], "mrope_interleaved": True}
    text = parts.text_config("qwen3_vl_text", words, num_hidden_layers=layers, rope_parameters=rope)
    config = transformers.Qwen3VLConfig(text_config=text, vision_config=VISION)
    kind = transformers.Qwen3VLForConditionalGeneration if whole else transformers.Qwen3VLModel
    return kind(config)


def qwen_vae() -> Any:
    torch.manual_seed(1)
    return diffusers.AutoencoderKLQwenImage(
        base_dim=8, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, **LATENTS
    )


def with_processor(folder: Path, tokenizer: Any, **components: list[str]) -> None:
    """Put a processor where the pipeline has it: its tokenizer, and what its class is called. Its other parts
    read pictures, which nobody gives it here."""
    for name, entry in components.items():
        tokenizer.save_pretrained(folder / name)
        said = {"processor_class": entry[1]}
        (folder / name / "processor_config.json").write_text(json.dumps(said), encoding="utf-8")
    parts.name_components(folder, **components)


def krea2(folder: Path) -> None:
    """Krea 2: layers of a language model, named in the pipeline's index as a list."""
    tokenizer = tokenizers.qwen()
    torch.manual_seed(0)
    transformer = diffusers.Krea2Transformer2DModel(
        in_channels=16,
        num_layers=2,
        **parts.HEADS,
        num_key_value_heads=1,
        intermediate_size=48,
        timestep_embed_dim=32,
        text_hidden_dim=parts.WIDTH,
        num_text_layers=2,
        text_num_attention_heads=2,
        text_num_key_value_heads=2,
        text_intermediate_size=48,
        num_layerwise_text_blocks=1,
        num_refiner_text_blocks=1,
        axes_dims_rope=(4, 6, 6),
    )
    pipeline = diffusers.Krea2Pipeline(
        scheduler=parts.flow(use_dynamic_shifting=True),
        vae=qwen_vae(),
        text_encoder=qwen3_vl(len(tokenizer), whole=False),
        tokenizer=tokenizer,
        transformer=transformer,
        text_encoder_select_layers=(1, 3),
    )
    parts.save(pipeline, folder)


def nucleus_moe(folder: Path) -> None:
    """NucleusMoE: a processor where others have a tokenizer."""
    tokenizer = qwen()
    torch.manual_seed(0)
    transformer = diffusers.NucleusMoEImageTransformer2DModel(
        in_channels=16,
        out_channels=4,
        num_layers=2,
        **parts.HEADS,
        num_key_value_heads=1,
        joint_attention_dim=parts.WIDTH,
        axes_dims_rope=(4, 6, 6),
        num_experts=2,
        moe_intermediate_dim=16,
        capacity_factors=2.0,
    )
    pipeline = diffusers.NucleusMoEImagePipeline(
        transformer=transformer,
        scheduler=parts.flow(use_dynamic_shifting=True),
        vae=qwen_vae(),
        text_encoder=qwen3_vl(len(tokenizer), layers=9),
        processor=None,
    )
    parts.save(pipeline, folder)
    with_processor(folder, tokenizer, processor=["transformers", "Qwen3VLProcessor"])


def qwen_image_21(folder: Path) -> None:
    """Qwen-Image 2.1: its processor is asked when the pipeline is made."""
    tokenizer = qwen()
    torch.manual_seed(0)
    vae = diffusers.AutoencoderKLQwenImage21(
        base_dim=8,
        decoder_base_dim=8,
        z_dim=4,
        dim_mult=[1, 1, 1, 1, 1],
        num_res_blocks=1,
        **LATENTS,
    )
    transformer = diffusers.QwenImage21Transformer2DModel(
        in_channels=4,
        out_channels=4,
        num_layers=2,
        **parts.HEADS,
        context_in_dim=parts.WIDTH,
        axes_dims_rope=(4, 6, 6),
    )
    from diptych.engine.models.diffusion.classes.processors import TextProcessor

    (folder / "processor").mkdir()
    tokenizer.save_pretrained(folder / "processor")
    pipeline = diffusers.QwenImage21Pipeline(
        scheduler=parts.flow(use_dynamic_shifting=True),
        vae=vae,
        text_encoder=qwen3_vl(len(tokenizer)),
        processor=TextProcessor(folder / "processor"),
        transformer=transformer,
        sample_sigmas=[1.0, 0.4],
    )
    vars(pipeline)["processor"] = None
    pipeline.register_to_config(processor=(None, None))
    parts.save(pipeline, folder)
    with_processor(folder, tokenizer, processor=["transformers", "Qwen3VLProcessor"])


def long_clip(tokenizer: Any) -> Any:
    """CLIP that reads 248 tokens."""
    config = parts.clip_text(tokenizer, projected=True).config
    config.max_position_embeddings = 248
    return transformers.CLIPTextModelWithProjection(config)


def hidream(folder: Path) -> None:
    """HiDream: four text encoders, the last a Llama whose layers are all read; always a million pixels."""
    clip, t5, llama = tokenizers.clip(), tokenizers.t5(), tokenizers.qwen()
    llama.eos_token, llama.model_max_length = "<|endoftext|>", 512
    torch.manual_seed(0)
    transformer = diffusers.HiDreamImageTransformer2DModel(
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        caption_channels=[parts.WIDTH, parts.WIDTH],
        text_emb_dim=2 * parts.WIDTH,
        num_routed_experts=2,
        num_activated_experts=1,
        axes_dims_rope=(8, 4, 4),
        max_resolution=(128, 128),
        llama_layers=[0, 1],
    )
    text = parts.text_config("llama", len(llama))
    torch.manual_seed(5)
    encoder = transformers.LlamaForCausalLM(transformers.LlamaConfig(**text))
    pipeline = diffusers.HiDreamImagePipeline(
        scheduler=parts.flow(shift=3.0),
        vae=parts.vae(scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=long_clip(clip),
        tokenizer=clip,
        text_encoder_2=long_clip(clip),
        tokenizer_2=clip,
        text_encoder_3=parts.t5_text(len(t5), width=parts.WIDTH),
        tokenizer_3=t5,
        text_encoder_4=encoder,
        tokenizer_4=llama,
        transformer=transformer,
    )
    parts.save(pipeline, folder)


def kandinsky3(folder: Path) -> None:
    """Kandinsky 3: its autoencoder is called movq."""
    t5 = tokenizers.t5()
    torch.manual_seed(0)
    unet = diffusers.Kandinsky3UNet(
        time_embedding_dim=4,
        groups=2,
        attention_head_dim=4,
        layers_per_block=3,
        block_out_channels=(32, 64),
        cross_attention_dim=4,
        encoder_hid_dim=parts.WIDTH,
    )
    movq = diffusers.VQModel(
        block_out_channels=(32, 32, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        num_vq_embeddings=16,
        vq_embed_dim=4,
        norm_type="spatial",
    )
    pipeline = diffusers.Kandinsky3Pipeline(
        tokenizer=t5,
        text_encoder=parts.t5_text(len(t5), width=parts.WIDTH),
        unet=unet,
        scheduler=diffusers.DDPMScheduler(),
        movq=movq,
    )
    parts.save(pipeline, folder)


def kandinsky5(folder: Path) -> None:
    """Kandinsky 5: a few sizes, latents with their channels last, an output called `image`."""
    tokenizer, clip = tokenizers.qwen(), tokenizers.clip()
    torch.manual_seed(0)
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]}
    config = transformers.Qwen2_5_VLConfig(
        text_config=parts.text_config("qwen2_5_vl_text", len(tokenizer), rope_parameters=rope),
        vision_config={**VISION, "fullatt_block_indexes": [0]},
    )
    transformer = diffusers.Kandinsky5Transformer3DModel(
        in_visual_dim=4,
        in_text_dim=parts.WIDTH,
        in_text_dim2=parts.WIDTH,
        time_dim=32,
        out_visual_dim=4,
        model_dim=32,
        ff_dim=48,
        num_text_blocks=1,
        num_visual_blocks=1,
        axes_dims=(4, 6, 6),
    )
    pipeline = diffusers.Kandinsky5T2IPipeline(
        transformer=transformer,
        vae=parts.vae(scaling_factor=0.3611),
        text_encoder=transformers.Qwen2_5_VLForConditionalGeneration(config),
        tokenizer=tokenizer,
        text_encoder_2=parts.clip_text(clip),
        tokenizer_2=clip,
        scheduler=parts.flow(shift=3.0),
    )
    parts.save(pipeline, folder)
    parts.name_components(folder, tokenizer=["transformers", "Qwen2VLProcessor"])


def dreamlite(folder: Path) -> None:
    """DreamLite: one text at a time, noise drawn before it is read, steps that nobody is told of."""
    tokenizer = tokenizers.qwen()
    torch.manual_seed(0)
    unet = diffusers.DreamLiteUNetModel(
        sample_size=8,
        block_out_channels=(16, 32),
        down_block_types=("DreamLiteCrossAttnNoSelfAttnDownBlock2D", "DreamLiteCrossAttnDownBlock2D"),
        up_block_types=("DreamLiteCrossAttnUpBlock2D", "DreamLiteUpBlock2D"),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=parts.WIDTH,
        attention_head_dim=2,
        addition_embed_type="time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=16,
        ff_mult=2,
    )
    vae = diffusers.AutoencoderTiny(
        encoder_block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4,
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
        latent_channels=4,
    )
    for weight in vae.decoder.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    pipeline = diffusers.DreamLitePipeline(
        text_encoder=qwen3_vl(len(tokenizer)),
        tokenizer=tokenizer,
        processor=None,
        vae=vae,
        unet=unet,
        scheduler=parts.flow(use_dynamic_shifting=True),
    )
    parts.save(pipeline, folder)
    with_processor(folder, tokenizer, processor=["transformers", "Qwen3VLProcessor"])


def ernie_image(folder: Path) -> None:
    """ERNIE-Image: draws its noise within the call, texts of any length."""
    tokenizer = tokenizers.mistral()
    torch.manual_seed(0)
    vision = {"model_type": "pixtral", "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    vision |= {"num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    text = parts.text_config("mistral", len(tokenizer))
    config = transformers.Mistral3Config(text_config=text, vision_config=vision, image_token_index=0)
    transformer = diffusers.ErnieImageTransformer2DModel(
        hidden_size=32,
        num_attention_heads=2,
        num_layers=2,
        ffn_hidden_size=48,
        in_channels=16,
        out_channels=16,
        text_in_dim=parts.WIDTH,
        rope_axes_dim=(4, 6, 6),
    )
    pipeline = diffusers.ErnieImagePipeline(
        transformer=transformer,
        vae=parts.flux2_vae(),
        text_encoder=transformers.Mistral3Model(config),
        tokenizer=tokenizer,
        scheduler=parts.flow(shift=3.0),
    )
    parts.save(pipeline, folder)


NEWER: dict[str, Callable[[Path], None]] = {
    "Krea 2": krea2,
    "NucleusMoE": nucleus_moe,
    "Qwen-Image 2.1": qwen_image_21,
    "HiDream": hidream,
    "Kandinsky 3": kandinsky3,
    "Kandinsky 5": kandinsky5,
    "DreamLite": dreamlite,
    "ERNIE-Image": ernie_image,
}
