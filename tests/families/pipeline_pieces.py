"""What tiny pipelines are made of: autoencoders, text encoders and denoisers with random weights."""

import importlib
import json
from pathlib import Path
from typing import Any

import torch

diffusers: Any = importlib.import_module("diffusers")

WIDTH = 32  # of text encoders' hidden states
HEADS = {"num_attention_heads": 2, "attention_head_dim": 16}
VAE: dict[str, Any] = {
    "block_out_channels": (8, 8, 8, 8),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 1,
    "norm_num_groups": 4,
}


def vae(**settings: Any) -> Any:
    torch.manual_seed(1)
    return diffusers.AutoencoderKL(**{**VAE, "latent_channels": 4, "force_upcast": False, **settings})


def unet(**settings: Any) -> Any:
    torch.manual_seed(0)
    return diffusers.UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **settings,
    )


def flux2_vae() -> Any:
    vae = diffusers.AutoencoderKLFlux2(**VAE, latent_channels=4)
    vae.bn.running_mean.copy_(torch.linspace(-0.5, 0.5, 16))
    vae.bn.running_var.copy_(torch.linspace(0.5, 2, 16))
    return vae


def flux2_transformer(**settings: Any) -> Any:
    return diffusers.Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=2,
        **HEADS,
        joint_attention_dim=3 * WIDTH,
        timestep_guidance_channels=16,
        axes_dims_rope=(4, 4, 4, 4),
        **settings,
    )


def clip_text(tokenizer: Any, *, projected: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(2)
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        projection_dim=WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def t5_text(words: int, *, width: int) -> Any:
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(3)
    return T5EncoderModel(
        T5Config(vocab_size=words, d_model=width, d_kv=8, d_ff=64, num_layers=2, num_heads=4, dropout_rate=0.0)
    )


def text_config(model_type: str, words: int, **settings: Any) -> dict[str, Any]:
    return {
        "model_type": model_type,
        "vocab_size": words,
        "hidden_size": WIDTH,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 2048,
        **settings,
    }


def flow(**settings: Any) -> Any:
    return diffusers.FlowMatchEulerDiscreteScheduler(**settings)


def name_components(folder: Path, **components: list[str]) -> None:
    """Change what the pipeline's index says of some components."""
    path = folder / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | components))


def save(pipeline: Any, folder: Path) -> None:
    pipeline.save_pretrained(folder)
