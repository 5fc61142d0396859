"""A Stable Diffusion of random weights and LoRA weights for it, as files."""

import dataclasses
import string
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

RANK = 16
_ENDS = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
    """How large it is.

    Args:
        widths: channels of the U-Net, level by level.
        side: latents on a picture's side, of 8 pixels each.
        steps: of a picture.
    """

    widths: tuple[int, ...]
    side: int
    steps: int


def write_pipeline(folder: Path, size: Size) -> tuple[Path, Path]:
    """The pipeline's folder, and a file of LoRA weights; the same each time."""
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

    checkpoint, lora = folder / "pipeline", folder / "loras" / "made-up.safetensors"
    torch.manual_seed(0)
    parts = _parts(size)
    pipeline: Any = StableDiffusionPipeline(
        **parts,
        safety_checker=None,  # pyright: ignore[reportArgumentType]
        feature_extractor=None,  # pyright: ignore[reportArgumentType]
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(checkpoint)
    lora.parent.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, torch.Tensor] = {}
    for path, layer in parts["unet"].named_modules():
        if path.endswith(_ENDS):
            tensors[f"unet.{path}.lora_A.weight"] = 0.02 * torch.randn(RANK, layer.in_features)
            tensors[f"unet.{path}.lora_B.weight"] = 0.02 * torch.randn(layer.out_features, RANK)
    save_file(tensors, lora)
    return checkpoint, lora


def _parts(size: Size) -> dict[str, Any]:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    letters = [*string.ascii_lowercase, *string.digits]
    names = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={name: i for i, name in enumerate(names)}, merges=[], model_max_length=77)
    width, levels = 4 * size.widths[0], len(size.widths)
    config = CLIPTextConfig(
        vocab_size=len(names),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=4,
        bos_token_id=len(names) - 2,
        eos_token_id=len(names) - 1,
    )
    unet = UNet2DConditionModel(
        sample_size=size.side,
        in_channels=4,
        out_channels=4,
        block_out_channels=size.widths,
        down_block_types=("CrossAttnDownBlock2D",) * levels,
        up_block_types=("CrossAttnUpBlock2D",) * levels,
        layers_per_block=2,
        cross_attention_dim=width,
        attention_head_dim=8,
        norm_num_groups=8,
    )
    sizes: dict[str, Any] = {
        "block_out_channels": (8, 8, 8, 8),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "latent_channels": 4,
        "norm_num_groups": 4,
    }
    vae = AutoencoderKL(**sizes)
    scheduler = DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, steps_offset=1)
    return {
        "vae": vae,
        "text_encoder": CLIPTextModel(config),
        "tokenizer": tokenizer,
        "unet": unet,
        "scheduler": scheduler,
    }
