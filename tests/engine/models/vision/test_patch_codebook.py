"""Pictures to token grids and back, by the nearest entry of a codebook."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.models.vision.patch_codebook import PatchCodebook, load_codebook
from diptych.engine.values import Codebook


def codebook(*, patch: int = 4, size: int = 32, grid: tuple[int, int] = (3, 5)) -> PatchCodebook:
    """Random patches of whole steps of 1/255, so that what is decoded is exact."""
    levels = torch.randint(0, 256, (size, patch * patch * 3), generator=torch.Generator().manual_seed(0))
    return PatchCodebook(levels / 255, patch=patch, grid=grid, name="random")


def tokens_of(book: PatchCodebook, *, rows: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, book.codebook.size, (rows, *book.grid), generator=generator)


def book_pixels(book: PatchCodebook) -> torch.Tensor:
    """Any two pictures of the codebook's size."""
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (2, *book.side, 3), generator=generator, dtype=torch.uint8)


@settings(max_examples=30, deadline=None)
@given(
    patch=st.integers(1, 6),
    grid=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    rows=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_tokens_come_back_from_their_pixels(patch: int, grid: tuple[int, int], rows: int, seed: int) -> None:
    book = codebook(patch=patch, grid=grid)
    tokens = tokens_of(book, rows=rows, seed=seed)
    pixels = book.decode(tokens)
    assert pixels.shape == (rows, *book.side, 3) and pixels.dtype == torch.uint8
    assert torch.equal(book.encode(pixels), tokens)


def test_a_patch_stands_where_its_token_does() -> None:
    book = codebook()
    tokens = tokens_of(book, rows=1, seed=1)
    pixels = book.decode(tokens)
    for row in range(3):
        for column in range(5):
            patch = pixels[0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            expected = (book.centroids[tokens[0, row, column]] * 255).reshape(4, 4, 3)
            torch.testing.assert_close(patch.float(), expected)


def test_a_picture_is_named_by_the_nearest_entries() -> None:
    book = codebook(size=100)
    pixels = book_pixels(book)
    distances = torch.cdist(book.patches(pixels).flatten(0, 2), book.centroids)
    assert torch.equal(book.encode(pixels).flatten(), distances.argmin(1))


def test_a_picture_of_many_patches_is_encoded_as_in_parts() -> None:
    book = codebook(patch=1, size=16, grid=(100, 100))
    pixels = book_pixels(book)
    halves = [book.encode(half) for half in pixels.split(50, 1)]
    assert torch.equal(book.encode(pixels), torch.cat(halves, 1))


def test_a_codebook_is_kept_on_disk(tmp_path: Path) -> None:
    book = codebook()
    book.save_pretrained(tmp_path / "book")
    again = load_codebook(tmp_path / "book", torch.bfloat16, torch.device("cpu"))
    assert (again.patch, again.grid, again.codebook) == (4, (3, 5), Codebook(name="random", size=32))
    assert again.centroids.dtype == torch.float32
    tokens = tokens_of(book, rows=2, seed=2)
    assert torch.equal(again.decode(tokens), book.decode(tokens))
    assert torch.equal(again.encode(book.decode(tokens)), tokens)


def test_centroids_of_another_patch_are_refused() -> None:
    with pytest.raises(AssertionError, match="against patch 3"):
        PatchCodebook(torch.zeros(8, 4 * 4 * 3), patch=3, grid=(1, 1), name="wrong")
