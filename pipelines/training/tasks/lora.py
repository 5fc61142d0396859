"""Fine-tunes a text-to-image checkpoint of diffusers on a user's pictures, by small added matrices (LoRA).

Hu et al. 2021: the weights of the base stay as they are; beside each projection of the U-Net's attention two
thin matrices are trained, by the base's own objective (its scheduler says which). What is saved is diffusers'
LoRA format, a few MB that `load_lora_weights` reads. Pipelines of the Stable Diffusion 1 and 2 kind are known:
a conditional U-Net, an AutoencoderKL and one CLIP text encoder.
"""

import random
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from ....engine.errors import InputError
from ....engine.models.checkpoint.folder import read_json
from ...sheets.sample_sheet import Column
from ..data.art_data import ArtData
from ..data.source import PICTURE_SIDE, TrainingData, WorldData, indices_of

KNOWN = "StableDiffusionPipeline"
PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")  # of every attention
SHOWN, SHOWN_STEPS = 3, 12


def check_base(base: Path) -> int:
    """The side in pixels of the pictures that a base paints.

    Raises:
        InputError: the folder holds no pipeline of the known kind.
    """
    if not (base / "model_index.json").is_file():
        raise InputError(f"--base {base}: is no folder of a diffusers pipeline: it has no model_index.json")
    kind = read_json(base / "model_index.json").get("_class_name")
    if kind != KNOWN:
        raise InputError(f"--base {base}: holds a {kind}: LoRA is trained for a {KNOWN} alone so far")
    unet, vae = (read_json(base / part / "config.json") for part in ("unet", "vae"))
    return int(unet["sample_size"]) * 2 ** (len(vae["block_out_channels"]) - 1)


class LoraTask:
    """`model` holds the added matrices alone: states and averages are as small as they are.

    Args:
        base: a diffusers folder that `check_base` takes.
        rank: of the added matrices.
        alpha: their product is scaled by alpha / rank.
        drop: share of rows without their caption, for classifier-free guidance.
    """

    name = "lora"

    def __init__(
        self,
        data: TrainingData,
        base: Path,
        *,
        rank: int = 8,
        alpha: int = 8,
        drop: float = 0.1,
        seed: int = 0,
    ) -> None:
        from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

        try:
            from peft import LoraConfig
        except ImportError:
            raise InputError("train lora: needs the package peft: pip install peft") from None
        self.data, self.drop, self.seed, self.side = data, drop, seed, check_base(base)
        if isinstance(data, WorldData | ArtData) and self.side > PICTURE_SIDE:
            shown = "art" if isinstance(data, ArtData) else "world"
            raise InputError(
                f"train lora: the {shown} has pictures of {PICTURE_SIDE} pixels, the base of {self.side}"
            )
        self.pipe: Any = StableDiffusionPipeline.from_pretrained(
            base, local_files_only=True, use_safetensors=True, safety_checker=None, feature_extractor=None
        )
        for part in (self.pipe.unet, self.pipe.vae, self.pipe.text_encoder):
            part.requires_grad_(False).eval()
        torch.manual_seed(seed)
        settings = LoraConfig(
            r=rank, lora_alpha=alpha, init_lora_weights="gaussian", target_modules=list(PROJECTIONS)
        )
        self.pipe.unet.add_adapter(settings)
        added = {name: p for name, p in self.pipe.unet.named_parameters() if p.requires_grad}
        self.model = torch.nn.ParameterDict({name.replace(".", "/"): p for name, p in added.items()})

    def batch(self, step: int, size: int) -> dict[str, torch.Tensor]:
        """Pixels float32 (b, 3, h, w) in [-1, 1], text ids (b, t), time steps (b,) and noise of the latents."""
        indices = indices_of(step, size, count=self.data.count, seed=self.seed, what=self.name)
        batch = self.data.take(indices, self.side)
        rngs = [random.Random(f"lora/{self.seed}/{step}/{i}") for i in range(size)]
        texts = [
            "" if rng.random() < self.drop else self.data.caption_of(scene, rng)
            for scene, rng in zip(batch.scenes, rngs, strict=True)
        ]
        g = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        scheduler, config = self.pipe.scheduler, self.pipe.unet.config
        return {
            "pixels": batch.pixels.permute(0, 3, 1, 2).float() / 127.5 - 1,
            "ids": self._ids(texts),
            "times": torch.randint(0, scheduler.config.num_train_timesteps, (size,), generator=g),
            "noise": torch.randn(size, config.in_channels, config.sample_size, config.sample_size, generator=g),
        }

    def _ids(self, texts: list[str]) -> torch.Tensor:
        tokenizer = self.pipe.tokenizer
        length = min(tokenizer.model_max_length, self.pipe.text_encoder.config.max_position_embeddings)
        return tokenizer(
            texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        ).input_ids

    def loss(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Mean squared error of what the base predicts: the noise, v, or the clean latents."""
        self.pipe.to(batch["pixels"].device)
        with torch.no_grad():
            vae = self.pipe.vae
            clean = vae.encode(batch["pixels"]).latent_dist.mode() * vae.config.scaling_factor
            text = self.pipe.text_encoder(batch["ids"])[0]
        alphas = self.pipe.scheduler.alphas_cumprod.to(clean.device)[batch["times"]][:, None, None, None]
        alpha, s = alphas.sqrt(), (1 - alphas).sqrt()
        noisy = alpha * clean + s * batch["noise"]
        predicted = self.pipe.unet(noisy, batch["times"], encoder_hidden_states=text).sample
        targets = {
            "epsilon": batch["noise"],
            "v_prediction": alpha * batch["noise"] - s * clean,
            "sample": clean,
        }
        return {
            "loss": F.mse_loss(predicted.float(), targets[self.pipe.scheduler.config.prediction_type].float())
        }

    def show(self) -> list[Column]:
        """What the base paints with what was added, for held-out captions."""
        data = self.data.held_out()
        prompts = [data.prompt_of(scene) for scene in data.scenes(range(SHOWN))]
        self.pipe.set_progress_bar_config(disable=True)
        generators = [torch.Generator().manual_seed(i) for i in range(SHOWN)]
        painted = self.pipe(
            prompts, num_inference_steps=SHOWN_STEPS, generator=generators, output_type="np"
        ).images
        pixels = (torch.from_numpy(painted) * 255).round().to(torch.uint8)
        return [((row,), prompt) for row, prompt in zip(pixels, prompts, strict=True)]

    def save(self, folder: Path) -> None:
        """`pytorch_lora_weights.safetensors`, in float16."""
        from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers
        from peft import get_peft_model_state_dict

        added = convert_state_dict_to_diffusers(get_peft_model_state_dict(self.pipe.unet))
        self.pipe.save_lora_weights(folder, unet_lora_layers={k: v.half() for k, v in added.items()})
