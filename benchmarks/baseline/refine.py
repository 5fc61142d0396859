"""Refine, as a script does it: a diffusers scheduler's loop around a U-Net.

As shown in diffusers' guide "Understanding pipelines, models and schedulers": set the timesteps, predict, step.
The U-Net predicts the clean latents of what the draft's preview lacks, and is given the preview's latents.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from transformers import AutoTokenizer, CLIPTextModel

from ...engine.errors import InputError
from ...engine.models.diffusion.refiner import load_latents
from .draft import framed


class Refiner:
    """A U-Net with its text encoder and scheduler; arguments as `plan.Planner`."""

    def __init__(
        self,
        folder: Path,
        *,
        dtype: torch.dtype,
        device: torch.device,
        steps: int,
        guidance_scale: float,
        weights_on: torch.device | None = None,
    ) -> None:
        where = weights_on or device
        self.unet: Any = UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=dtype)
        self.text_encoder: Any = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=dtype)
        for model in (self.unet, self.text_encoder):
            model.eval().to(where)
        self.tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
        self.latents = load_latents(folder / "latents", dtype).to(where)
        self.scheduler: Any = FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler")
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        if (index.get("path", "flow"), index["prediction_type"]) != ("flow", "sample"):
            raise InputError(f"{folder}: this script knows refiners that predict clean latents of a flow only")
        self.text_length: int = index["text_length"]
        self.device, self.steps, self.guidance_scale = device, steps, guidance_scale

    @torch.inference_mode()
    def __call__(
        self,
        prompts: Sequence[str],
        previews: torch.Tensor,
        *,
        noise: torch.Tensor | None = None,
        seed: int = 0,
    ) -> torch.Tensor:
        """Pictures uint8 (b, height, width, 3) on the CPU, of previews uint8 (b, h', w', 3)."""
        cells = int(self.unet.config.sample_size)
        side = cells * self.latents.patch
        condition = self.latents.encode_previews(previews, side, side).float()
        text = self.encode(prompts)
        guided = self.guidance_scale != 1
        if guided:
            text = torch.cat([text, self.encode([""] * len(prompts))])
        if noise is None:
            generator = torch.Generator().manual_seed(seed)
            noise = torch.randn(len(prompts), self.latents.channels, cells, cells, generator=generator)
        x = noise.to(condition)
        self.scheduler.set_timesteps(sigmas=[1 - i / self.steps for i in range(self.steps)], device=self.device)
        for i, timestep in enumerate(self.scheduler.timesteps):
            model_input = torch.cat([x, condition], 1).to(self.unet.dtype)
            if guided:
                cond, uncond = self.unet(model_input.repeat(2, 1, 1, 1), timestep, text).sample.float().chunk(2)
                clean = uncond + self.guidance_scale * (cond - uncond)
            else:
                clean = self.unet(model_input, timestep, text).sample.float()
            velocity = (x - clean) / self.scheduler.sigmas[i]
            x = self.scheduler.step(velocity, timestep, x, return_dict=False)[0]
        return self.latents.decode((x * self.latents.residual_scale + condition).float()).cpu()

    def encode(self, prompts: Sequence[str]) -> torch.Tensor:
        ids = torch.tensor([framed(self.tokenizer, prompt, self.text_length) for prompt in prompts])
        return self.text_encoder(input_ids=ids.to(self.device)).last_hidden_state
