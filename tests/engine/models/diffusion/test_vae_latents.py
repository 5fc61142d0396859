from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from diptych.engine.models.checkpoint.folder import folder_of
from diptych.engine.models.diffusion.patch_latents import PatchLatents
from diptych.engine.models.diffusion.refiner import load_latents
from diptych.engine.models.diffusion.vae_latents import VaeLatents


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small autoencoder: latents of 4 channels, a fourth of the picture's side."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "block_out_channels": (8, 8, 8),
        "down_block_types": ("DownEncoderBlock2D",) * 3,
        "up_block_types": ("UpDecoderBlock2D",) * 3,
    }
    vae = AutoencoderKL(**sizes, latent_channels=4, norm_num_groups=4, scaling_factor=0.5)
    path = tmp_path_factory.mktemp("vae")
    vae.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def latents(folder: Path) -> VaeLatents:
    loaded = load_latents(folder, torch.float32)
    assert isinstance(loaded, VaeLatents)
    return loaded


@torch.inference_mode()
def test_pictures_become_latents_and_pixels_again(latents: VaeLatents) -> None:
    previews = torch.randint(256, (2, 8, 8, 3), dtype=torch.uint8)
    encoded = latents.encode_previews(previews, 16, 24)
    assert (latents.patch, latents.channels) == (4, 4)
    assert encoded.shape == (2, 4, 4, 6) and encoded.dtype == torch.float32
    pixels = latents.decode(encoded)
    assert pixels.shape == (2, 16, 24, 3) and pixels.dtype == torch.uint8


@torch.inference_mode()
def test_latents_are_scaled_as_the_autoencoder_says(latents: VaeLatents) -> None:
    pixels = torch.randint(256, (1, 16, 16, 3))
    mean = latents.vae.encode((pixels / 127.5 - 1).permute(0, 3, 1, 2)).latent_dist.mode()
    torch.testing.assert_close(latents.encode(pixels), mean * 0.5)
    shown = latents.vae.decode(mean).sample.clamp(-1, 1).permute(0, 2, 3, 1)
    assert (latents.decode(mean * 0.5).float() / 127.5 - 1 - shown).abs().max() < 1 / 127


@torch.inference_mode()
def test_a_row_does_not_depend_on_its_neighbours(latents: VaeLatents) -> None:
    pixels = torch.randint(256, (3, 16, 16, 3))
    assert torch.equal(latents.encode(pixels)[1:2], latents.encode(pixels[1:2]))


def test_which_latents_a_folder_holds_is_told_by_its_config() -> None:
    pocket = load_latents(folder_of("pocket/refiner") / "latents", torch.float32)
    assert isinstance(pocket, PatchLatents)
