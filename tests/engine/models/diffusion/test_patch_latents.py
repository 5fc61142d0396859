"""Pictures to latents and back: a change of basis, and the best one of fewer dimensions."""

from pathlib import Path

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.models.checkpoint.folder import folder_of
from diptych.engine.models.diffusion.patch_latents import PatchLatents


def latents(*, patch: int = 4, channels: int | None = None) -> PatchLatents:
    """A random orthonormal basis."""
    generator = torch.Generator().manual_seed(0)
    size = patch * patch * 3
    basis = torch.linalg.qr(torch.randn(size, size, generator=generator))[0][:, :channels]
    mean = torch.rand(size, generator=generator) - 0.5
    return PatchLatents(mean, basis.contiguous(), patch=patch, residual_scale=0.25)


def pixels_of(rows: int, height: int, width: int, *, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (rows, height, width, 3), generator=generator, dtype=torch.uint8)


@settings(max_examples=30, deadline=None)
@given(
    patch=st.integers(1, 5),
    grid=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    rows=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_with_all_dimensions_nothing_is_lost(patch: int, grid: tuple[int, int], rows: int, seed: int) -> None:
    codec = latents(patch=patch)
    pixels = pixels_of(rows, grid[0] * patch, grid[1] * patch, seed=seed)
    z = codec.encode(pixels)
    assert z.shape == (rows, patch * patch * 3, *grid) and z.dtype == torch.float32
    assert torch.equal(codec.decode(z), pixels)


def test_with_fewer_dimensions_a_latent_still_comes_back() -> None:
    """Encoding what was decoded changes nothing, but for the rounding to whole pixels."""
    codec = latents(patch=8, channels=24)
    z = 0.2 * torch.randn(2, 24, 3, 4, generator=torch.Generator().manual_seed(0))
    decoded = codec.decode(z)
    assert int(decoded.min()) > 0 and int(decoded.max()) < 255, "nothing was clipped"
    torch.testing.assert_close(codec.encode(decoded), z, rtol=0, atol=0.05)


def test_a_difference_of_latents_is_one_of_pixels() -> None:
    codec = latents(patch=4, channels=24)
    one, other = 0.1 * torch.randn(2, 1, 24, 2, 3, generator=torch.Generator().manual_seed(5))
    apart = codec.patches(codec.decode(one)) - codec.patches(codec.decode(other))
    torch.testing.assert_close(codec.pixels_of(one - other).permute(0, 2, 3, 1), apart, rtol=0, atol=0.01)


def test_lengths_are_kept() -> None:
    """An orthonormal change of basis: noise of unit variance stays so, and errors weigh the same in pixels."""
    codec = latents(patch=4)
    one, other = pixels_of(1, 8, 8), pixels_of(1, 8, 8, seed=1)
    in_pixels = (one.float() - other.float()).norm() / 127.5
    torch.testing.assert_close((codec.encode(one) - codec.encode(other)).norm(), in_pixels)


def test_a_patch_stands_where_its_latent_does() -> None:
    codec = latents(patch=4)
    z = codec.encode(pixels_of(1, 8, 12))
    changed = z.clone()
    changed[0, :, 1, 2] = 0
    where = (codec.decode(z) != codec.decode(changed)).any(-1)[0]
    assert bool(where[4:, 8:].any())
    where[4:, 8:] = False
    assert not bool(where.any())


def test_a_preview_is_enlarged_before_it_is_encoded() -> None:
    codec = latents(patch=4)
    flat = torch.full((1, 3, 3, 3), 200, dtype=torch.uint8)
    large = torch.full((1, 8, 12, 3), 200, dtype=torch.uint8)
    torch.testing.assert_close(codec.encode_previews(flat, 8, 12), codec.encode(large))
    same = pixels_of(1, 8, 8)
    torch.testing.assert_close(codec.encode_previews(same, 8, 8), codec.encode(same))
    sharp = torch.zeros(1, 4, 4, 3, dtype=torch.uint8)
    sharp[0, :, 2:] = 255
    enlarged = codec.patches(codec.decode(codec.encode_previews(sharp, 16, 16)))
    assert float(enlarged.min()) == -1 and float(enlarged.max()) == 1  # overshoot is cut off


def test_latents_are_kept_on_disk(tmp_path: Path) -> None:
    codec = latents(patch=4, channels=9)
    codec.save_pretrained(tmp_path / "codec")
    again = PatchLatents.from_pretrained(tmp_path / "codec")
    assert (again.patch, again.channels, again.residual_scale) == (4, 9, 0.25)
    assert torch.equal(again.basis, codec.basis) and torch.equal(again.mean, codec.mean)


def test_the_pocket_basis_is_orthonormal() -> None:
    codec = PatchLatents.from_pretrained(folder_of("pocket/refiner") / "latents")
    product = codec.basis.T @ codec.basis
    torch.testing.assert_close(product, torch.eye(codec.channels), rtol=0, atol=1e-4)
