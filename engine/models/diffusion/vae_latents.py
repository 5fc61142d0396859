"""A variational autoencoder of diffusers as the latent space in which a refiner paints: AutoencoderKL
(Rombach et al. 2022, "High-resolution image synthesis with latent diffusion models"). Knows nothing of
diffusion, and nothing of how the autoencoder was loaded.
"""

from typing import Any

import torch
import torch.nn.functional as F

from ...guards.finite import finite_rows


class VaeLatents(torch.nn.Module):
    """Pictures to latents of about unit variance and back, one picture at a time: an autoencoder's
    activations are the largest of a whole chain. `patch_latents.PatchLatents` does the same.

    Args:
        vae: an `AutoencoderKL`.
    """

    residual_scale = 1.0  # what is painted on top of a preview's latents is of the latents' own size

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.vae = vae
        self.patch = 2 ** (len(vae.config["block_out_channels"]) - 1)  # pixels on a latent's side
        self._factor = float(vae.config["scaling_factor"])

    @property
    def channels(self) -> int:
        return int(self.vae.config["latent_channels"])

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels 0..255 (b, h·patch, w·patch, 3) to float32 latents (b, c, h, w): the means of their
        posteriors."""
        x = (pixels.float() / 127.5 - 1).permute(0, 3, 1, 2).to(self.vae.dtype)
        means = [self.vae.encode(each[None]).latent_dist.mode() for each in x]
        return torch.cat(means).float() * self._factor

    def encode_previews(self, previews: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Previews uint8 (b, h', w', 3), enlarged to (height, width) bicubically, to latents (b, c, h, w)."""
        x = previews.permute(0, 3, 1, 2).float()
        x = F.interpolate(x, (height, width), mode="bicubic", align_corners=False).clamp(0, 255)
        return self.encode(x.permute(0, 2, 3, 1))

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Float latents (b, c, h, w) to uint8 pixels (b, h·patch, w·patch, 3)."""
        return self.painted(latents)[0]

    def painted(self, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As `decode`, and which of the pictures hold nothing but numbers: bool (b,)."""
        x = (latents / self._factor).to(self.vae.dtype)
        pixels, sound = zip(*(self._painted(each[None]) for each in x), strict=True)
        return torch.cat(pixels), torch.cat(sound)

    def _painted(self, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        sample = self.vae.decode(latents).sample.float()
        pixels = ((sample + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
        return pixels, finite_rows(sample)


def is_vae(config: dict[str, object]) -> bool:
    """Whether a folder with this `config.json` holds such an autoencoder."""
    return config.get("_class_name") == "AutoencoderKL"
