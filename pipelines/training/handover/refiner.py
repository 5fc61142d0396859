"""A small diffusion model that is handed the text of a draft, and beside it nothing, its tokens, or states."""

from collections.abc import Iterator
from typing import Any, Literal, get_args

import torch

from ....engine.diffusion.denoising import denoise, even_sigmas
from ....engine.diffusion.objective import Objective
from ....engine.models.diffusion.patch_latents import PatchLatents
from ....engine.models.vision.patch_codebook import PatchCodebook
from ..tasks.drafter import TEXT_LENGTH
from .drafts import Drafts

Handed = Literal["text", "tokens", "states"]
HANDED: tuple[Handed, ...] = get_args(Handed)
PATCH = 4  # pixels on a side of a token, and of a latent: each token has a latent of its own
CHANNELS, TEXT_SIZE = (48, 96), 96
STEPS = 8
LEAST_SIGMA = 0.2  # below it, errors weigh no more than there


class HandedRefiner(torch.nn.Module):
    """Paints 64 x 64 pixels from noise. All kinds have the same U-Net and text encoder, from the same seed; a
    projector, trained along, lays what is handed over onto the grid of latents.

    Args:
        handed: what it is given of a draft beside the text.
        width: numbers of the drafter's states at a token.
        words: size of the text's vocabulary.
    """

    def __init__(self, handed: Handed, codebook: PatchCodebook, *, width: int, words: int) -> None:
        from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel

        super().__init__()
        self.handed: Handed = handed
        self.codebook = [codebook]  # not trained, so no part of this module
        size = PATCH * PATCH * 3
        self.latents = PatchLatents(torch.zeros(size), torch.eye(size), patch=PATCH, residual_scale=1.0)
        self.objective = Objective()
        torch.manual_seed(0)
        self.unet: Any = UNet2DConditionModel(
            sample_size=codebook.grid[0],
            in_channels=2 * size,
            out_channels=size,
            block_out_channels=CHANNELS,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            layers_per_block=1,
            cross_attention_dim=TEXT_SIZE,
            attention_head_dim=32,
            norm_num_groups=16,
        )
        self.text_encoder: Any = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=words,
                hidden_size=TEXT_SIZE,
                intermediate_size=4 * TEXT_SIZE,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=TEXT_LENGTH,
                bos_token_id=0,  # only a pooled vector would need them, and nobody reads that
                eos_token_id=words - 1,
            )
        )
        self.projector = torch.nn.Conv2d({"text": 1, "tokens": size, "states": width}[handed], size, 1)

    def condition(self, drafts: Drafts) -> torch.Tensor:
        """What is handed over, on the grid of latents: float32 (b, c, h, w); zeros where it is the text
        alone."""
        match self.handed:
            case "text":
                return self.projector(torch.zeros(len(drafts), 1, *drafts.tokens.shape[1:])) * 0
            case "tokens":
                return self.projector(self.latents.encode(self.codebook[0].decode(drafts.tokens)))
            case "states":
                return self.projector(drafts.states.float())

    def loss(self, drafts: Drafts, g: torch.Generator) -> torch.Tensor:
        """Squared error of the clean latents, as that of the flow's velocity weighs it."""
        clean = self.latents.encode(drafts.pixels)
        sigma = torch.rand(len(clean), generator=g)
        noise = torch.randn(clean.shape, generator=g)
        noisy = self.objective.noisy(clean, noise, sigma)
        predicted = self._clean(noisy, sigma, self._text(drafts), self.condition(drafts))
        weight = 1 / sigma.clamp_min(LEAST_SIGMA).square()
        return ((predicted - clean).square().mean((1, 2, 3)) * weight).mean()

    @torch.inference_mode()
    def paint(self, drafts: Drafts, *, steps: int = STEPS, at_once: int = 50) -> torch.Tensor:
        """uint8 (b, h, w, 3), from noise of each row's own."""
        return torch.cat(
            [self._painted(drafts.rows(part), part.start, steps) for part in _parts(drafts, at_once)]
        )

    def _painted(self, drafts: Drafts, first: int, steps: int) -> torch.Tensor:
        from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

        text, condition = self._text(drafts), self.condition(drafts)
        noise = torch.stack(
            [
                torch.randn(condition.shape[1:], generator=torch.Generator().manual_seed(first + i))
                for i in range(len(drafts))
            ]
        )
        *_, clean = denoise(
            lambda noisy, sigma: self._clean(noisy, sigma, text, condition),
            noise,
            scheduler=FlowMatchEulerDiscreteScheduler(),
            sigmas=even_sigmas(steps),
        )
        return self.latents.decode(clean)

    def _text(self, drafts: Drafts) -> torch.Tensor:
        return self.text_encoder(input_ids=drafts.text).last_hidden_state

    def _clean(
        self, noisy: torch.Tensor, sigma: torch.Tensor, text: torch.Tensor, condition: torch.Tensor
    ) -> torch.Tensor:
        entering = torch.cat([noisy, condition], 1)
        return self.unet(entering, self.objective.timestep(sigma), text).sample


def _parts(drafts: Drafts, size: int) -> Iterator[slice]:
    for start in range(0, len(drafts), size):
        yield slice(start, min(len(drafts), start + size))
