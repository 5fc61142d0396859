"""A linear autoencoder of square patches: the latent space in which the pocket refiner paints.

Principal components of patches (Pearson 1901), in closed form: encoding and decoding are one small
matrix product each, so nothing of a picture's second is spent on them. Knows nothing of diffusion.
"""

import functools
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from ...guards.finite import check_numbers, finite_rows
from ..checkpoint.folder import read_json


class PatchLatents(torch.nn.Module):
    """Pictures to latents and back.

    Args:
        mean: float32 (patch · patch · 3), of patches in [-1, 1].
        basis: float32 (patch · patch · 3, c), orthonormal columns.
        patch: pixels on a patch's side.
        residual_scale: what divides the difference of a picture's latents and its preview's, so that it has
            about unit variance.
    """

    mean: torch.Tensor
    basis: torch.Tensor

    def __init__(self, mean: torch.Tensor, basis: torch.Tensor, *, patch: int, residual_scale: float) -> None:
        super().__init__()
        assert basis.shape[0] == mean.shape[0] == patch * patch * 3, (
            f"{tuple(basis.shape)} against patch {patch}"
        )
        self.register_buffer("mean", mean)
        self.register_buffer("basis", basis)
        self.patch, self.residual_scale = patch, residual_scale

    @property
    def channels(self) -> int:
        return int(self.basis.shape[1])

    def patches(self, pixels: torch.Tensor) -> torch.Tensor:
        """uint8 or float 0..255 (b, h·patch, w·patch, 3) to float32 (b, h, w, patch·patch·3) in [-1, 1]."""
        b, height, width, _ = pixels.shape
        h, w, p = height // self.patch, width // self.patch, self.patch
        cut = pixels.reshape(b, h, p, w, p, 3).permute(0, 1, 3, 2, 4, 5)
        return cut.reshape(b, h, w, p * p * 3).float() / 127.5 - 1

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels 0..255 (b, h·patch, w·patch, 3) to float32 latents (b, c, h, w)."""
        return ((self.patches(pixels) - self.mean) @ self.basis).permute(0, 3, 1, 2).contiguous()

    def encode_previews(self, previews: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Previews uint8 (b, h', w', 3), enlarged to (height, width) bicubically, to latents (b, c, h, w)."""
        x = previews.permute(0, 3, 1, 2).float()  # (b, 3, h', w')
        rows = _enlarging(x.shape[2], height, x.device)
        columns = _enlarging(x.shape[3], width, x.device)
        x = (rows @ x @ columns.T).clamp(0, 255)
        return self.encode(x.permute(0, 2, 3, 1))

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """float32 latents (b, c, h, w) to uint8 pixels (b, h·patch, w·patch, 3)."""
        return self.painted(latents)[0]

    def painted(self, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As `decode`, and which of the pictures hold nothing but numbers: bool (b,)."""
        b, _, h, w = latents.shape
        p = self.patch
        x = latents.permute(0, 2, 3, 1) @ self.basis.T + self.mean
        x = x.reshape(b, h, w, p, p, 3).permute(0, 1, 3, 2, 4, 5).reshape(b, h * p, w * p, 3)
        return ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8), finite_rows(x)

    def pixels_of(self, difference: torch.Tensor) -> torch.Tensor:
        """What a difference of latents (b, c, h, w) is in pixels of [-1, 1]: (b, patch · patch · 3, h, w)."""
        return torch.einsum("bchw,pc->bphw", difference, self.basis.to(difference))

    def save_pretrained(self, folder: Path) -> None:
        """Write `config.json` and `model.safetensors`."""
        folder.mkdir(parents=True, exist_ok=True)
        config = {"model_type": "patch-latents", "patch": self.patch, "residual_scale": self.residual_scale}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        save_file({"mean": self.mean, "basis": self.basis.contiguous()}, folder / "model.safetensors")

    @classmethod
    def from_pretrained(cls, folder: Path) -> "PatchLatents":
        config = read_json(folder / "config.json")
        tensors = load_file(folder / "model.safetensors")
        check_numbers(tensors, folder / "model.safetensors")
        return cls(
            tensors["mean"], tensors["basis"], patch=config["patch"], residual_scale=config["residual_scale"]
        )


@functools.lru_cache(maxsize=16)
def _enlarging(size: int, to: int, device: torch.device) -> torch.Tensor:
    """The matrix (to, size) that enlarges one side bicubically (Keys 1981, as torch does it: a = -0.75), so
    that a picture's enlargement is two small products; float32, made once."""
    with torch.inference_mode(False):  # else training could not use what inference kept
        eye = torch.eye(size)[None, None]
        return F.interpolate(eye, (to, size), mode="bicubic", align_corners=False)[0, 0].to(device)
