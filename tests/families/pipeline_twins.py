"""Tiny text-to-image pipelines with random weights, in the folders that diffusers saves and the Hub holds.

Each paints 64x64 pixels in a fraction of a second. Layouts, classes and scalings are those of the real ones.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from . import pipeline_pieces as parts
from . import pipeline_tokenizers as tokenizers
from .unet_twins import stable_diffusion, stable_diffusion_xl

diffusers: Any = importlib.import_module("diffusers")


def stable_diffusion_3(folder: Path) -> None:
    """SD 3.5: three text encoders, a transformer over both texts and patches, and a flow."""
    clip, t5 = tokenizers.clip(), tokenizers.t5()
    torch.manual_seed(0)
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        **parts.HEADS,
        joint_attention_dim=2 * parts.WIDTH,
        caption_projection_dim=32,
        pooled_projection_dim=2 * parts.WIDTH,
        pos_embed_max_size=12,
        qk_norm="rms_norm",
    )
    pipeline = diffusers.StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=parts.flow(shift=3.0),
        vae=parts.vae(scaling_factor=1.5305, shift_factor=0.0609),
        text_encoder=parts.clip_text(clip, projected=True),
        tokenizer=clip,
        text_encoder_2=parts.clip_text(clip, projected=True),
        tokenizer_2=clip,
        text_encoder_3=parts.t5_text(len(t5), width=2 * parts.WIDTH),
        tokenizer_3=t5,
    )
    parts.save(pipeline, folder)


def flux(folder: Path) -> None:
    """FLUX.1-dev: packed latents, CLIP and T5, the guidance told to the transformer."""
    clip, t5 = tokenizers.clip(), tokenizers.t5()
    torch.manual_seed(0)
    transformer = diffusers.FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=2,
        **parts.HEADS,
        joint_attention_dim=parts.WIDTH,
        pooled_projection_dim=parts.WIDTH,
        guidance_embeds=True,
        axes_dims_rope=(4, 4, 8),
    )
    pipeline = diffusers.FluxPipeline(
        scheduler=parts.flow(use_dynamic_shifting=True),
        vae=parts.vae(
            scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False
        ),
        text_encoder=parts.clip_text(clip),
        tokenizer=clip,
        text_encoder_2=parts.t5_text(len(t5), width=parts.WIDTH),
        tokenizer_2=t5,
        transformer=transformer,
    )
    parts.save(pipeline, folder)


def flux2(folder: Path) -> None:
    """FLUX.2-dev: three layers of a vision-language model, latents normed by the autoencoder's statistics."""
    from transformers import Mistral3Config, Mistral3ForConditionalGeneration

    tokenizer = tokenizers.mistral()
    torch.manual_seed(0)
    text = parts.text_config("mistral", len(tokenizer), num_hidden_layers=31)
    vision = {
        "model_type": "pixtral",
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    encoder = Mistral3ForConditionalGeneration(
        Mistral3Config(text_config=text, vision_config=vision, image_token_index=0)
    )
    pipeline = diffusers.Flux2Pipeline(
        scheduler=parts.flow(use_dynamic_shifting=True),
        vae=parts.flux2_vae(),
        text_encoder=encoder,
        tokenizer=tokenizer,
        transformer=parts.flux2_transformer(),
    )
    parts.save(pipeline, folder)
    parts.name_components(
        folder, tokenizer=["transformers", "PixtralProcessor"]
    )  # as the real one; its class needs torchvision


def flux2_klein(folder: Path) -> None:
    """FLUX.2-klein: Qwen3 instead of Mistral, and guidance in two branches."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = tokenizers.qwen()
    torch.manual_seed(0)
    encoder = Qwen3ForCausalLM(Qwen3Config(**parts.text_config("qwen3", len(tokenizer), num_hidden_layers=28)))
    pipeline = diffusers.Flux2KleinPipeline(
        scheduler=parts.flow(use_dynamic_shifting=True),
        vae=parts.flux2_vae(),
        text_encoder=encoder,
        tokenizer=tokenizer,
        transformer=parts.flux2_transformer(guidance_embeds=False),
    )
    parts.save(pipeline, folder)


def z_image(folder: Path) -> None:
    """Z-Image-Turbo: one stream of text and patches, texts of any length."""
    from transformers import Qwen3Config, Qwen3Model

    tokenizer = tokenizers.qwen()
    torch.manual_seed(0)
    encoder = Qwen3Model(Qwen3Config(**parts.text_config("qwen3", len(tokenizer))))
    transformer = diffusers.ZImageTransformer2DModel(
        in_channels=4,
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=parts.WIDTH,
        axes_dims=[4, 4, 8],
        axes_lens=[1024, 64, 64],
    )
    pipeline = diffusers.ZImagePipeline(
        scheduler=parts.flow(shift=3.0),
        vae=parts.vae(
            scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False
        ),
        text_encoder=encoder,
        tokenizer=tokenizer,
        transformer=transformer,
    )
    parts.save(pipeline, folder)


def qwen_image(folder: Path) -> None:
    """Qwen-Image: a vision-language model reads a template, a video autoencoder of one frame, true guidance."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    tokenizer = tokenizers.qwen()
    torch.manual_seed(0)
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]}
    config = Qwen2_5_VLConfig(
        text_config=parts.text_config("qwen2_5_vl_text", len(tokenizer), rope_parameters=rope),
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": parts.WIDTH,
            "fullatt_block_indexes": [0],
        },
    )
    vae = diffusers.AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        latents_mean=[-0.7, 0.1, 0.3, 0.5],
        latents_std=[2.8, 1.4, 1.9, 0.7],
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
        vae=vae,
        text_encoder=Qwen2_5_VLForConditionalGeneration(config),
        tokenizer=tokenizer,
        transformer=transformer,
    )
    parts.save(pipeline, folder)


