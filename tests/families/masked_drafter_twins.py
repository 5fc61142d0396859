"""A tiny aMUSEd with random weights, in the folder of the real one."""

import importlib
from pathlib import Path
from typing import Any

import torch

from . import pipeline_pieces as parts
from . import pipeline_tokenizers as tokenizers

diffusers: Any = importlib.import_module("diffusers")

BOOK = 24


def amused(folder: Path) -> None:
    """aMUSEd: tokens of 8 pixels, a mask behind them, a transformer with convolutions at both ends."""
    clip = tokenizers.clip()
    torch.manual_seed(0)
    transformer = diffusers.UVit2DModel(
        hidden_size=32,
        cond_embed_dim=parts.WIDTH,
        micro_cond_encode_dim=8,
        micro_cond_embed_dim=40,
        encoder_hidden_size=parts.WIDTH,
        vocab_size=BOOK + 1,
        codebook_size=BOOK,
        in_channels=32,
        block_out_channels=32,
        num_res_blocks=1,
        block_num_heads=2,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        sample_size=8,
    )
    with torch.no_grad():  # small ones would say the same of every place
        transformer.mlm_layer.conv2.weight.mul_(8)
    vqvae = diffusers.VQModel(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=8,
        num_vq_embeddings=BOOK,
        norm_num_groups=4,
        mid_block_add_attention=False,
        lookup_from_codebook=True,
    )
    pipeline = diffusers.AmusedPipeline(
        vqvae=vqvae,
        tokenizer=clip,
        text_encoder=parts.clip_text(clip, projected=True),
        transformer=transformer,
        scheduler=diffusers.AmusedScheduler(mask_token_id=BOOK),
    )
    parts.save(pipeline, folder)
