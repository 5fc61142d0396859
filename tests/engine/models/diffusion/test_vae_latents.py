import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from diptych.engine.models.checkpoint.folder import folder_of
from diptych.engine.models.diffusion.patch_latents import PatchLatents
from diptych.engine.models.diffusion.refiner import PreviewRefiner, load_latents
from diptych.engine.models.diffusion.vae_latents import VaeLatents
from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey


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


@pytest.fixture(scope="module")
def overflowing(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As SDXL's: `force_upcast`, and activations beyond what float16 holds, which the last norm brings back."""
    vae: Any = AutoencoderKL.from_pretrained(folder, local_files_only=True)
    assert vae.config.force_upcast
    with torch.no_grad():
        vae.decoder.conv_in.weight *= 1e6
        vae.decoder.conv_in.bias *= 1e6
    path = tmp_path_factory.mktemp("overflowing")
    vae.save_pretrained(path)
    return path


@torch.inference_mode()
def test_an_autoencoder_that_overflows_in_float16_works_in_float32(overflowing: Path) -> None:
    whole, half = (load_latents(overflowing, dtype) for dtype in (torch.float32, torch.float16))
    assert isinstance(whole, VaeLatents) and isinstance(half, VaeLatents)
    assert half.vae.dtype == torch.float32
    latents = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    pixels, sound = half.painted(latents)
    assert sound.all() and torch.equal(pixels, whole.painted(latents)[0]) and pixels.unique().numel() > 9
    half.vae.to(torch.float16)  # what became of it otherwise, and that it is noticed
    assert not half.painted(latents)[1].any()


def test_bfloat16_which_reaches_as_far_stays(overflowing: Path) -> None:
    brief = load_latents(overflowing, torch.bfloat16)
    assert isinstance(brief, VaeLatents) and brief.vae.dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("kind", ["vae", "patches"])
def test_what_is_counted_of_a_refiner_is_what_is_loaded(
    folder: Path, tmp_path: Path, dtype: str, kind: str
) -> None:
    shutil.copytree(folder_of("pocket/refiner"), tmp_path / "refiner")
    if kind == "vae":
        shutil.rmtree(tmp_path / "refiner" / "latents")
        shutil.copytree(folder, tmp_path / "refiner" / "latents")
    key: ModelKey[PreviewRefiner] = ModelKey("diffusers", str(tmp_path / "refiner"), dtype)
    registry = Registry()
    handle = registry.load(key, "cpu")
    modules = (handle.unet, handle.text_encoder, handle.latents)
    held = sum(each.nbytes for module in modules for each in module.state_dict().values())
    assert 0 <= registry.weight_bytes(key) - held < 4096  # padding