def pixart_sigma(folder: Path) -> None:
    """PixArt-Sigma: T5, read by sentencepiece; a transformer that predicts noise and its variance."""
    (words := folder / "tokenizer").mkdir()
    t5 = tokenizers.t5_of_sentencepiece(words)
    torch.manual_seed(0)
    transformer = diffusers.PixArtTransformer2DModel(
        **parts.HEADS,
        in_channels=4,
        out_channels=8,
        num_layers=2,
        cross_attention_dim=32,
        caption_channels=parts.WIDTH,
        sample_size=8,
        interpolation_scale=1,
        use_additional_conditions=False,
    )
    pipeline = diffusers.PixArtSigmaPipeline(
        tokenizer=t5,
        text_encoder=parts.t5_text(len(t5), width=parts.WIDTH),
        vae=parts.vae(scaling_factor=0.13025),
        transformer=transformer,
        scheduler=diffusers.DPMSolverMultistepScheduler(),
    )
    parts.save(pipeline, folder)
    (words / "tokenizer.json").unlink()
    tokenizers.t5_of_sentencepiece(words)


def sana(folder: Path) -> None:
    """Sana: Gemma 2, linear attention, an autoencoder that shrinks 32 times."""
    from transformers import Gemma2Config, Gemma2Model

    tokenizer = tokenizers.gemma()
    torch.manual_seed(0)
    text = parts.text_config("gemma2", len(tokenizer), query_pre_attn_scalar=8)
    vae = diffusers.AutoencoderDC(
        latent_channels=4,
        attention_head_dim=8,
        encoder_block_out_channels=(8,) * 6,
        decoder_block_out_channels=(8,) * 6,
        encoder_layers_per_block=(1,) * 6,
        decoder_layers_per_block=(1,) * 6,
        encoder_qkv_multiscales=((),) * 6,
        decoder_qkv_multiscales=((),) * 6,
        scaling_factor=0.41407,
    )
    transformer = diffusers.SanaTransformer2DModel(
        in_channels=4,
        out_channels=4,
        **parts.HEADS,
        num_layers=2,
        num_cross_attention_heads=2,
        cross_attention_head_dim=16,
        cross_attention_dim=32,
        caption_channels=parts.WIDTH,
        sample_size=32,
    )
    pipeline = diffusers.SanaPipeline(
        tokenizer=tokenizer,
        text_encoder=Gemma2Model(Gemma2Config(**text)),
        vae=vae,
        transformer=transformer,
        scheduler=diffusers.DPMSolverMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
    )
    parts.save(pipeline, folder)


def glm_image(folder: Path) -> None:
    """GLM-Image's second half: a transformer that paints from tokens, and from the bytes of quoted words.

    Its first half, the model that writes the tokens, is made by `drafter_twins`.
    """
    tokenizer = tokenizers.byt5()
    torch.manual_seed(0)
    transformer = diffusers.GlmImageTransformer2DModel(
        in_channels=4,
        out_channels=4,
        num_layers=2,
        **parts.HEADS,
        text_embed_dim=parts.WIDTH,
        time_embed_dim=32,
        condition_dim=8,
        prior_vq_quantizer_codebook_size=64,
    )
    pipeline = diffusers.GlmImagePipeline(
        tokenizer=tokenizer,
        processor=None,
        text_encoder=parts.t5_text(len(tokenizer), width=parts.WIDTH),
        vision_language_encoder=None,
        vae=parts.vae(latents_mean=[0.1, -0.2, 0.3, 0.0], latents_std=[1.5, 0.7, 1.1, 0.9], scaling_factor=1.0),
        transformer=transformer,
        scheduler=parts.flow(use_dynamic_shifting=True, base_shift=0.25, max_shift=0.75),
    )
    parts.save(pipeline, folder)


def aura_flow(folder: Path) -> None:
    """AuraFlow: no class that is listed; one text encoder of T5's kind, with its mask."""
    from transformers import UMT5Config, UMT5EncoderModel

    t5 = tokenizers.t5()
    torch.manual_seed(0)
    config = UMT5Config(vocab_size=len(t5), d_model=parts.WIDTH, d_kv=8, d_ff=64, num_layers=2, num_heads=4)
    transformer = diffusers.AuraFlowTransformer2DModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        num_mmdit_layers=1,
        num_single_dit_layers=1,
        **parts.HEADS,
        joint_attention_dim=parts.WIDTH,
        caption_projection_dim=32,
        pos_embed_max_size=256,
    )
    pipeline = diffusers.AuraFlowPipeline(
        tokenizer=t5,
        text_encoder=UMT5EncoderModel(config),
        vae=parts.vae(scaling_factor=0.13025),
        transformer=transformer,
        scheduler=parts.flow(shift=1.73),
    )
    parts.save(pipeline, folder)


FAMILIES: dict[str, Callable[[Path], None]] = {
    "SD 1.5": stable_diffusion,
    "SDXL": stable_diffusion_xl,
    "SD 3": stable_diffusion_3,
    "FLUX.1": flux,
    "FLUX.2": flux2,
    "FLUX.2 klein": flux2_klein,
    "Z-Image": z_image,
    "Qwen-Image": qwen_image,
    "PixArt-Sigma": pixart_sigma,
    "Sana": sana,
    "GLM-Image": glm_image,
}
