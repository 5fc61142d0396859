"""The codebook that k-means finds, and its way to disk and back."""

from pathlib import Path

import torch

from diptych.engine.models.vision.patch_codebook import PatchCodebook
from diptych.pipelines.training.data.source import DRAFT_SIDE, WorldData
from diptych.pipelines.training.tasks.tokenizer import train_tokenizer


def test_pictures_survive_tokens_and_tokens_survive_pictures(book: PatchCodebook, data: WorldData) -> None:
    pixels = data.take(range(100, 110), DRAFT_SIDE).pixels
    tokens = book.encode(pixels)
    assert tokens.shape == (10, *book.grid) and int(tokens.max()) < book.codebook.size
    shown = book.decode(tokens)
    assert shown.shape == pixels.shape
    assert (shown.float() - pixels.float()).abs().mean() < 20
    assert torch.equal(book.decode(book.encode(shown)), shown)


def test_the_codebook_is_fitted_to_the_pictures(book: PatchCodebook, data: WorldData) -> None:
    pixels = data.take(range(40), DRAFT_SIDE).pixels
    random = PatchCodebook(
        torch.rand(book.centroids.shape, generator=torch.Generator().manual_seed(0)),
        patch=book.patch,
        grid=book.grid,
        name="random",
    )
    fitted, guessed = (
        float((each.decode(each.encode(pixels)).float() - pixels.float()).square().mean())
        for each in (book, random)
    )
    assert fitted < guessed / 4


def test_the_same_seed_gives_the_same_codebook_and_another_another(data: WorldData, tmp_path: Path) -> None:
    def fitted(seed: int) -> torch.Tensor:
        folder = tmp_path / str(seed)
        return train_tokenizer(
            data, folder, size=16, pictures=20, iterations=2, seed=seed, say=lambda _: None
        ).centroids

    assert torch.equal(fitted(1), fitted(1))
    assert not torch.equal(fitted(1), fitted(2))


def test_a_codebook_that_is_not_fitted_is_the_one_that_was_there(
    book: PatchCodebook, data: WorldData, tmp_path: Path
) -> None:
    kept = train_tokenizer(
        data, tmp_path, size=book.codebook.size, pictures=4, iterations=0, start=book, say=lambda _: None
    )
    assert torch.equal(kept.centroids, book.centroids) and kept.codebook == book.codebook


def test_a_codebook_is_the_same_after_saving(book: PatchCodebook, tmp_path: Path) -> None:
    book.save_pretrained(tmp_path)
    again = PatchCodebook.from_pretrained(tmp_path)
    assert torch.equal(again.centroids, book.centroids)
    assert (again.grid, again.patch, again.codebook) == (book.grid, book.patch, book.codebook)
