"""Diffusion models of diffusers as refiners.

Knows the library's classes and folder layout. Knows nothing of plans, drafts or the chain.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...diffusion.objective import Objective
from ...errors import CheckpointError, InputError
from ...guards.finite import finite_rows
from ..checkpoint.folder import outlined, read_json, whole
from ..checkpoint.tokenizer import load_tokenizer
from ..language.causal_lm import text_ids
from .patch_latents import PatchLatents
from .pipeline_sizes import vae_dtype
from .vae_latents import VaeLatents, is_vae

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers import CLIPTextModel, PreTrainedTokenizerFast

CLASS_NAMES = ("PreviewRefiner", "TokenRefiner")
"""What `model_index.json` calls a refiner of previews: today, and in checkpoints of earlier versions."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreviewRefiner:
    """A U-Net that paints what a draft's preview lacks, given the preview and a text.

    The latents it denoises are those of the picture less those of the preview, over the codec's residual scale.

    Args:
        codebook: the name of the codebook whose previews it was trained on.
        text_length: tokens that the text is cut or padded to.
        side: of the pictures it was trained on, in pixels.
        objective: what the U-Net predicts, and of which path's points.
    """

    unet: "UNet2DConditionModel"
    text_encoder: "CLIPTextModel"
    tokenizer: "PreTrainedTokenizerFast"
    latents: PatchLatents | VaeLatents
    scheduler_config: dict[str, Any]
    codebook: str
    text_length: int
    side: int
    objective: Objective

    @property
    def device(self) -> torch.device:
        return self.unet.device

    @property
    def _layout(self) -> torch.memory_format:
        """Of what the U-Net is given: that of its convolutions' weights."""
        is_last = self.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
        return torch.channels_last if is_last else torch.contiguous_format

    def new_scheduler(self) -> Any:
        """A scheduler of its own for each call: it keeps the state of a run."""
        from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

        return FlowMatchEulerDiscreteScheduler.from_config(self.scheduler_config)

    def latent_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """(c, h, w) of the latents of a picture."""
        return self.latents.channels, height // self.latents.patch, width // self.latents.patch

    @torch.inference_mode()
    def encode_text(self, texts: Sequence[str]) -> torch.Tensor:
        """(b, t, d)."""
        ids = torch.tensor([text_ids(self.tokenizer, text, self.text_length) for text in texts])
        return self.text_encoder(input_ids=ids.to(self.device)).last_hidden_state

    @torch.inference_mode()
    def encode_previews(self, previews: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Previews uint8 (b, h', w', 3) to the float32 latents (b, c, h, w) of a picture of that size."""
        return self.latents.encode_previews(previews.to(self.device), height, width).float()

    @torch.inference_mode()
    def encode_pictures(self, pixels: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """Pictures uint8 (b, height, width, 3) as what is to be painted on top of `condition`: (b, c, h, w)."""
        clean = self.latents.encode(pixels.to(self.device)).to(condition)
        return (clean - condition) / self.latents.residual_scale

    @torch.inference_mode()
    def predict(
        self, noisy: torch.Tensor, sigma: torch.Tensor, text: torch.Tensor, condition: torch.Tensor
    ) -> torch.Tensor:
        """Clean residual latents (b, c, h, w), of noisy ones, sigma (b,), text (b, t, d), previews' latents;
        all float32 but the text: the U-Net's dtype is for its own arithmetic."""
        shown = self.objective.shown(noisy, sigma)
        seen = torch.cat([shown, condition], 1).to(self.unet.dtype, memory_format=self._layout)
        predicted = self.unet(seen, self.objective.timestep(sigma), text).sample.to(noisy)
        return self.objective.clean(predicted, shown, sigma)

    @torch.inference_mode()
    def decode(self, residual: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """Pixels uint8 (b, height, width, 3) on the CPU."""
        return self.painted(residual, condition)[0]

    @torch.inference_mode()
    def painted(self, residual: torch.Tensor, condition: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As `decode`, and which of the pictures hold nothing but numbers: bool (b,), on the CPU."""
        latents = (residual * self.latents.residual_scale + condition).float()
        pixels, sound = self.latents.painted(latents)
        return pixels.cpu(), (sound & finite_rows(latents)).cpu()


def load_refiner(folder: Path, dtype: torch.dtype, device: torch.device) -> PreviewRefiner:
    """A refiner from a diffusers folder; its `model_index.json` names the class of each part.

    Raises:
        CheckpointError: the folder holds another kind of pipeline, or lacks a part.
    """
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers import CLIPTextModel

    index = read_json(folder / "model_index.json")
    if index.get("_class_name") not in CLASS_NAMES:
        raise CheckpointError(
            f"{folder}/model_index.json: {index.get('_class_name')!r} is no refiner of draft tokens"
            f" ({CLASS_NAMES[0]})"
        )
    try:
        objective = Objective(path=index.get("path", "flow"), prediction=index.get("prediction_type", ""))
    except InputError as error:
        raise CheckpointError(f"{folder}/model_index.json: prediction_type: {error}") from None
    local: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "output_loading_info": True}
    local |= outlined(device)
    unet = whole(UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=dtype, **local), folder)
    encoder = whole(CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=dtype, **local), folder)
    latents = load_latents(folder / "latents", dtype, device)
    if dtype != torch.float32:  # matrix units want the channels of a place side by side
        unet = unet.to(memory_format=torch.channels_last)
    return PreviewRefiner(
        unet=unet.to(device).eval().requires_grad_(False),
        text_encoder=encoder.to(device).eval().requires_grad_(False),
        tokenizer=load_tokenizer(folder / "tokenizer"),
        latents=latents.to(device),
        scheduler_config=read_json(folder / "scheduler" / "scheduler_config.json"),
        codebook=index["codebook"],
        text_length=index["text_length"],
        side=int(unet.config.sample_size) * latents.patch,
        objective=objective,
    )


def load_latents(
    folder: Path, dtype: torch.dtype, device: torch.device | None = None
) -> PatchLatents | VaeLatents:
    """The space in which a refiner paints: an `AutoencoderKL` of diffusers, in `vae_dtype`, or one of square
    patches, in float32."""
    if not is_vae(read_json(folder / "config.json")):
        return PatchLatents.from_pretrained(folder)
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    loaded = AutoencoderKL.from_pretrained(
        folder,
        torch_dtype=getattr(torch, vae_dtype(str(dtype).removeprefix("torch."))),
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
        **outlined(device),
    )
    return VaeLatents(whole(loaded, folder).eval().requires_grad_(False))
