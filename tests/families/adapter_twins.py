"""Tiny IP-Adapters with random weights, in the files that people have, and image encoders to see for them."""

import importlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

diffusers: Any = importlib.import_module("diffusers")
embeddings: Any = importlib.import_module("diffusers.models.embeddings")
transformers: Any = importlib.import_module("transformers")

SEEN = 24  # width of what an image encoder gives
HIDDEN = 16  # of its hidden states
TOKENS = 4
VISION: dict[str, Any] = {
    "hidden_size": HIDDEN,
    "intermediate_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
}


def clip_encoder(folder: Path) -> None:
    torch.manual_seed(6)
    config = transformers.CLIPVisionConfig(**VISION, projection_dim=SEEN)
    transformers.CLIPVisionModelWithProjection(config).save_pretrained(folder)


def siglip_encoder(folder: Path) -> None:
    torch.manual_seed(6)
    transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**VISION)).save_pretrained(folder)
    transformers.SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)


def _numbers(*shape: int) -> torch.Tensor:
    return torch.randn(*shape) * 0.5


def _pooled(width: int) -> dict[str, torch.Tensor]:
    """What is projected of a picture as a whole."""
    return {
        "image_proj.proj.weight": _numbers(TOKENS * width, SEEN),
        "image_proj.proj.bias": _numbers(TOKENS * width),
        "image_proj.norm.weight": 1 + _numbers(width),
        "image_proj.norm.bias": _numbers(width),
    }


def _resampled(width: int) -> dict[str, torch.Tensor]:
    """What is projected of a picture's patches, as `ip-adapter-plus` has it."""
    inner = 128
    shapes = {
        "latents": (1, TOKENS, inner),
        "proj_in.weight": (inner, HIDDEN),
        "proj_in.bias": (inner,),
        "proj_out.weight": (width, inner),
        "proj_out.bias": (width,),
        "norm_out.weight": (width,),
        "norm_out.bias": (width,),
    }
    for i in range(4):  # as many as the library makes, whatever the file says
        shapes |= {
            f"layers.{i}.0.norm1.weight": (inner,),
            f"layers.{i}.0.norm1.bias": (inner,),
            f"layers.{i}.0.norm2.weight": (inner,),
            f"layers.{i}.0.norm2.bias": (inner,),
            f"layers.{i}.0.to_q.weight": (inner, inner),
            f"layers.{i}.0.to_kv.weight": (2 * inner, inner),
            f"layers.{i}.0.to_out.weight": (inner, inner),
            f"layers.{i}.1.0.weight": (inner,),
            f"layers.{i}.1.0.bias": (inner,),
            f"layers.{i}.1.1.weight": (4 * inner, inner),
            f"layers.{i}.1.3.weight": (inner, 4 * inner),
        }
    return {f"image_proj.{name}": _numbers(*shape) * 0.3 for name, shape in shapes.items()}


def unet_adapter(pipeline: Path, file: Path, *, plus: bool = False) -> None:
    """Of a pipeline with a U-Net."""
    torch.manual_seed(8)
    unet = diffusers.UNet2DConditionModel.from_pretrained(pipeline / "unet")
    width = unet.config.cross_attention_dim
    tensors = _resampled(width) if plus else _pooled(width)
    number = 1
    for name in unet.attn_processors:
        if name.endswith("attn1.processor"):
            continue
        hidden = unet.get_submodule(name.removesuffix(".processor")).to_q.weight.shape[0]
        for each in ("to_k_ip", "to_v_ip"):
            tensors[f"ip_adapter.{number}.{each}.weight"] = _numbers(hidden, width)
        number += 2
    save_file(tensors, file)


def flux_adapter(pipeline: Path, file: Path) -> None:
    """Of FLUX.1, named as XLabs does."""
    torch.manual_seed(8)
    config = json.loads((pipeline / "transformer" / "config.json").read_text())
    width, hidden = config["joint_attention_dim"], config["num_attention_heads"] * config["attention_head_dim"]
    tensors = {
        name.replace("image_proj.", "ip_adapter_proj_model."): each for name, each in _pooled(width).items()
    }
    for i in range(config["num_layers"]):
        for each in "kv":
            name = f"double_blocks.{i}.processor.ip_adapter_double_stream_{each}_proj"
            tensors |= {f"{name}.weight": _numbers(hidden, width), f"{name}.bias": _numbers(hidden)}
    save_file(tensors, file)


def sd3_adapter(pipeline: Path, file: Path) -> None:
    """Of SD 3.5, which looks at the time, too."""
    from diffusers.models.attention_processor import SD3IPAdapterJointAttnProcessor2_0

    torch.manual_seed(8)
    config = json.loads((pipeline / "transformer" / "config.json").read_text())
    hidden, head = config["num_attention_heads"] * config["attention_head_dim"], config["attention_head_dim"]
    tensors: dict[str, torch.Tensor] = {}
    for i in range(config["num_layers"]):
        made: Any = SD3IPAdapterJointAttnProcessor2_0(
            hidden_size=hidden, ip_hidden_states_dim=hidden, head_dim=head, timesteps_emb_dim=20
        )
        tensors |= {f"ip_adapter.{i}.{name}": each for name, each in made.state_dict().items()}
    projection = embeddings.IPAdapterTimeImageProjection(
        embed_dim=HIDDEN,
        output_dim=hidden,
        hidden_dim=20,
        dim_head=64,
        heads=1,
        num_queries=TOKENS,
        timestep_in_dim=12,
    )
    tensors |= {f"image_proj.{name}": each for name, each in projection.state_dict().items()}
    save_file({name: each.clone().contiguous() for name, each in tensors.items()}, file)
