"""Tiny ControlNets and T2I-Adapters with random weights, for the tiny pipelines of `pipeline_twins`."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from . import pipeline_pieces as parts
from .unet_twins import stable_diffusion

diffusers: Any = importlib.import_module("diffusers")


def _save(model: Any, folder: Path) -> None:
    """With weights that have an effect where new ones begin at zero."""
    generator = torch.Generator().manual_seed(11)
    for weight in model.parameters():
        if not weight.any():
            weight.data.copy_(torch.randn(weight.shape, generator=generator) * 0.2)
    model.save_pretrained(folder)


def stable_diffusion_for_adapters(folder: Path) -> None:
    """SD 1.5 with its levels in their order: that without attention comes last."""
    stable_diffusion(folder)
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=parts.WIDTH,
    )
    unet.save_pretrained(folder / "unet")


def _unet(pipeline: Path) -> Any:
    return diffusers.UNet2DConditionModel.from_pretrained(pipeline / "unet")


def controlnet(pipeline: Path, folder: Path) -> None:
    """For SD 1.5 and SDXL."""
    torch.manual_seed(5)
    model = diffusers.ControlNetModel.from_unet(
        _unet(pipeline), conditioning_embedding_out_channels=(4, 4, 8, 8), load_weights_from_unet=False
    )
    _save(model, folder)


def adapter(pipeline: Path, folder: Path) -> None:
    """A T2I-Adapter for SD 1.5."""
    torch.manual_seed(5)
    channels = list(_unet(pipeline).config.block_out_channels)
    model = diffusers.T2IAdapter(
        in_channels=3, channels=channels, num_res_blocks=1, downscale_factor=8, adapter_type="full_adapter"
    )
    _save(model, folder)


def sd3(pipeline: Path, folder: Path) -> None:
    torch.manual_seed(5)
    transformer = diffusers.SD3Transformer2DModel.from_pretrained(pipeline / "transformer")
    _save(
        diffusers.SD3ControlNetModel.from_transformer(
            transformer, num_layers=1, num_extra_conditioning_channels=0, load_weights_from_transformer=False
        ),
        folder,
    )


def flux(pipeline: Path, folder: Path, **more: Any) -> None:
    torch.manual_seed(5)
    model = diffusers.FluxControlNetModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        **parts.HEADS,
        joint_attention_dim=parts.WIDTH,
        pooled_projection_dim=parts.WIDTH,
        guidance_embeds=True,
        axes_dims_rope=[4, 4, 8],
        **more,
    )
    _save(model, folder)


def flux_union(pipeline: Path, folder: Path) -> None:
    flux(pipeline, folder, num_mode=4)


def z_image(pipeline: Path, folder: Path) -> None:
    torch.manual_seed(5)
    model = diffusers.ZImageControlNetModel(
        control_layers_places=[0],
        control_refiner_layers_places=[0],
        control_in_dim=4,
        dim=32,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
    )
    _save(model, folder)


def qwen_image(pipeline: Path, folder: Path) -> None:
    torch.manual_seed(5)
    model = diffusers.QwenImageControlNetModel(
        in_channels=16,
        out_channels=4,
        num_layers=1,
        **parts.HEADS,
        joint_attention_dim=parts.WIDTH,
        axes_dims_rope=(4, 4, 8),
    )
    _save(model, folder)


def depth_estimator(folder: Path) -> None:
    """A DPT of two layers."""
    from transformers import DPTConfig, DPTForDepthEstimation

    torch.manual_seed(5)
    config = DPTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        is_hybrid=False,
    )
    DPTForDepthEstimation(config).save_pretrained(folder)


CONTROLS: dict[tuple[str, str], Callable[[Path, Path], None]] = {
    ("SD 1.5", "controlnet"): controlnet,
    ("SD 1.5", "adapter"): adapter,
    ("SDXL", "controlnet"): controlnet,
    ("SD 3", "controlnet"): sd3,
    ("FLUX.1", "controlnet"): flux,
    ("FLUX.1", "union"): flux_union,
    ("Z-Image", "controlnet"): z_image,
    ("Qwen-Image", "controlnet"): qwen_image,
}
"""By the family of the pipeline and the kind of control."""
